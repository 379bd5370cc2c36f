"""Read the placeholders of a KFP specification: ``{{$.inputs.parameters['x']}}`` and its kin."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline_tools.errors import InputError

_PLACEHOLDER = re.compile(r"\{\{\$(.*?)\}\}", re.DOTALL)
_KEYED = re.compile(
    r"\.(?P<side>inputs|outputs)\.(?P<kind>parameters|artifacts)"
    r"\[(?P<quote>'{1,2}|\")(?P<name>[^'\"]+)(?P=quote)\]"
    r"(?:\.(?P<field>\w+))?(?:\[(?P<keyquote>'{1,2}|\")(?P<key>[^'\"]+)(?P=keyquote)\])?"
)
_STRUCTURES = ('{"Concat": ', '{"IfPresent": ')

EXECUTOR_INPUT = ""
"""Path of the placeholder for the whole executor input, ``{{$}}``."""
OUTPUT_FILE = (".outputs.output_file", ".outputMetadataUri")
"""Paths of the placeholders for the file that KFP's executor writes its results to."""
RUN_PLACEHOLDERS = (
    ".pipeline_job_name",
    ".pipeline_job_resource_name",
    ".pipeline_job_uuid",
    ".pipeline_job_create_time_utc",
    ".pipeline_job_schedule_time_utc",
    ".pipeline_task_name",
    ".pipeline_task_uuid",
    ".pipeline_root",
    ".workspace_path",
)
"""Paths of the placeholders for what is known of a run and a step without its inputs."""


@dataclass(frozen=True)
class Placeholder:
    """A placeholder.

    Attributes:
        text: As the specification writes it, with its braces.
        path: What follows the ``$``: ``.pipeline_job_name``, or nothing for the whole executor input.
        side: ``inputs`` or ``outputs`` where it names an input or output, else empty.
        kind: ``parameters`` or ``artifacts``.
        name: The input's or output's name.
        field: What is asked of it: ``output_file``, ``path``, ``uri``, ``metadata``.
        key: The key of the metadata that is asked for; empty for all of it.
    """

    text: str
    path: str
    side: str = ""
    kind: str = ""
    name: str = ""
    field: str = ""
    key: str = ""


def split(text: str) -> Iterator[str | Placeholder]:
    """Split a text into its literal parts and its placeholders."""
    at = 0
    for match in _PLACEHOLDER.finditer(text):
        if match.start() > at:
            yield text[at : match.start()]
        at = match.end()
        keyed = _KEYED.fullmatch(match.group(1))
        if keyed is None:
            yield Placeholder(match.group(0), match.group(1))
        else:
            # A key without a field is one of the metadata: the SDK wrote it so before 2.0.
            field = keyed["field"] or ("metadata" if keyed["key"] else "")
            yield Placeholder(
                match.group(0),
                match.group(1),
                keyed["side"],
                keyed["kind"],
                keyed["name"],
                field,
                keyed["key"] or "",
            )
    if at < len(text):
        yield text[at:]


def find(text: str) -> list[Placeholder]:
    """Give the placeholders of a text, in the order of the text."""
    return [part for part in split(text) if isinstance(part, Placeholder)]


def has_placeholder(text: str) -> bool:
    """Tell whether a text holds a placeholder."""
    return _PLACEHOLDER.search(text) is not None


def check_placeholders(text: str) -> None:
    """Check that every placeholder in a text is one that KFP documents.

    Raises:
        InputError: One is not; the message shows it.
    """
    for part in find(text):
        if not part.side and part.path not in (EXECUTOR_INPUT, *OUTPUT_FILE, *RUN_PLACEHOLDERS):
            raise InputError(f"the placeholder {part.text} has no meaning on this machine")


def structure(element: str) -> Any:
    """Read an element of a command: ``dsl.ConcatPlaceholder`` and ``dsl.IfPresentPlaceholder`` are written as JSON.

    Args:
        element: The element as the specification writes it.

    Returns:
        The element itself, or a mapping with ``Concat`` (a list) or ``IfPresent`` (``InputName``, ``Then`` and maybe
        ``Else``), whose parts are elements again.

    Raises:
        InputError: It begins as a structure and is not one.
    """
    if not element.startswith(_STRUCTURES):
        return element
    try:
        found = json.loads(element)
    except (ValueError, RecursionError):
        found = None
    if not _is_structure(found):
        raise InputError(f"cannot read the placeholder {element[:80]!r}")
    return found


def _is_structure(part: Any) -> bool:
    if isinstance(part, str):
        return True
    if isinstance(part, list):
        return all(map(_is_structure, part))
    if not isinstance(part, dict) or len(part) != 1:
        return False
    if "Concat" in part:
        return isinstance(part["Concat"], list) and _is_structure(part["Concat"])
    choice = part.get("IfPresent")
    if not isinstance(choice, dict) or not isinstance(choice.get("InputName"), str) or "Then" not in choice:
        return False
    return _is_structure(choice["Then"]) and _is_structure(choice.get("Else") or [])


def texts(element: Any) -> Iterator[str]:
    """Give every text in an element that `structure` read."""
    if isinstance(element, str):
        yield element
    elif isinstance(element, list):
        for each in element:
            yield from texts(each)
    elif "Concat" in element:
        yield from texts(element["Concat"])
    else:
        yield from texts(element["IfPresent"]["Then"])
        yield from texts(element["IfPresent"].get("Else") or [])


__all__ = [
    "EXECUTOR_INPUT",
    "OUTPUT_FILE",
    "RUN_PLACEHOLDERS",
    "Placeholder",
    "check_placeholders",
    "find",
    "has_placeholder",
    "split",
    "structure",
    "texts",
]
