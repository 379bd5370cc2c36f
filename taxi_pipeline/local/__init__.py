"""Run a compiled pipeline on this machine."""

from taxi_pipeline.local.result import Artifact, NotUploadedError, RunFailedError, RunInterruptedError, RunResult, Step
from taxi_pipeline.local.runner import run

__all__ = ["Artifact", "NotUploadedError", "RunFailedError", "RunInterruptedError", "RunResult", "Step", "run"]
