"""Cron expressions: five fields as people write them, six as Kubeflow Pipelines reads them."""

from __future__ import annotations

import re

from pipeline_tools.errors import InputError

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_ALIASES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_PART = re.compile(r"(?P<range>[^/]+)(?:/(?P<step>[1-9]\d*))?")
_ZONE = re.compile(r"(?:CRON_)?TZ=\S+\s+")


def six_fields(expression: str) -> str:
    """Check a cron expression and write it as Kubeflow Pipelines reads it.

    Its parser also accepts five fields, but reads them as second, minute, hour, day and month: ``0 9 * * 1`` would not
    mean Monday at nine.

    Args:
        expression: Five fields as in crontab, six with seconds in front, or ``@daily`` and the like, or ``@every 2h``.

    Returns:
        Six fields, or the alias that begins with ``@``, unchanged.

    Raises:
        InputError: It is not a cron expression; the message names the field.
    """
    text = " ".join(expression.split())
    if text.startswith("@"):
        if text in _ALIASES or re.fullmatch(r"@every (\d+(\.\d+)?(h|m|s))+", text):
            return text
        raise InputError(f"cron {expression!r}: write {', '.join(_ALIASES)} or, for example, @every 2h30m")
    if _ZONE.match(text):
        raise InputError(f"cron {expression!r}: Kubeflow Pipelines accepts no time zone; it uses the cluster's")
    fields = text.split()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise InputError(
            f"cron {expression!r} has {len(fields)} fields; write 5 (minute hour day month weekday), "
            "or 6 with the second in front"
        )
    for value, (name, low, high, names) in zip(fields, _FIELDS, strict=True):
        for part in value.split(","):
            if not _fits(part, low, high, names):
                words = f" or {names[0]} to {names[-1]}" if names else ""
                raise InputError(
                    f"cron {expression!r}: {part!r} is not a valid {name}; write {low} to {high}{words}, *, a-b or */n"
                )
    return " ".join(fields)


def five_fields(expression: str) -> str:
    """Check a cron expression and write it as Vertex AI reads it.

    Args:
        expression: As for `six_fields`, with seconds only if they are 0; a time zone may precede them
            (``TZ=Europe/Berlin 0 9 * * 1``).

    Returns:
        Five fields, preceded by the time zone if one was given.

    Raises:
        InputError: It is not a cron expression, or Vertex AI does not support it.
    """
    zone = _ZONE.match(expression.strip())
    text = six_fields(expression.strip()[zone.end() :] if zone else expression)
    if text.startswith("@"):
        raise InputError(f"cron {expression!r}: Vertex AI needs five fields (minute hour day month weekday)")
    second, *fields = text.split()
    if second != "0":
        raise InputError(f"cron {expression!r}: Vertex AI starts runs on the minute; the second must be 0")
    return (zone.group().strip() + " " if zone else "") + " ".join("*" if each == "?" else each for each in fields)


def _fits(part: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    match = _PART.fullmatch(part)
    if match is None:
        return False
    if match["range"] in ("*", "?"):
        return match["range"] == "*" or match["step"] is None
    ends = [_number(end, low, names) for end in match["range"].split("-")]
    numbers = [end for end in ends if end is not None and low <= end <= high]
    return len(numbers) == len(ends) <= 2 and numbers == sorted(numbers)


def _number(text: str, low: int, names: tuple[str, ...]) -> int | None:
    if text.upper() in names:
        return names.index(text.upper()) + low
    return int(text) if text.isascii() and text.isdigit() else None
