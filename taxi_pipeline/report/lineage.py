"""Follow a run's artifacts back to the steps that made them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components.errors import InputError
from taxi_pipeline.local.result import Artifact, RunResult, Step


class Lineage:
    """A run, as seen from its artifacts.

    Args:
        run: The run.
    """

    def __init__(self, run: RunResult) -> None:
        self.run = run
        self._makers = {artifact.uri: step for step in run.steps.values() for artifact in step.artifacts.values()}

    def maker(self, uri: str | None) -> Step | None:
        """Find the step that made an artifact; None where this run did not make it."""
        return self._makers.get(uri) if uri else None

    def steps_with(self, output: str) -> list[Step]:
        """List the steps that succeeded and made an artifact of this name, in order."""
        return [step for step in self.run.steps.values() if step.status == "succeeded" and output in step.artifacts]


def given_artifacts(step: Step | None) -> dict[str, str]:
    """List the input artifacts of a step: by name the first URI."""
    artifacts = step.inputs.get("artifacts", {}) if step else {}
    return {name: uris[0] for name, uris in artifacts.items() if uris}


def given_parameters(step: Step | None) -> dict[str, Any]:
    """List the input parameters of a step."""
    return dict(step.inputs.get("parameters", {})) if step else {}


def local(artifact: Artifact | str) -> Path:
    """Find an artifact on this machine.

    Args:
        artifact: An artifact, or its URI.

    Returns:
        Its path.

    Raises:
        InputError: It lies elsewhere, or is gone.
    """
    uri = artifact if isinstance(artifact, str) else artifact.uri
    if "://" in uri:
        raise InputError(f"{uri} is not on this machine: copy it here, and give its directory to the report command")
    if not Path(uri).exists():
        raise InputError(f"{uri} is gone; the run directory must be whole")
    return Path(uri)
