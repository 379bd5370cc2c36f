"""Read the documents of a compiled pipeline: the specification, and the platform settings that go with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pipeline_tools.errors import InputError
from pipeline_tools.spec import SPEC_MEMBER
from pipeline_tools.spec.limits import load_yaml, read_file, read_member
from pipeline_tools.spec.validation import check_pipeline, check_platform


def load_documents(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Read the documents of a package or a specification, and check them.

    Args:
        path: A ``.tar.gz`` package, or a ``.yaml`` file.

    Returns:
        As `parse_documents`.

    Raises:
        InputError: The file is missing, or is not a valid specification; the message names file, task and field.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file}: no such file; name a package (.tar.gz) or a specification (.yaml)")
    if file.name.endswith((".yaml", ".yml")):
        return parse_documents(read_file(file), str(file))
    return parse_documents(read_member(file, SPEC_MEMBER), f"{file}:{SPEC_MEMBER}")


def parse_documents(text: str, where: str) -> list[dict[str, Any]]:
    """Read the documents of a specification's text as KFP's backend reads them, and check them.

    The documents may come in either order, and empty ones between them are passed over.

    Args:
        text: YAML.
        where: Names the text in errors: a file, or a pipeline.

    Returns:
        The ``PipelineSpec``; after it the ``PlatformSpec`` where the pipeline has Kubernetes settings.

    Raises:
        InputError: The text is not a valid specification; the message names file, task and field.
    """
    pipelines: list[dict[str, Any]] = []
    platforms: list[dict[str, Any]] = []
    for number, document in enumerate(load_yaml(text, where), 1):
        if document is None or document == {}:
            continue
        if not isinstance(document, dict):
            raise InputError(f"{where}: document {number} is not a mapping, but {type(document).__name__}")
        if document.get("kind") == "Workflow":
            raise InputError(f"{where}: an Argo Workflow; give a package that holds the KFP v2 specification")
        if "pipelineInfo" in document or "root" in document:
            check_pipeline(document, where)
            pipelines.append(document)
        elif "platforms" in document:
            check_platform(document, where)
            platforms.append(document)
        else:
            fields = ", ".join(map(str, list(document)[:5]))
            raise InputError(
                f"{where}: document {number} ({fields}) is not a KFP v2 pipeline specification (it has no "
                "`pipelineInfo` and `root`) and not the platform settings of one (it has no `platforms`)"
            )
    for found, what in ((pipelines, "pipeline specifications"), (platforms, "documents of platform settings")):
        if len(found) > 1:
            raise InputError(f"{where}: holds {len(found)} {what}; KFP's backend takes one")
    if not pipelines:
        raise InputError(f"{where}: no KFP v2 pipeline specification (it has no `pipelineInfo` and `root`)")
    return [*pipelines, *platforms]


__all__ = ["load_documents", "parse_documents"]
