"""What was submitted, and how to follow it until it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from pipeline_tools.errors import PipelineToolsError, ServiceError
from pipeline_tools.runs.result import Step, StepStatus

RunStatus = Literal["pending", "running", "succeeded", "failed", "canceled"]
_PATIENCE = 10  # consecutive failures to reach the service before following stops

Observer = Callable[["Submission", Step | None], None]
"""Called at every change with the submission and the step that changed; None if it is the run itself."""


class ConnectionLostError(PipelineToolsError):
    """The run continues, but can no longer be followed: the timeout has passed, or the service does not answer.

    Attributes:
        submission: The run as last seen.
    """

    def __init__(self, message: str, submission: Submission) -> None:
        super().__init__(message)
        self.submission = submission


@dataclass(frozen=True)
class State:
    """The state of a run as its service reports it.

    Attributes:
        status: The status of the run as a whole.
        error: Why it failed, if the service says so.
        steps: The steps that have started, by name.
    """

    status: RunStatus
    error: str | None = None
    steps: Mapping[str, Step] = field(default_factory=dict)


@dataclass(frozen=True)
class Submission:
    """What was submitted, and its state.

    Attributes:
        service: ``kubeflow`` or ``vertex``.
        pipeline: Name of the pipeline.
        sha256: Digest of the package's bytes.
        parameters: The given parameters; all others have their defaults.
        ids: The service's IDs: ``pipeline``, ``version``, ``experiment``, ``run``, ``recurring_run``.
        links: Pages of the user interface, by the same keys.
        version: Name of the pipeline's version.
        version_created: Whether the version is new; None if the service has no versions.
        experiment: Name of the experiment.
        run: Name of the run, or of the recurring run.
        cron: The schedule of a recurring run, as it was sent.
        status: ``pending``, ``running``, ``succeeded``, ``failed``, ``canceled``, or ``scheduled``.
        error: Why the run failed.
        steps: The steps by name, in the order of the specification.
        notes: Remarks that need no action.
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
    """Import times, which a local run has; always empty for a remote run."""

    @property
    def location(self) -> str:
        """Where the run can be seen."""
        return self.links.get("run") or self.links.get("recurring_run") or self.ids.get("run", "")

    def wait(
        self, *, timeout: float | None = None, poll_seconds: float = 5.0, observer: Observer | None = None
    ) -> Submission:
        """Follow the run until it ends. Ctrl-C stops following, not the run.

        Args:
            timeout: Maximum number of seconds to wait. Default: no limit.
            poll_seconds: Seconds between two requests.
            observer: Called at every change with the submission and the step that changed.

        Returns:
            The submission in its final state; see `status`.

        Raises:
            ConnectionLostError: The timeout has passed, or ten requests in a row failed. The run continues.
            ServiceError: The service rejects the request.
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
                    raise ConnectionLostError(f"{error}. The run continues, but is no longer followed", now) from None
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
                        f"the run has not ended after {timeout:g} s. It continues, but is no longer followed", now
                    )
            time.sleep(pause)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
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
    """Update the known steps by what the service reports; when a run has ended, no step is left waiting."""
    ended = state.status not in ("pending", "running")
    steps = {}
    for name, step in before.steps.items():
        told = state.steps.get(name, step)
        left: dict[str, StepStatus] = {"pending": "skipped", "running": "interrupted"}
        if ended and told.status in left:
            told = replace(told, status=left[told.status], reason="the run has ended")
        steps[name] = told
    return steps
