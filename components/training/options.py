"""Where and as what a training runs on a cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from components.lib.options import read_options
from components.training.request import Request, Workers
from pipeline_tools import storage
from pipeline_tools.errors import InputError
from pipeline_tools.image import step_image

MODES = ("local", "cloud")
KINDS = ("trainjob", "tfjob")

KEYS: Mapping[str, type] = {
    "working_dir": str,
    "kind": str,
    "namespace": str,
    "worker_image": str,
    "runtime": str,
    "service_account": str,
    "cpu": str,
    "memory": str,
    "deadline_seconds": int,
}
"""What the parameter ``train_job`` may hold, and of which type."""

_QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class JobOptions:
    """Where and as what a training runs on a cluster.

    Attributes:
        working_dir: ``gs://bucket/path`` for checkpoints and the model, until the step has fetched it.
        kind: ``trainjob`` (Kubeflow Trainer v2), ``tfjob`` (Training Operator v1); empty: what the cluster offers.
        namespace: Where.
        worker_image: The image of the workers; empty for the one that steps run in.
        runtime: Name of a ClusterTrainingRuntime for a TrainJob; empty: one of the job's own.
        service_account: The pods' service account, which must be allowed to read the artifacts and to write
            ``working_dir``; empty for the namespace's default.
        cpu: What a pod asks for, for example ``1`` or ``500m``.
        memory: What a pod requests and is limited to, for example ``2Gi``.
        deadline_seconds: Seconds until the job is given up, restarts included.
    """

    working_dir: str = ""
    kind: str = ""
    namespace: str = "default"
    worker_image: str = ""
    runtime: str = ""
    service_account: str = ""
    cpu: str = "1"
    memory: str = "2Gi"
    deadline_seconds: int = 24 * 3600

    def __post_init__(self) -> None:
        """Name the image that the step runs in where none is named."""
        object.__setattr__(self, "worker_image", self.worker_image or step_image())

    @classmethod
    def from_mapping(cls, options: Mapping[str, Any], *, image: str = "") -> JobOptions:
        """Read the parameter ``train_job``.

        Args:
            options: With keys of `KEYS`.
            image: What the workers run in where ``worker_image`` does not say; default the image of this step.

        Raises:
            InputError: A key is unknown, or a value is of another type. The message names all that are.
        """
        values = read_options("train_job", options, KEYS)
        values["worker_image"] = values.get("worker_image") or image
        return cls(**values)

    @classmethod
    def of_step(cls, train_mode: str, train_job: Mapping[str, Any]) -> JobOptions | None:
        """Read the parameters of a step that say where it trains.

        Args:
            train_mode: ``local`` or ``cloud``.
            train_job: As for `from_mapping`.

        Returns:
            The job's options; None of ``local``, where ``train_job`` must be right nevertheless.

        Raises:
            InputError: The mode is unknown, a key is, or a value is of another type.
        """
        if train_mode not in MODES:
            raise InputError(f"train_mode={train_mode!r}: must be one of {', '.join(MODES)}")
        options = cls.from_mapping(train_job)
        return options if train_mode == "cloud" else None

    def check(self, request: Request, workers: Workers) -> None:
        """Check every field, and what the pods must reach, before anything is made.

        Args:
            request: What is to be trained; its artifacts named by URI.
            workers: How many.

        Raises:
            InputError: One cannot be; the message names all.
        """
        problems = [*self.problems(), *(f"train_mode=cloud: {text}" for text in _unreachable(request, workers))]
        if problems:
            raise InputError("\n".join(problems))

    def problems(self) -> Iterator[str]:
        """Say what cannot be in ``train_mode`` ``cloud``, whatever is trained.

        Yields:
            A sentence for each problem.
        """
        for name, text in self._wrong():
            yield f"train_mode=cloud: train_job.{name}={text}"

    def _wrong(self) -> Iterator[tuple[str, str]]:
        if self.kind not in ("", *KINDS):
            yield "kind", f"{self.kind!r}: must be one of {', '.join(KINDS)}, or empty"
        if not storage.is_remote(self.working_dir):
            yield (
                "working_dir",
                f"{self.working_dir!r}: must be a gs://bucket/path that the pods and the step can write",
            )
        if "/" not in self.worker_image:
            fix = "push the image, and compile with --image REGISTRY/… or give worker_image"
            yield "worker_image", f"{self.worker_image!r}: must name the registry to pull from; {fix}"
        if not _DNS_LABEL.fullmatch(self.namespace):
            yield "namespace", f"{self.namespace!r}: must be the name of a Kubernetes namespace"
        if self.runtime and self.kind == "tfjob":
            yield "runtime", f"{self.runtime!r}: a TFJob has none; give kind=trainjob, or leave runtime empty"
        if self.runtime and self.service_account:
            yield "service_account", f"{self.service_account!r}: runtime={self.runtime!r} says as what its pods run"
        for name in ("cpu", "memory"):
            if not _QUANTITY.fullmatch(getattr(self, name)):
                yield name, f"{getattr(self, name)!r}: must be a quantity such as 500m or 2Gi"
        if self.deadline_seconds < 1:
            yield "deadline_seconds", f"{self.deadline_seconds}: must be at least 1"


def check_inputs(inputs: Mapping[str, Any], image: str) -> list[str]:
    """Check the inputs of a `train` step, as far as their values are known.

    Args:
        inputs: The known values by name.
        image: The image that the step runs in.

    Returns:
        A sentence for each problem.
    """
    mode = inputs.get("train_mode", "local")
    if mode not in MODES:
        return [f"train_mode={mode!r}: must be one of {', '.join(MODES)}"]
    workers = Workers(**{name: inputs[name] for name in Workers.__dataclass_fields__ if name in inputs})
    problems = []
    try:
        workers.check(inputs["batch_size"] if {"batch_size", "workers"} <= inputs.keys() else workers.workers)
    except InputError as error:
        problems.append(str(error))
    try:
        job = JobOptions.from_mapping(inputs.get("train_job", {}), image=image)
    except InputError as error:
        return [*problems, *str(error).split("\n")]
    return [*problems, *job.problems()] if mode == "cloud" and "train_job" in inputs else problems


def _unreachable(request: Request, workers: Workers) -> list[str]:
    found = [
        f"{name} is at {getattr(request, name)}, which the pods do not reach; run with artifacts on gs://"
        for name in ("examples", "transformed_examples", "transform_graph")
        if not storage.is_remote(getattr(request, name))
    ]
    if workers.checkpoint_dir and not storage.is_remote(workers.checkpoint_dir):
        found.append(f"checkpoint_dir={workers.checkpoint_dir}: must be a gs:// path, or empty")
    module = request.model_module
    if module.endswith(".py") and not storage.is_remote(module):
        found.append(
            f"model_module={module}: the pods have no such file; copy it to gs://, or put the module into the image "
            "and give its dotted name"
        )
    return found
