"""Read the placeholders of a KFP specification: ``{{$.inputs.parameters['x']}}`` and its kin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_PLACEHOLDER = re.compile(r"\{\{\$(.*?)\}\}", re.DOTALL)
_KEYED = re.compile(
    r"\.(?P<side>inputs|outputs)\.(?P<kind>parameters|artifacts)"
    r"\[(?P<quote>'{1,2}|\")(?P<name>[^'\"]+)(?P=quote)\](?:\.(?P<field>\w+)|\['(?P<key>[^']+)'\])?$"
)


@dataclass(frozen=True)
class Placeholder:
    """A placeholder.

    Attributes:
        text: As it stands, with its braces.
        path: What stands after the ``$``: ``.pipeline_job_name``, or nothing for the whole executor input.
        side: ``inputs`` or ``outputs`` where it names an input or output, else empty.
        kind: ``parameters`` or ``artifacts``.
        name: The input's or output's name.
        field: What is asked of it: ``output_file``, ``path``, ``uri``, ``metadata``.
    """

    text: str
    path: str
    side: str = ""
    kind: str = ""
    name: str = ""
    field: str = ""


def split(text: str) -> Iterator[str | Placeholder]:
    """Split a text into what stands as it is, and its placeholders."""
    at = 0
    for match in _PLACEHOLDER.finditer(text):
        if match.start() > at:
            yield text[at : match.start()]
        at = match.end()
        keyed = _KEYED.match(match.group(1))
        if keyed is None:
            yield Placeholder(match.group(0), match.group(1))
        else:
            side, kind, name = keyed["side"], keyed["kind"], keyed["name"]
            yield Placeholder(match.group(0), match.group(1), side, kind, name, keyed["field"] or keyed["key"] or "")
    if at < len(text):
        yield text[at:]


def has_placeholder(text: str) -> bool:
    """Tell whether a text holds a placeholder."""
    return _PLACEHOLDER.search(text) is not None


__all__ = ["Placeholder", "has_placeholder", "split"]
