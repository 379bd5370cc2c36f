"""A pipeline and its package: the tar.gz that is uploaded, and that the local runner executes."""

from __future__ import annotations

import io
import json
import os
import re
import struct
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from google.protobuf.json_format import MessageToDict
from kfp import compiler
from kfp.dsl.base_component import BaseComponent

from pipeline_tools.atomic import atomic_file
from pipeline_tools.compiler.argo.settings import ArgoSettings
from pipeline_tools.compiler.argo.workflow import lower, workflow_yaml
from pipeline_tools.compiler.formats import FORMATS, WORKFLOW_MEMBER
from pipeline_tools.errors import InputError
from pipeline_tools.image import IMAGE, IMAGE_VARIABLE
from pipeline_tools.spec import SPEC_MEMBER
from pipeline_tools.spec.components import check_inputs
from pipeline_tools.spec.documents import load_documents, parse_documents

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What YAML takes for the end of a line, or not at all."""
LARGEST_PARAMETERS = 10_000
"""Bytes of JSON that the Pipelines backend keeps of an Argo manifest's parameters."""


def pipeline_yaml(pipeline: BaseComponent, *, image: str | None = None) -> str:
    """Compile a pipeline to the text of its KFP v2 specification.

    Args:
        pipeline: What ``@dsl.pipeline`` (or ``@dsl.component``) made.
        image: The image to run our components in instead of the one of this version of the package. A step finds its
            name in the environment variable ``PIPELINE_IMAGE`` and runs its workers in it, too.

    Returns:
        YAML: one document, or two where the pipeline has Kubernetes settings. The same pipeline gives the same text.

    Raises:
        InputError: A registered component refuses inputs that the pipeline itself fixes, or KFP's compiler refuses the
            pipeline.
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / SPEC_MEMBER
        try:
            compiler.Compiler().compile(pipeline, str(path))
        except (ValueError, TypeError, RuntimeError, NotImplementedError, AttributeError, KeyError) as error:
            raise InputError(f"KFP's compiler refuses the pipeline {pipeline.name!r}: {error}") from error
        components = bool(pipeline.pipeline_spec.components)
        text = _commented(path.read_text(encoding="utf-8"), components=components)
    if image is None or image == IMAGE:
        check_inputs(MessageToDict(pipeline.pipeline_spec))
        return text
    documents = list(yaml.safe_load_all(text))
    replaced = _replace_image(documents[0], image)
    check_inputs(documents[0])
    # A pipeline in which nothing names it stays as it is, byte by byte.
    return yaml.safe_dump_all(documents, sort_keys=True) if replaced else text


def _replace_image(spec: dict[str, Any], image: str) -> bool:
    """Name another image where an executor names ours, and tell whether one did."""
    containers = [each["container"] for each in spec["deploymentSpec"]["executors"].values() if "container" in each]
    ours = [container for container in containers if container.get("image") == IMAGE]
    for container in ours:
        container["image"] = image
        environment = [each for each in container.get("env", []) if each["name"] != IMAGE_VARIABLE]
        container["env"] = [*environment, {"name": IMAGE_VARIABLE, "value": image}]
    return bool(ours)


def _commented(text: str, *, components: bool) -> str:
    """Repair the comment that KFP writes above a specification, in which defaults of any text are written as they are.

    Args:
        text: What KFP's compiler wrote.
        components: Whether the specification has components, with which it then begins.
    """
    lines = text.split("\n")
    # No text in the specification is written without indentation, so the last such line is the one that begins it.
    first = ("components:",) if components else ("deploymentSpec:", "deploymentSpec: {}")
    body = max(at for at, line in enumerate(lines) if line in first)
    comment = [line if line.startswith("#") else f"#    {line}" for line in lines[:body]]
    return "\n".join([*(_UNPRINTABLE.sub(_escaped, line) for line in comment), *lines[body:]])


def _escaped(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode("ascii")


def write_package(members: Mapping[str, str], path: str | os.PathLike[str]) -> Path:
    """Write a package whose bytes depend on its members alone.

    Owner, times, order and compression are fixed: the deflate stream is stored, not compressed, because two zlib
    builds compress the same text to different bytes.

    Args:
        members: Text by member name.
        path: Where to write; the name must end in ``.tar.gz``.

    Returns:
        The path written.

    Raises:
        InputError: The name does not end in ``.tar.gz``.
    """
    target = Path(path)
    if not target.name.endswith(".tar.gz"):
        raise InputError(f"{target}: a package is a .tar.gz file; give a name that ends so")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(members):
            content = members[name].encode()
            info = tarfile.TarInfo(name)  # owner 0, time 0, mode 0644
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    with atomic_file(target) as scratch:
        scratch.write_bytes(_gzip_stored(buffer.getvalue()))
    return target


def compile_package(
    pipeline: BaseComponent,
    path: str | os.PathLike[str] | None = None,
    *,
    image: str | None = None,
    format: str = "both",  # noqa: A002 (it is what the command line calls it)
    argo: ArgoSettings | None = None,
) -> Path:
    """Compile a pipeline to the package that the Pipelines UI takes as an upload.

    Args:
        pipeline: What ``@dsl.pipeline`` made.
        path: Where to write; default ``<pipeline name>.tar.gz`` in the working directory.
        image: The image to run our components in, instead of the one of this version of the package.
        format: What the package holds: ``both`` (the KFP v2 specification as ``pipeline.yaml``, and beside it the Argo
            Workflow as ``workflow.yaml``), ``kfp`` (the specification alone), or ``argo`` (the Argo Workflow as
            ``pipeline.yaml``, for Pipelines installations that take Argo manifests).
        argo: Choices for the Argo Workflow.

    Returns:
        The path written.

    Raises:
        InputError: The name does not end in ``.tar.gz``, the format is unknown, or the pipeline has something that an
            Argo Workflow cannot express.
    """
    if path is None:
        path = f"{pipeline.name}.tar.gz"
    return write_package(package_members(pipeline, image=image, format=format, argo=argo), path)


def package_members(
    pipeline: BaseComponent,
    *,
    image: str | None = None,
    format: str = "both",  # noqa: A002
    argo: ArgoSettings | None = None,
) -> dict[str, str]:
    """Compile a pipeline to the members of its package, without writing it; otherwise as `compile_package`.

    Returns:
        Text by member name.
    """
    if format not in FORMATS:
        raise InputError(f"{format!r} is not a format of a package; give one of {', '.join(FORMATS)}")
    spec = pipeline_yaml(pipeline, image=image)
    if format == "kfp":
        return {SPEC_MEMBER: spec}
    try:
        manifest = lower(spec, argo)
    except InputError as error:
        raise InputError(f"{error}. A package without an Argo Workflow can be had with the format `kfp`") from error
    if format == "both":
        return {SPEC_MEMBER: spec, WORKFLOW_MEMBER: workflow_yaml(manifest)}
    parameters = json.dumps(manifest["spec"]["arguments"].get("parameters", []))
    if len(parameters) > LARGEST_PARAMETERS:
        raise InputError(
            f"the defaults of the pipeline's parameters take {len(parameters):,} bytes, the Pipelines backend takes "
            f"{LARGEST_PARAMETERS:,} with an Argo manifest; shorten them"
        )
    return {SPEC_MEMBER: workflow_yaml(manifest)}


def as_package(source: BaseComponent | str | os.PathLike[str], directory: Path, *, image: str | None = None) -> Path:
    """Give the package of a pipeline: compiled now, or as it was given.

    Args:
        source: What ``@dsl.pipeline`` made, or the path of a package (``.tar.gz``) or specification (``.yaml``).
        directory: Where to write a package that is compiled now.
        image: The image to run our components in, of a pipeline that is compiled now.

    Returns:
        Its path. The package has an Argo Workflow too, unless the pipeline has what no Argo Workflow can express.
    """
    if not isinstance(source, BaseComponent):
        return Path(source)
    path = directory / f"{source.name}.tar.gz"
    try:
        return compile_package(source, path, image=image)
    except InputError:
        return compile_package(source, path, image=image, format="kfp")


def source_name(source: BaseComponent | str | os.PathLike[str]) -> str:
    """Name a pipeline in a message: its file, or what it is called."""
    return f"pipeline {source.name}" if isinstance(source, BaseComponent) else os.fspath(source)


def read_spec(source: BaseComponent | str | os.PathLike[str]) -> dict[str, Any]:
    """Read the pipeline specification out of a package, a YAML file or a pipeline.

    Args:
        source: As for `read_documents`.

    Returns:
        A KFP v2 ``PipelineSpec`` as a dictionary.

    Raises:
        InputError: The file is missing, is not a package, or does not hold a pipeline specification.
    """
    return read_documents(source)[0]


def read_documents(source: BaseComponent | str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Read the specification and what goes with it out of a package, a YAML file or a pipeline.

    Args:
        source: A ``.tar.gz`` package, a ``.yaml`` file, or what ``@dsl.pipeline`` made (it is compiled first, so that
            what comes back is what would be uploaded).

    Returns:
        The ``PipelineSpec``; after it the ``PlatformSpec`` where the pipeline has Kubernetes settings.

    Raises:
        InputError: The file is missing, is not a package, or does not hold a pipeline specification.
    """
    if isinstance(source, BaseComponent):
        return parse_documents(pipeline_yaml(source), source_name(source))
    return load_documents(source)


def _gzip_stored(data: bytes) -> bytes:
    """Wrap bytes in a gzip file (RFC 1952) of stored deflate blocks (RFC 1951, 3.2.4)."""
    header = b"\x1f\x8b\x08\x00" + b"\x00" * 4 + b"\x00\xff"  # no name, no time, unknown system
    chunks = [data[at : at + 0xFFFF] for at in range(0, len(data), 0xFFFF)] or [b""]
    blocks = b"".join(
        struct.pack("<BHH", chunk is chunks[-1], len(chunk), len(chunk) ^ 0xFFFF) + chunk for chunk in chunks
    )
    return header + blocks + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


__all__ = [
    "FORMATS",
    "SPEC_MEMBER",
    "WORKFLOW_MEMBER",
    "compile_package",
    "package_members",
    "pipeline_yaml",
    "read_documents",
    "read_spec",
    "source_name",
    "write_package",
]
