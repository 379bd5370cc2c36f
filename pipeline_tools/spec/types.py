"""The types of parameters: what a value is in a step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipeline_tools.errors import InputError
from pipeline_tools.spec.text import text_of

DESCRIPTIONS = {
    "STRING": "text",
    "NUMBER_INTEGER": "a whole number",
    "NUMBER_DOUBLE": "a number",
    "BOOLEAN": "true or false",
    "LIST": "a list, as JSON",
    "STRUCT": "a mapping, as JSON",
}
"""What a person gives for each ``parameterType``."""

_EXACT = 2**53  # beyond, not every whole number is a float


def describe(kind: str) -> str:
    """Say what a person gives for a type, for example ``a whole number (NUMBER_INTEGER)``."""
    return f"{DESCRIPTIONS[kind]} ({kind})" if kind in DESCRIPTIONS else kind


def cast(value: Any, kind: str) -> Any:
    """Give a value the Python type that its parameter type has in a step.

    YAML and protobuf know one kind of number only, so that 3 arrives as 3.0. As in KFP's backend, text is read as
    JSON where another type is wanted, and anything else is written as text where text is wanted.

    Args:
        value: A value as YAML or JSON reads it.
        kind: A ``parameterType``, for example ``NUMBER_INTEGER``; empty where the type is not known.

    Returns:
        The value; whole numbers as ``int``, those of a ``NUMBER_DOUBLE`` as ``float``.

    Raises:
        InputError: Text that is not JSON where another type is wanted, or a fraction where a whole number is.
    """
    if value is None:
        return None
    if kind == "STRING":
        return text_of(value)
    if kind and isinstance(value, str):
        try:
            value = json.loads(value.lower() if kind == "BOOLEAN" else value)
        except ValueError:
            raise InputError(f"{value!r} is not {describe(kind)}") from None
    if kind == "NUMBER_INTEGER" and isinstance(value, float) and not value.is_integer():
        raise InputError(f"{value!r} is not {describe(kind)}")
    if kind == "NUMBER_DOUBLE" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return plain(value)


def plain(value: Any) -> Any:
    """Write whole numbers without a fraction, in nested values too: a specification knows one kind of number only."""
    if isinstance(value, float) and value.is_integer():
        return int(value) if abs(value) < _EXACT else value
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value


__all__ = ["DESCRIPTIONS", "cast", "describe", "plain"]
