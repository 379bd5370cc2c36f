"""Where Beam work runs, as the parameters of a step say it, checked before anything starts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.lib.options import read_options
from pipeline_tools.errors import InputError
from pipeline_tools.image import step_image

MODES = ("local", "cloud")
DATAFLOW = "DataflowRunner"

KEYS: Mapping[str, type] = {
    "runner": str,
    "flags": list,
    "project": str,
    "region": str,
    "temp_location": str,
    "worker_image": str,
    "machine_type": str,
    "max_workers": int,
    "network": str,
    "service_account": str,
    "labels": dict,
}
"""What the parameter ``beam_options`` may hold, and of which type."""

_PROJECT = re.compile(r"[a-z][-a-z0-9]{4,28}[a-z0-9]|[a-z0-9.-]+:[a-z][-a-z0-9]{4,28}[a-z0-9]")
_REGION = re.compile(r"[a-z]+-[a-z]+\d+")
_BUCKET = re.compile(r"gs://[a-z0-9][-_.a-z0-9]{1,220}[a-z0-9](/.*)?")
_RUNNER = re.compile(r"[A-Za-z_][\w.]*")
_LABEL_KEY = re.compile(r"[a-z][-_a-z0-9]{0,62}")
_LABEL_VALUE = re.compile(r"[-_a-z0-9]{0,63}")
_ACCOUNT = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True, kw_only=True)
class BeamOptions:
    """Where the Beam work of a step runs.

    Attributes:
        mode: ``local``: in the step's own process. ``cloud``: on the engine that the other fields name; they mean
            nothing in ``local``.
        mode_parameter: What the step calls ``mode``, for errors.
        job_name: Name of the job: the run's and the step's. Characters that Dataflow does not allow are replaced.
        runner: Beam's name of the runner.
        flags: Further Beam flags, each ``--name=value``. They come last, so that they win.
        project: The Google Cloud project that pays.
        region: Where Dataflow runs the job, such as ``us-central1``.
        temp_location: ``gs://bucket/folder`` for what is staged and thrown away; for another runner than Dataflow it
            may be a directory that all workers share.
        worker_image: The image of Dataflow's workers; empty for the one that the step runs in, which has the same
            Python, Beam and components.
        machine_type: Of Dataflow's workers; empty leaves it to Dataflow.
        max_workers: How many workers at most; 0 leaves it to Dataflow.
        network: Name of a network, or ``regions/REGION/subnetworks/NAME``; empty for the default one.
        service_account: E-mail address of what the workers run as; empty for the project's default.
        labels: Of the Dataflow job.
    """

    mode: str = "local"
    mode_parameter: str = "mode"
    job_name: str = ""
    runner: str = DATAFLOW
    flags: Sequence[str] = field(default_factory=tuple)
    project: str = ""
    region: str = ""
    temp_location: str = ""
    worker_image: str = ""
    machine_type: str = ""
    max_workers: int = 0
    network: str = ""
    service_account: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Fill in what an empty text means."""
        object.__setattr__(self, "runner", self.runner or DATAFLOW)
        object.__setattr__(self, "worker_image", self.worker_image or step_image())

    @classmethod
    def from_mapping(
        cls, options: Mapping[str, Any], *, mode: str, mode_parameter: str, job_name: str = "", image: str = ""
    ) -> BeamOptions:
        """Read the parameter ``beam_options`` of a step.

        Args:
            options: With keys of `KEYS`.
            mode: ``local`` or ``cloud``.
            mode_parameter: What the step calls ``mode``.
            job_name: Of the job.
            image: What the workers run in where ``worker_image`` does not say; default the image of this step.

        Raises:
            InputError: A key is unknown, a value is of another type, or in ``cloud`` one cannot be or is missing. The
                message names all that are.
        """
        values = read_options("beam_options", options, KEYS)
        values["worker_image"] = values.get("worker_image") or image
        found = cls(mode=mode, mode_parameter=mode_parameter, job_name=job_name, **values)
        found.check()
        return found

    @property
    def cloud(self) -> bool:
        """Whether workers elsewhere do the work."""
        return self.mode == "cloud"

    def address(self, artifact: Any) -> str:
        """Say where the step's work reads or writes an artifact.

        Args:
            artifact: kfp's, with ``path`` and ``uri``.

        Returns:
            The URI, which workers reach, in ``cloud`` mode; else the path.
        """
        return str(artifact.uri if self.cloud else artifact.path)

    @property
    def is_dataflow(self) -> bool:
        """Whether Dataflow runs the job."""
        return self.cloud and self.runner.lower().rpartition(".")[2].removesuffix("runner") == "dataflow"

    def check(self) -> None:
        """Check every field, and whether they go together.

        Raises:
            InputError: One cannot be, or one is missing; the message names all that are.
        """
        if self.mode not in MODES:
            raise InputError(f"{self.mode_parameter}={self.mode!r}: must be one of {', '.join(MODES)}")
        if not self.cloud:
            return
        problems = [f"beam_options.{name}={text}" for name, text in self._wrong()]
        if self.is_dataflow:
            wants = f"{self.mode_parameter}=cloud runs on Dataflow:"
            problems += [f"{wants} beam_options.{name}={text}" for name, text in self._missing()]
        if problems:
            raise InputError("\n".join(problems))

    def _wrong(self) -> Iterator[tuple[str, str]]:
        """Find values that cannot be, whatever the runner is: the field and what is wrong."""
        if not _RUNNER.fullmatch(self.runner):
            yield "runner", f"{self.runner!r}: must be the name of a Beam runner, for example FlinkRunner"
        for flag in self.flags:
            if not re.match(r"--[A-Za-z]\w*", flag):
                yield "flags", f"{list(self.flags)!r}: {flag!r} must have the form --name=value"
        if "://" in self.temp_location and not _BUCKET.fullmatch(self.temp_location):
            yield "temp_location", f"{self.temp_location!r}: must be gs://bucket/folder"
        if self.max_workers < 0:
            yield "max_workers", f"{self.max_workers!r}: must be at least 0 (0 leaves it to Dataflow)"
        if self.service_account and not _ACCOUNT.fullmatch(self.service_account):
            yield "service_account", f"{self.service_account!r}: must be the e-mail address of a service account"
        for key, value in self.labels.items():
            if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
                rule = "lower-case letters, digits, - and _, 63 at most, and a key begins with a letter"
                yield "labels", f"{json.dumps({key: value})}: keys and values must be {rule}"

    def _missing(self) -> Iterator[tuple[str, str]]:
        """Find what Dataflow needs and does not have."""
        if not self.project:
            yield "project", "'': is empty; give the Google Cloud project that pays for the job"
        elif not _PROJECT.fullmatch(self.project):
            yield "project", f"{self.project!r}: must be the id of a Google Cloud project"
        if not _REGION.fullmatch(self.region):
            yield "region", f"{self.region!r}: must be a region such as us-central1"
        if not self.temp_location.startswith("gs://"):
            yield "temp_location", f"{self.temp_location!r}: must be a gs://bucket/folder that its workers can write to"
        if "/" not in self.worker_image:
            fix = "push the image, and compile with --image REGISTRY/… or give worker_image"
            yield "worker_image", f"{self.worker_image!r}: must name the registry to pull from; {fix}"


def check_inputs(inputs: Mapping[str, Any], mode_parameter: str, image: str) -> list[str]:
    """Check the inputs of a step that does Beam work, as far as their values are known.

    Args:
        inputs: The known values by name; those of other parameters do not matter.
        mode_parameter: What the step calls ``mode``.
        image: The image that the step runs in.

    Returns:
        A sentence for each problem.
    """
    mode = inputs.get(mode_parameter, "local")
    if "beam_options" not in inputs:
        return [] if mode in MODES else [f"{mode_parameter}={mode!r}: must be one of {', '.join(MODES)}"]
    try:
        BeamOptions.from_mapping(inputs["beam_options"], mode=mode, mode_parameter=mode_parameter, image=image)
    except InputError as error:
        return str(error).split("\n")
    return []
