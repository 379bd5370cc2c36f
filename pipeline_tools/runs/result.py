"""What a run was given, did and brought: the content of `run.json`, as objects."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pipeline_tools.errors import InputError
from pipeline_tools.runs.process import Process, has_ended

SCHEMA_VERSION = 1
"""Version of the layout of `run.json`; it rises when a reader of the old layout would be misled."""

RECORD_NAME = "run.json"

StepStatus = Literal["pending", "running", "succeeded", "failed", "skipped", "interrupted"]
RunStatus = Literal["running", "succeeded", "failed", "interrupted"]


@dataclass(frozen=True)
class Artifact:
    """One artifact that a step made.

    Attributes:
        type: Its schema title, for example ``system.Model``.
        uri: Where its content is: an absolute path, or a URI (``gs://…``).
        metadata: What the step noted about it; for ``system.Metrics``, the metrics.
        name: The name that the step gave it, most often that of its output.
        schema_version: Version of the type.
        mirror: Absolute path of the same content on this machine, where the URI is none.
    """

    type: str
    uri: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    schema_version: str = "0.0.1"
    mirror: str = ""

    @property
    def path(self) -> Path:
        """The local path of the content.

        Raises:
            ValueError: It is not on this machine.
        """
        path = self.mirror or self.uri
        if "://" in path:
            raise ValueError(f"{self.uri} is not a path on this machine")
        return Path(path)


@dataclass(frozen=True)
class Step:
    """One step of a run.

    Attributes:
        name: Its name in the pipeline; in a loop with the iteration (``train/0``), in a nested pipeline with that
            pipeline's (``inner/train``).
        display_name: What its author calls it (``set_display_name``).
        component: The registered component that it ran; empty for any other.
        status: ``pending``, ``running``, ``succeeded``, ``failed``, ``skipped`` or ``interrupted``.
        reason: Why it was skipped.
        error: Why it failed: the message for a person; the log holds the traceback.
        error_type: Name of the exception's class.
        attempts: How often it was started.
        started: UTC time of the first start, ISO 8601.
        seconds: Wall time from the first start to the end.
        cpu_seconds: CPU time of all attempts, user and system, with the processes that they waited for.
        peak_memory_bytes: Largest resident set of the last attempt.
        log: Its standard output and error.
        inputs: The parameters it was given, and for each input artifact the URIs.
        parameters: The parameters it returned.
        artifacts: The artifacts it made, by output name.
    """

    name: str
    display_name: str = ""
    component: str = ""
    status: StepStatus = "pending"
    reason: str | None = None
    error: str | None = None
    error_type: str | None = None
    attempts: int = 0
    started: str | None = None
    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    log: Path | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Its name, with what its author calls it where that is something else."""
        return self.name if self.display_name in ("", self.name) else f"{self.name} ({self.display_name})"

    @property
    def metrics(self) -> dict[str, float]:
        """The finite scalars of its ``Metrics`` artifacts; with the artifact's name in front where two would clash."""
        found: dict[str, float] = {}
        for name, artifact in self.artifacts.items():
            if artifact.type != "system.Metrics":
                continue
            for key, value in artifact.metadata.items():
                if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
                    found[f"{name}.{key}" if key in found else key] = value
        return found


@dataclass(frozen=True)
class RunResult:
    """A run: what it was given, what it did, and where everything is.

    Attributes:
        run_dir: The directory that holds all of it, on this machine.
        remote: The ``gs://`` folder that holds it too; empty if there is none.
        pipeline: Name of the pipeline.
        status: ``running``, ``succeeded``, ``failed`` or ``interrupted``.
        parameters: The pipeline's parameters, defaults filled in.
        package: The compiled package that was executed.
        package_sha256: Digest of its bytes.
        versions: Versions of Python and of the libraries that the steps ran with.
        steps: The steps by name, in the order in which they can run.
        outputs: The parameters that the pipeline returned.
        imports: Seconds that each module took that was imported once for all steps; none while that goes on.
        started: UTC time, ISO 8601.
        ended: UTC time, ISO 8601.
        seconds: Wall time.
        process: The process that runs it; what it left ``running`` when it was killed is ``interrupted`` to whoever
            loads it.
    """

    run_dir: Path
    pipeline: str
    status: RunStatus
    parameters: Mapping[str, Any]
    package: Path
    package_sha256: str
    versions: Mapping[str, str]
    started: str
    ended: str | None = None
    seconds: float | None = None
    steps: Mapping[str, Step] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    imports: Mapping[str, float | None] = field(default_factory=dict)
    remote: str = ""
    process: Process | None = None

    @property
    def location(self) -> str:
        """The run directory, as text."""
        return str(self.run_dir)

    def artifact(self, step: str, output: str) -> Artifact:
        """Find an artifact.

        Args:
            step: Name of the step, for example ``"train"``.
            output: Name of its output, for example ``"model"``.

        Returns:
            The artifact; its content lies at ``.path``.

        Raises:
            KeyError: There is none; the message lists what there is.
        """
        if step not in self.steps:
            raise KeyError(f"no step {step!r}; the steps are {', '.join(self.steps)}")
        artifacts = self.steps[step].artifacts
        if output not in artifacts:
            known = ", ".join(artifacts) or "none"
            raise KeyError(f"step {step!r} ({self.steps[step].status}) has no artifact {output!r}; it has {known}")
        return artifacts[output]

    def raise_for_status(self) -> RunResult:
        """Return the result itself, or raise when the run did not succeed.

        Raises:
            RunFailedError: A step failed, or the run was interrupted.
        """
        if self.status != "succeeded":
            raise RunFailedError(self)
        return self

    def with_local_paths(self) -> RunResult:
        """Give the same run with what lies in its bucket under the paths that it has on this machine."""
        mirrors = {
            made.uri: made.mirror for step in self.steps.values() for made in step.artifacts.values() if made.mirror
        }

        def moved(step: Step) -> Step:
            inputs = step.inputs.get("artifacts", {})
            given = {name: [mirrors.get(uri, uri) for uri in uris] for name, uris in inputs.items()}
            made = {
                name: dataclasses.replace(each, uri=each.mirror or each.uri, mirror="")
                for name, each in step.artifacts.items()
            }
            return dataclasses.replace(step, inputs={**step.inputs, "artifacts": given}, artifacts=made)

        return dataclasses.replace(self, steps={name: moved(step) for name, step in self.steps.items()})

    def to_json(self) -> dict[str, Any]:
        """Lay the result out as in `run.json`: paths inside the run directory are relative to it."""

        def relative(path: str | Path) -> str:
            try:
                return Path(path).relative_to(self.run_dir).as_posix()
            except ValueError:
                return str(path)

        def step(of: Step) -> dict[str, Any]:
            inputs = {
                "parameters": of.inputs.get("parameters", {}),
                "artifacts": {
                    name: [relative(uri) for uri in uris] for name, uris in of.inputs.get("artifacts", {}).items()
                },
            }
            return {
                "display_name": of.display_name,
                "component": of.component,
                "status": of.status,
                "reason": of.reason,
                "error": of.error,
                "error_type": of.error_type,
                "attempts": of.attempts,
                "started": of.started,
                "seconds": of.seconds,
                "cpu_seconds": of.cpu_seconds,
                "peak_memory_bytes": of.peak_memory_bytes,
                "log": relative(of.log) if of.log else None,
                "inputs": inputs,
                "parameters": dict(of.parameters),
                "artifacts": {
                    name: {
                        "type": artifact.type,
                        "path": relative(artifact.mirror or artifact.uri),
                        **({"uri": artifact.uri} if artifact.mirror else {}),
                        "metadata": dict(artifact.metadata),
                        "name": artifact.name,
                        "schema_version": artifact.schema_version,
                    }
                    for name, artifact in of.artifacts.items()
                },
                "metrics": of.metrics,
            }

        return {
            "schema_version": SCHEMA_VERSION,
            "pipeline": self.pipeline,
            **({"remote": self.remote} if self.remote else {}),
            "status": self.status,
            "started": self.started,
            "ended": self.ended,
            "seconds": self.seconds,
            "parameters": dict(self.parameters),
            "package": {"path": relative(self.package), "sha256": self.package_sha256},
            "versions": dict(self.versions),
            "outputs": dict(self.outputs),
            "imports": dict(self.imports),
            **({"process": self.process.to_json()} if self.process else {}),
            "steps": {name: step(of) for name, of in self.steps.items()},
        }

    @classmethod
    def load(cls, run_dir: str | os.PathLike[str]) -> RunResult:
        """Read a run back from its directory, also after the directory was moved.

        Args:
            run_dir: The directory that a run printed, or was given.

        Returns:
            The same content that the run returned. Of a run whose process was killed, or whose machine went down,
            while it was ``running``: ``interrupted``.

        Raises:
            InputError: The directory holds no `run.json`, or one of another layout.
        """
        root = Path(run_dir).absolute()
        record = root / RECORD_NAME
        try:
            content = json.loads(record.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{run_dir}: not a run directory: {RECORD_NAME}: {error.strerror}") from error
        except ValueError as error:
            raise InputError(f"{record}: not JSON: {error}") from error
        if content.get("schema_version") != SCHEMA_VERSION:
            raise InputError(f"{record}: layout {content.get('schema_version')}, this version reads {SCHEMA_VERSION}")

        def absolute(path: str) -> str:
            return path if "://" in path else str(root / path)

        def step(name: str, of: dict[str, Any]) -> Step:
            known = {each.name for each in dataclasses.fields(Step)}
            artifacts = {
                output: Artifact(
                    type=each["type"],
                    uri=each.get("uri") or absolute(each["path"]),
                    metadata=each["metadata"],
                    name=each["name"],
                    schema_version=each["schema_version"],
                    mirror=absolute(each["path"]) if "uri" in each else "",
                )
                for output, each in of["artifacts"].items()
            }
            inputs = {
                "parameters": of["inputs"]["parameters"],
                "artifacts": {
                    given: [absolute(path) for path in paths] for given, paths in of["inputs"]["artifacts"].items()
                },
            }
            log = root / of["log"] if of["log"] else None
            plain = {key: value for key, value in of.items() if key in known}
            return Step(**{**plain, "name": name, "artifacts": artifacts, "inputs": inputs, "log": log})

        process = Process(**content["process"]) if content.get("process") else None
        result = cls(
            run_dir=root,
            pipeline=content["pipeline"],
            status=content["status"],
            parameters=content["parameters"],
            package=root / content["package"]["path"],
            package_sha256=content["package"]["sha256"],
            versions=content["versions"],
            started=content["started"],
            ended=content["ended"],
            seconds=content["seconds"],
            steps={name: step(name, of) for name, of in content["steps"].items()},
            outputs=content["outputs"],
            imports=content["imports"],
            remote=content.get("remote", ""),
            process=process,
        )
        return result.interrupted() if result.status == "running" and process and has_ended(process) else result

    def interrupted(self) -> RunResult:
        """Give a run that was stopped in the middle: what ran is interrupted, what waited is skipped."""

        def ended(step: Step) -> Step:
            if step.status == "running":
                return dataclasses.replace(step, status="interrupted")
            if step.status == "pending":
                return dataclasses.replace(step, status="skipped", reason="the run was interrupted")
            return step

        steps = {name: ended(step) for name, step in self.steps.items()}
        return dataclasses.replace(self, status="interrupted", steps=steps)


class RunFailedError(RuntimeError):
    """A run did not succeed.

    Attributes:
        result: The run: the steps that did succeed, with their artifacts, and why the others did not.
    """

    def __init__(self, result: RunResult) -> None:
        self.result = result
        failed = [step for step in result.steps.values() if step.status == "failed"]
        lines = [f"pipeline {result.pipeline!r} {result.status}"]
        lines += [f"  {step.name}: {step.error} (log: {step.log})" for step in failed]
        super().__init__("\n".join(lines))


class NotUploadedError(RuntimeError):
    """A run ended, and its record could not be written to Cloud Storage; on this machine it is whole.

    Attributes:
        result: The run.
    """

    def __init__(self, result: RunResult, reason: str) -> None:
        self.result = result
        super().__init__(f"{reason}\nThe run is whole in {result.run_dir}, and has no {RECORD_NAME} in {result.remote}")


class RunInterruptedError(KeyboardInterrupt):
    """Ctrl-C, or a request to end, stopped the run; its processes have ended and `run.json` says so.

    Attributes:
        result: The run as far as it came.
        signal: Number of the signal.
    """

    def __init__(self, result: RunResult, signal: int) -> None:
        self.result = result
        self.signal = signal
        super().__init__(f"pipeline {result.pipeline!r} interrupted")
