"""The types of parameters: what a value is in a step, and how it is written into a text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pipeline_tools.errors import InputError

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
_INT64 = 2**63
_ESCAPES = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})


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


def text_of(value: Any) -> str:
    """Write a value into a text as KFP's backend does.

    Args:
        value: What JSON can hold.

    Returns:
        Text as it is; nothing for null; a whole number without a fraction, another as Go's ``%g`` writes it; ``true``
        or ``false``; lists and mappings as the compact JSON that Go writes, keys sorted.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _number(value)
    return _go_json(value)


def _number(value: int | float) -> str:
    if float(value).is_integer() and -_INT64 <= value < _INT64:
        return str(int(value))
    return _shortest(float(value), largest_exponent=6)


def _shortest(value: float, *, largest_exponent: int) -> str:
    """Write the shortest digits that give the number back, as Go does; an exponent has two digits at least."""
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    if not isinstance(exponent, int):
        raise InputError(f"{value} is not a finite number")
    shown = "".join(map(str, digits))
    point = len(shown) + exponent  # digits in front of the point
    minus = "-" if sign else ""
    if -4 <= point - 1 < largest_exponent:
        if point <= 0:
            return f"{minus}0.{'0' * -point}{shown}"
        if exponent >= 0:
            return f"{minus}{shown}{'0' * exponent}"
        return f"{minus}{shown[:point]}.{shown[point:]}"
    fraction = f".{shown[1:]}" if len(shown) > 1 else ""
    return f"{minus}{shown[0]}{fraction}e{point - 1:+03d}"


def _go_json(value: Any) -> str:
    """Write JSON as Go's ``encoding/json`` does: compact, keys sorted, HTML's own characters escaped."""
    if isinstance(value, Mapping):
        pairs = (f"{_go_json(str(key))}:{_go_json(value[key])}" for key in sorted(value))
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_go_json, value)) + "]"
    if isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool)):
        return _go_json_number(float(value))
    return json.dumps(value, ensure_ascii=False).translate(_ESCAPES)


def _go_json_number(value: float) -> str:
    if value == 0:
        return "-0" if str(value).startswith("-") else "0"
    if 1e-6 <= abs(value) < 1e21:
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return _shortest(value, largest_exponent=0).replace("e-0", "e-")


__all__ = ["DESCRIPTIONS", "cast", "describe", "plain", "text_of"]
