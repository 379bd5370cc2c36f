"""Tell numbers that are no seconds since 1970 from those that may be."""

from __future__ import annotations

_2100 = 4_102_444_800
_UNITS = {"milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}


def likely_unit(text: str) -> str:
    """Name what a number may be that cannot be seconds since 1970.

    Args:
        text: The number.

    Returns:
        ``milliseconds``, ``microseconds`` or ``nanoseconds``; empty if it is none of them, before the year 2100.
    """
    try:
        number = abs(float(text))
    except ValueError:
        return ""
    return next((unit for unit, size in _UNITS.items() if _2100 < number <= _2100 * size), "")
