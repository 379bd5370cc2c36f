"""What was submitted, and how to follow it until it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from pipeline_tools.errors import PipelineToolsError, ServiceError
from pipeline_tools.runs.result import Step, StepStatus

RunStatus = Literal["pending", "running", "succeeded", "failed", "canceled"]
_PATIENCE = 10  # times in a row that a service may not answer before we stop asking

Observer = Callable[["Submission", Step | None], None]
"""Told of every change: the submission as it stands, and the step that changed, or none when it is the run itself."""


class ConnectionLostError(PipelineToolsError):
    """A run goes on, but nobody follows it: time is up, or the service does not answer.

    Attributes:
        submission: The run as it was seen last.
    """

    def __init__(self, message: str, submission: Submission) -> None:
        super().__init__(message)
        self.submission = submission


@dataclass(frozen=True)
class State:
    """A run as its service tells it.

    Attributes:
        status: What the run as a whole does.
        error: Why it failed, where the service says.
        steps: Those that have begun, by name.
    """

    status: RunStatus
    error: str | None = None
    steps: Mapping[str, Step] = field(default_factory=dict)


@dataclass(frozen=True)
class Submission:
    """What was submitted, and what became of it.

    Attributes:
        service: ``kubeflow`` or ``vertex``.
        pipeline: Name of the pipeline.
        sha256: Digest of the package's bytes.
        parameters: What the run was given; the other parameters have their defaults.
        ids: What the service calls it: ``pipeline``, ``version``, ``experiment``, ``run``, ``recurring_run``.
        links: Pages of the user interface, by the same names.
        version: Name of the pipeline's version.
        version_created: Whether the version is new; none where a service has no versions.
        experiment: Name of the experiment.
        run: Name of the run, or of the recurring run.
        cron: The schedule as it was sent, of a recurring run.
        status: ``pending``, ``running``, ``succeeded``, ``failed``, ``canceled``, or ``scheduled``.
        error: Why the run failed.
        steps: The steps by name, in the order of the specification.
        notes: What a person should know, and need not mend.
    """

    service: Literal["kubeflow", "vertex"]
    pipeline: str
    sha256: str
    parameters: Mapping[str, Any]
    ids: Mapping[str, str]
    links: Mapping[str, str]
    version: str = ""
    version_created: bool | None = None
    experiment: str = ""
    run: str = ""
    cron: str | None = None
    status: RunStatus | Literal["scheduled"] = "pending"
    error: str | None = None
    steps: Mapping[str, Step] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    poll: Callable[[], State] | None = field(default=None, repr=False, compare=False)

    imports: ClassVar[Mapping[str, float | None]] = {}
    """Nothing is imported here for a run that goes on elsewhere; what shows a run asks for this."""

    @property
    def place(self) -> str:
        """Where it can be looked at."""
        return self.links.get("run") or self.links.get("recurring_run") or self.ids.get("run", "")

    def wait(
        self, *, timeout: float | None = None, poll_seconds: float = 5.0, observer: Observer | None = None
    ) -> Submission:
        """Follow the run until it ends. Ctrl-C ends the following, not the run.

        Args:
            timeout: Seconds to wait at most; default as long as it takes.
            poll_seconds: Seconds between two questions.
            observer: Called at every change with the run as it stands, and the step that changed.

        Returns:
            The submission as it ended; `status` tells how.

        Raises:
            ConnectionLostError: Time is up, or the service did not answer ten times in a row. The run goes on.
            ServiceError: The service refuses to answer.
        """
        if self.poll is None:
            return self
        observer = observer or (lambda _submission, _step: None)
        deadline = None if timeout is None else time.monotonic() + timeout
        now, silent = self, 0
        observer(now, None)
        while True:
            try:
                state = self.poll()
            except ServiceError as error:
                if _refused(error):
                    raise
                silent += 1
                if silent >= _PATIENCE:
                    raise ConnectionLostError(f"{error}. The run goes on without being followed", now) from None
            else:
                silent = 0
                before, now = now, replace(now, status=state.status, error=state.error, steps=_merge(now, state))
                for name, step in now.steps.items():
                    if step != before.steps.get(name):
                        observer(now, step)
                if now.status not in ("pending", "running"):
                    observer(now, None)
                    return now
            pause = poll_seconds
            if deadline is not None:
                pause = min(pause, deadline - time.monotonic())
                if pause <= 0:
                    raise ConnectionLostError(
                        f"not ended after {timeout:g} s. The run goes on without being followed", now
                    )
            time.sleep(pause)

    def to_json(self) -> dict[str, Any]:
        """Give all of it as plain values."""
        return {
            "service": self.service,
            "pipeline": self.pipeline,
            "sha256": self.sha256,
            "version": self.version,
            "version_created": self.version_created,
            "experiment": self.experiment,
            "run": self.run,
            "cron": self.cron,
            "parameters": dict(self.parameters),
            "ids": dict(self.ids),
            "links": {key: link for key, link in self.links.items() if link},
            "status": self.status,
            "error": self.error,
            "notes": list(self.notes),
            "steps": {
                name: {"status": step.status, "seconds": step.seconds, "error": step.error}
                for name, step in self.steps.items()
            },
        }


def _refused(error: ServiceError) -> bool:
    return error.status is not None and 400 <= error.status < 500 and error.status not in (408, 429)


def _merge(before: Submission, state: State) -> dict[str, Step]:
    """Lay what a service says over the steps that are known; when a run has ended, none is left waiting."""
    ended = state.status not in ("pending", "running")
    steps = {}
    for name, step in before.steps.items():
        told = state.steps.get(name, step)
        left: dict[str, StepStatus] = {"pending": "skipped", "running": "interrupted"}
        if ended and told.status in left:
            told = replace(told, status=left[told.status], reason="the run has ended")
        steps[name] = told
    return steps
