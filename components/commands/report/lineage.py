"""Follow a run's artifacts back to the steps that made them, and find them on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pipeline_tools import storage
from pipeline_tools.errors import InputError
from pipeline_tools.registry import registrations
from pipeline_tools.runs.result import Artifact, RunResult, Step

Role = TypeVar("Role")


class Copies:
    """What is in Cloud Storage, copied to this machine once it is used.

    Args:
        scratch: An empty directory.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._copies: dict[str, Path] = {}

    def find(self, artifact: Artifact | str) -> Path:
        """Find an artifact on this machine.

        Args:
            artifact: An artifact, or its URI.

        Returns:
            Its path.

        Raises:
            InputError: It is gone, cannot be read, or is where only a cluster reaches it.
        """
        uri = artifact if isinstance(artifact, str) else artifact.uri
        if storage.is_remote(uri):
            if uri not in self._copies:
                copy = self._scratch / str(len(self._copies)) / uri.rstrip("/").rpartition("/")[2]
                storage.download(uri, copy)
                self._copies[uri] = copy
            return self._copies[uri]
        if "://" in uri:
            raise InputError(
                f"{uri} is not on this machine: copy it to this machine, and give its directory to the command"
            )
        if not Path(uri).exists():
            raise InputError(f"{uri} is gone; the run directory must be complete")
        return Path(uri)


class Lineage:
    """A run, as seen from its artifacts.

    Args:
        run: The run.
        copies: Finds its artifacts.
    """

    def __init__(self, run: RunResult, copies: Copies) -> None:
        self.run = run
        self.find = copies.find
        self._pages = {name: each.page for name, each in registrations().items()}
        self._makers = {artifact.uri: step for step in run.steps.values() for artifact in step.artifacts.values()}

    def maker(self, uri: str | None) -> Step | None:
        """Find the step that made an artifact; None where this run did not make it."""
        return self._makers.get(uri) if uri else None

    def role(self, step: Step | None, kind: type[Role]) -> Role | None:
        """Find how a step plays a role, as its component registers it.

        Args:
            step: The step; None of what this run did not make.
            kind: A class of `components.lib.report.roles`.

        Returns:
            The names of the step's inputs and outputs in that role; None where it plays another, or none.
        """
        page = self._pages.get(step.component) if step else None
        return page if isinstance(page, kind) else None

    def steps(self, kind: type[Role]) -> list[tuple[Step, Role]]:
        """List the steps that succeeded and play a role, in order."""
        found = [(step, self.role(step, kind)) for step in self.run.steps.values() if step.status == "succeeded"]
        return [(step, role) for step, role in found if role is not None]


def given_artifacts(step: Step | None) -> dict[str, str]:
    """List the input artifacts of a step: by name the first URI."""
    artifacts = step.inputs.get("artifacts", {}) if step else {}
    return {name: uris[0] for name, uris in artifacts.items() if uris}


def given_parameters(step: Step | None) -> dict[str, Any]:
    """List the input parameters of a step."""
    return dict(step.inputs.get("parameters", {})) if step else {}
