"""What is submitted: a package, its digest, and parameters that were checked."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
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

LARGEST_UPLOAD = 32 * 2**20
"""Bytes that the Pipelines backend takes as an upload."""


@dataclass(frozen=True)
class Prepared:
    """A package that is ready to be sent.

    Attributes:
        name: Name of the pipeline.
        file_name: Name of the package; its ending tells the service what it is.
        content: The bytes that are sent.
        spec: The KFP v2 specification in it.
        platform: What goes with the specification: Kubernetes settings, where the pipeline has any.
        arguments: The parameters that were given, typed and checked; the others keep their defaults.
    """

    name: str
    file_name: str
    content: bytes
    spec: Mapping[str, Any]
    platform: Mapping[str, Any]
    arguments: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """Digest of the bytes, by which a service's versions are told apart."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def needs_image(self) -> bool:
        """Whether a step runs in the default image, which no registry has."""
        executors = self.spec.get("deploymentSpec", {}).get("executors", {}).values()
        return any(each.get("container", {}).get("image") == IMAGE for each in executors)

    def steps(self) -> dict[str, str]:
        """Give the name of each task, and what its author calls it, also of those in nested pipelines and loops."""
        return dict(_tasks(self.spec["root"], self.spec.get("components", {}), ()))


def prepare(
    pipeline: BaseComponent | str | os.PathLike[str],
    arguments: Mapping[str, Any] | None = None,
    *,
    image: str | None = None,
    caching: bool = True,
) -> Prepared:
    """Compile a pipeline, or read its package, and check what it is given. Nothing is sent.

    Args:
        pipeline: What ``@dsl.pipeline`` made, or the path of a package (``.tar.gz``) or specification (``.yaml``).
        arguments: Values of its parameters; the others keep their defaults.
        image: The image to run our components in, instead of the one of this version of the package.
        caching: With false, every step of the package that is sent runs anew, whatever the pipeline says.

    Returns:
        The package with its parameters.

    Raises:
        InputError: The pipeline or a parameter cannot be used, or the package is too large to be sent.
    """
    if image is not None and not isinstance(pipeline, BaseComponent):
        raise InputError(f"{os.fspath(pipeline)} is compiled already, with its images: compile it with --image {image}")
    with tempfile.TemporaryDirectory() as scratch:
        path = as_package(pipeline, Path(scratch), image=image)
        if path.is_file():
            _check_size(path, path.stat().st_size)  # before it is read, which takes a minute at this size
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
    return Prepared(name, f"{name}{ending}", content, spec, platform, given)


def _check_size(path: Path, size: int) -> None:
    if size > LARGEST_UPLOAD:
        raise InputError(
            f"{path.name} has {size:,} bytes; Kubeflow Pipelines takes {LARGEST_UPLOAD:,}. Give long values as files, "
            "not as constants of the pipeline"
        )


def _uncached(documents: list[dict[str, Any]]) -> str:
    spec = documents[0]
    for component in [spec["root"], *spec.get("components", {}).values()]:
        for task in component.get("dag", {}).get("tasks", {}).values():
            task["cachingOptions"] = {}  # how the KFP compiler writes set_caching_options(False)
    return yaml.safe_dump_all(documents, sort_keys=True)


def _tasks(component: Mapping[str, Any], components: Mapping[str, Any], inside: tuple[str, ...]) -> Iterator[Any]:
    for name, task in component.get("dag", {}).get("tasks", {}).items():
        yield name, task.get("taskInfo", {}).get("name", "")
        reference = task.get("componentRef", {}).get("name", "")
        if reference not in inside:
            yield from _tasks(components.get(reference, {}), components, (*inside, reference))
