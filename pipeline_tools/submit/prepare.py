"""What is submitted: a package, its digest, and checked parameters."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kfp.dsl.base_component import BaseComponent

from pipeline_tools.compiler.package import as_package, read_documents, write_package
from pipeline_tools.errors import InputError
from pipeline_tools.image import IMAGE
from pipeline_tools.spec import SPEC_MEMBER
from pipeline_tools.spec.parameters import check_arguments
from pipeline_tools.spec.tasks import walk

LARGEST_UPLOAD = 32 * 2**20
"""Largest upload that the Pipelines backend accepts, in bytes."""


@dataclass(frozen=True)
class PreparedPackage:
    """A package that is ready to be submitted.

    Attributes:
        name: Name of the pipeline.
        file_name: Name of the package; its extension tells the service the format.
        content: The bytes that are sent.
        spec: The KFP v2 specification in it.
        platform: The platform specification: Kubernetes settings; empty if the pipeline has none.
        arguments: The given parameters, typed and checked; all others keep their defaults.
    """

    name: str
    file_name: str
    content: bytes
    spec: Mapping[str, Any]
    platform: Mapping[str, Any]
    arguments: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """Digest of the bytes; it identifies a version in the service."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def needs_image(self) -> bool:
        """Whether a step runs in the default image, which is in no registry."""
        executors = self.spec.get("deploymentSpec", {}).get("executors", {}).values()
        return any(each.get("container", {}).get("image") == IMAGE for each in executors)

    def steps(self) -> dict[str, str]:
        """Return each task's name and display name, including those in nested pipelines and loops."""
        return {node.name: node.task.get("taskInfo", {}).get("name", "") for node in walk(self.spec)}


def prepare(
    pipeline: BaseComponent | str | os.PathLike[str],
    arguments: Mapping[str, Any] | None = None,
    *,
    image: str | None = None,
    caching: bool = True,
) -> PreparedPackage:
    """Compile a pipeline, or read its package, and check its arguments. Nothing is sent.

    Args:
        pipeline: What ``@dsl.pipeline`` made, or the path of a package (``.tar.gz``) or specification (``.yaml``).
        arguments: Values of its parameters; all others keep their defaults.
        image: The image to run the components in, instead of the default image of this version.
        caching: With false, no step reuses cached results, whatever the pipeline says.

    Returns:
        The package and its parameters.

    Raises:
        InputError: The pipeline or a parameter cannot be used, or the package is too large to upload.
    """
    if image is not None and not isinstance(pipeline, BaseComponent):
        raise InputError(
            f"{os.fspath(pipeline)} is compiled already; compile the pipeline with --image {image} instead"
        )
    with tempfile.TemporaryDirectory() as scratch:
        path = as_package(pipeline, Path(scratch), image=image)
        if path.is_file():
            _check_size(path, path.stat().st_size)  # before parsing it, which takes a minute at this size
        documents = read_documents(path)
        if not caching:
            path = write_package({SPEC_MEMBER: _uncached(documents)}, Path(scratch) / "uncached.tar.gz")
        content = path.read_bytes()
    spec = documents[0]
    name = spec["pipelineInfo"]["name"]
    values = check_arguments(spec, arguments or {})
    given = {key: values[key] for key in arguments or {} if values[key] is not None}
    ending = ".tar.gz" if path.name.endswith(".tar.gz") else ".yaml"
    platform = documents[1] if len(documents) > 1 else {}
    return PreparedPackage(name, f"{name}{ending}", content, spec, platform, given)


def _check_size(path: Path, size: int) -> None:
    if size > LARGEST_UPLOAD:
        raise InputError(
            f"{path.name} has {size:,} bytes; Kubeflow Pipelines accepts {LARGEST_UPLOAD:,}. Put long values into "
            "files instead of constants of the pipeline"
        )


def _uncached(documents: list[dict[str, Any]]) -> str:
    spec = documents[0]
    for component in [spec["root"], *spec.get("components", {}).values()]:
        for task in component.get("dag", {}).get("tasks", {}).values():
            task["cachingOptions"] = {}  # how the KFP compiler writes set_caching_options(False)
    return yaml.safe_dump_all(documents, sort_keys=True)
