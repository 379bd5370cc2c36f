"""Read a mapping of options: each key known, each value of its type, before anything is done with it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pipeline_tools.errors import InputError

_KINDS = {str: "text", int: "a whole number", list: "a list of texts", dict: "a mapping of texts to texts"}


def read_options(parameter: str, given: Mapping[str, Any], types: Mapping[str, type]) -> dict[str, Any]:
    """Check the keys and the types of a mapping.

    Args:
        parameter: Name of the parameter that holds the mapping, for errors.
        given: The mapping, as JSON reads it: whole numbers may have become floats on their way.
        types: The keys, and the type of each: ``str``, ``int``, ``list`` (of ``str``) or ``dict`` (``str`` to ``str``).

    Returns:
        The values that were given, whole numbers as ``int``.

    Raises:
        InputError: A key is unknown, or a value is of another type. The message names all of them, and the keys that
            there are.
    """
    if not isinstance(given, Mapping):
        raise InputError(f"{parameter}={given!r}: must be a mapping, with keys among {', '.join(types)}")
    problems = []
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in types:
            problems.append(f"{parameter}.{key}: {unknown_key(key, types)}")
        elif not _fits(value, types[key]):
            problems.append(f"{parameter}.{key}={value!r}: must be {_KINDS[types[key]]}")
        else:
            values[key] = int(value) if types[key] is int else value
    if problems:
        raise InputError("\n".join(problems))
    return values


def unknown_key(key: Any, known: Mapping[str, Any]) -> str:
    """Say that there is no such key, which one may have been meant, and which there are."""
    close = difflib.get_close_matches(str(key), known, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    return f"there is no such key{meant} The keys are {', '.join(known) or 'none'}".replace("key The", "key. The")


def _fits(value: Any, kind: type) -> bool:
    if kind is int:
        return not isinstance(value, bool) and isinstance(value, (int, float)) and float(value).is_integer()
    if kind is list:
        return isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)
    if kind is dict:
        return isinstance(value, Mapping) and all(isinstance(each, str) for pair in value.items() for each in pair)
    return isinstance(value, kind)
