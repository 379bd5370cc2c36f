"""How a value is written into a text: the rule of KFP's backend, which this machine and Argo's steps follow too.

The launcher of Argo's steps holds the text of this module, so it imports nothing but the standard library, runs on any
Python from 3.7 on, and has no two opening braces side by side.
"""

import json
from decimal import Decimal
from typing import Any

_INT64 = 2**63


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
        if float(value).is_integer() and -_INT64 <= value < _INT64:
            return str(int(value))
        return _shortest(float(value), 6)
    return _go_json(value)


def _shortest(value: float, exponents_from: int) -> str:
    """Write the shortest digits that give a number back, as Go does; an exponent has two digits at least."""
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    shown = "".join(map(str, digits))
    point = len(shown) + int(exponent)  # digits in front of the point
    minus = "-" if sign else ""
    if not -4 <= point - 1 < exponents_from:
        fraction = "." + shown[1:] if len(shown) > 1 else ""
        return f"{minus}{shown[0]}{fraction}e{point - 1:+03d}"
    if point <= 0:
        return f"{minus}0.{'0' * -point}{shown}"
    return f"{minus}{shown[:point]}.{shown[point:]}"


def _go_json(value: Any) -> str:
    """Write JSON as Go's ``encoding/json`` does: compact, keys sorted, HTML's own characters escaped."""
    if isinstance(value, dict):
        return "{" + ",".join(_go_json(str(key)) + ":" + _go_json(value[key]) for key in sorted(value)) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_go_json, value)) + "]"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
        if number == 0 or 1e-6 <= abs(number) < 1e21:
            text = format(Decimal(repr(number)), "f")
            return text.rstrip("0").rstrip(".") if "." in text else text
        return _shortest(number, -4).replace("e-0", "e-")
    text = json.dumps(value, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
