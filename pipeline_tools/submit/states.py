"""Derive the state of a run from the details that Kubeflow Pipelines gives of pods, steps, drivers and nested DAGs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline_tools.runs.result import Step, StepStatus
from pipeline_tools.submit.submission import RunStatus, State

_RUNS: dict[str, RunStatus] = {
    "SUCCEEDED": "succeeded",
    "SKIPPED": "succeeded",
    "FAILED": "failed",
    "ERROR": "failed",
    "CANCELED": "canceled",
    "RUNNING": "running",
    "CANCELING": "running",
    "PAUSED": "running",
}
_STEPS: dict[str, StepStatus] = {
    "SUCCEEDED": "succeeded",
    "SKIPPED": "skipped",
    "FAILED": "failed",
    "ERROR": "failed",
    "CANCELED": "interrupted",
    "RUNNING": "running",
    "CANCELING": "running",
    "PAUSED": "running",
}
_ORDER: tuple[StepStatus, ...] = ("failed", "interrupted", "running", "pending", "succeeded", "skipped")
_DRIVER = "-driver"


def read_state(run: Any, names: Mapping[str, str], hide: Callable[[str], str]) -> State:
    """Read the state of a run.

    A step has several details: of its driver, itself and its pods, and in a loop of each iteration. It has failed if
    one of them has, is running while one is, and has succeeded when all have.

    Args:
        run: A ``V2beta1Run``.
        names: Display names by the specification's task names.
        hide: Removes secrets from a text.

    Returns:
        The state, with the steps that have started.
    """
    details = list((run.run_details.task_details if run.run_details else None) or [])
    by_step: dict[str, list[Any]] = {}
    for detail, step in zip(details, _owners(details, names), strict=True):
        if step:
            by_step.setdefault(step, []).append(detail)
    steps = {
        name: _step(name, names[name], by_step[name], hide) for name in names if name in by_step
    }  # in the order of the specification
    return State(_RUNS.get(run.state or "", "pending"), _error([run], hide), steps)


def _owners(details: Sequence[Any], names: Mapping[str, str]) -> list[str]:
    """Find the step of each detail: by its own name, or by that of its nearest ancestor."""
    parents = {detail.task_id: detail.parent_task_id for detail in details}
    known = {detail.task_id: find_step(_undriven(detail), names) for detail in details}
    by_pod = {detail.pod_name: detail.task_id for detail in details if detail.pod_name}
    for detail in details:
        for child in detail.child_tasks or []:
            below = child.task_id or by_pod.get(child.pod_name)
            if below in parents and not parents[below]:
                parents[below] = detail.task_id
    return [_climb(detail.task_id, known, parents) for detail in details]


def _undriven(detail: Any) -> str:
    return str(detail.display_name or "").removesuffix(_DRIVER)


def _climb(task: str | None, known: Mapping[str, str], parents: Mapping[str, str | None]) -> str:
    seen = set()
    while task is not None and task in known and task not in seen:
        if known[task]:
            return known[task]
        seen.add(task)
        task = parents.get(task)
    return ""


def find_step(told: str, names: Mapping[str, str]) -> str:
    """Find a step by its name in the specification or by its display name.

    Args:
        told: The name that the service gives.
        names: Display names by the specification's task names.

    Returns:
        The task name; empty if no step or several steps have that name.
    """
    if told in names:
        return told
    called = [name for name, display in names.items() if display == told]
    return called[0] if len(called) == 1 else ""


def _step(name: str, display: str, details: Sequence[Any], hide: Callable[[str], str]) -> Step:
    own = [detail for detail in details if detail.display_name in (name, display)]
    statuses = [_STEPS.get(detail.state or "", "pending") for detail in own]
    others = [_STEPS.get(detail.state or "", "pending") for detail in details if detail not in own]
    statuses += [each for each in others if each in ("failed", "interrupted")]
    if not own:  # the driver has started
        statuses.append("running")
    status = min(statuses, key=_ORDER.index)
    starts = [detail.start_time or detail.create_time for detail in details if detail.start_time or detail.create_time]
    ends = [detail.end_time for detail in details if detail.end_time and detail.end_time.year > 1970]
    seconds = None
    if status not in ("pending", "running") and starts and ends:
        seconds = max(0.0, (max(ends) - min(starts)).total_seconds())
    error = None
    if status == "failed":
        pods = sorted(
            {pod for detail in details if _STEPS.get(detail.state or "") == "failed" for pod in _pods(detail)}
        )
        where = f"see the log of pod {', '.join(pods)}" if pods else "see its log in the user interface"
        error = _error(details, hide) or f"the service gives no reason; {where}"
    return Step(
        name,
        display,
        status=status,
        error=error,
        attempts=1,
        started=min(starts).isoformat() if starts else None,
        seconds=seconds,
    )


def _pods(detail: Any) -> list[str]:
    pods = [detail.pod_name, *(child.pod_name for child in detail.child_tasks or [])]
    return [pod for pod in pods if pod]


def _error(details: Sequence[Any], hide: Callable[[str], str]) -> str | None:
    """Return the first error with a message: a detail's own, or that of its last state."""
    for detail in details:
        history = [state.error for state in reversed(detail.state_history or [])]
        for error in (detail.error, *history):
            if error is not None and error.message:
                return hide(str(error.message).strip())
    return None
