"""Run a compiled pipeline on this machine."""

from pipeline_tools.local.runner import resume, run
from pipeline_tools.runs.result import Artifact, NotUploadedError, RunFailedError, RunInterruptedError, RunResult, Step

__all__ = [
    "Artifact",
    "NotUploadedError",
    "RunFailedError",
    "RunInterruptedError",
    "RunResult",
    "Step",
    "resume",
    "run",
]
