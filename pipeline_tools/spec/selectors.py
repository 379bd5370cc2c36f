"""The part of a value that an input takes: ``parseJson(string_value)["a"]["b"]``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline_tools.errors import InputError

_SELECTOR = re.compile(r'parseJson\(string_value\)((?:\["(?:[^"\\]|\\.)*"\])*)')
_KEY = re.compile(r'\[("(?:[^"\\]|\\.)*")\]')


def parse_selector(text: str) -> tuple[str, ...]:
    """Read a selector.

    Args:
        text: The ``parameterExpressionSelector`` of an input.

    Returns:
        The keys that lead to the part, the outermost first; none where the whole value is taken.

    Raises:
        InputError: The selector has another form than KFP's compiler writes.
    """
    match = _SELECTOR.fullmatch(text)
    if match is None:
        raise InputError(f"cannot read the selector {text!r}")
    return tuple(json.loads(key) for key in _KEY.findall(match.group(1)))


def write_selector(keys: Sequence[str]) -> str:
    """Write the selector that `parse_selector` reads as these keys."""
    return "parseJson(string_value)" + "".join(f"[{json.dumps(key)}]" for key in keys)


def select(value: Any, keys: Sequence[str]) -> Any:
    """Take the part of a value that keys lead to.

    Args:
        value: A mapping, or its JSON.
        keys: As `parse_selector` gives them.

    Returns:
        The part.

    Raises:
        InputError: The value is text that is not JSON, or has no such part.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise InputError(f"{value!r} is not JSON, and has no part {list(keys)!r}") from None
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            raise InputError(f"the value {value!r} has no {key!r}")
        value = value[key]
    return value


__all__ = ["parse_selector", "select", "write_selector"]
