"""Windows of time: half-open, in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from dateutil.parser import isoparse

from pipeline_tools.errors import InputError


@dataclass(frozen=True)
class Window:
    """From ``begin`` up to, and without, ``end``; None where it is open.

    Attributes:
        begin: A time in UTC.
        end: A time in UTC.
    """

    begin: datetime | None = None
    end: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether it takes all times."""
        return self.begin is None and self.end is None

    def meets(self, other: Window) -> bool:
        """Say whether some time lies in both.

        Args:
            other: Another window.

        Returns:
            True if there may be such a time.
        """
        return (self.end is None or other.begin is None or other.begin < self.end) and (
            other.end is None or self.begin is None or self.begin < other.end
        )

    def __str__(self) -> str:
        begin, end = (time.strftime("%Y-%m-%dT%H:%M:%SZ") if time else "" for time in (self.begin, self.end))
        return f"[{begin or 'the first row'}, {end or 'after the last row'})"


def parse_time(text: str, parameter: str) -> datetime:
    """Parse a time in any ISO 8601 form; without a zone it is UTC.

    Args:
        text: For example ``2015-07-01``, ``2015-07-01 12:00:00``, ``20150701T120000Z``, ``2015-07-01T12:00+02:00``.
        parameter: The parameter that gave it.

    Returns:
        The time in UTC.

    Raises:
        InputError: It is no such time.
    """
    try:
        time: datetime = isoparse(text.strip().removesuffix(" UTC").replace(" ", "T", 1))
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{parameter}={text!r}: no ISO 8601 time ({error}); write for example 2015-07-01 or 2015-07-01T12:00:00Z"
        ) from None
    return time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time.astimezone(timezone.utc)


def parse_window(ts1: str, ts2: str, names: tuple[str, str] = ("ts1", "ts2")) -> Window:
    """Parse a window.

    Args:
        ts1: When it begins; empty leaves it open.
        ts2: When it is over; empty leaves it open.
        names: The parameters that gave them.

    Returns:
        The window.

    Raises:
        InputError: One is no time, or it ends before it begins.
    """
    begin = parse_time(ts1, names[0]) if ts1.strip() else None
    end = parse_time(ts2, names[1]) if ts2.strip() else None
    if begin and end and end <= begin:
        raise InputError(
            f"{names[0]}={ts1!r}, {names[1]}={ts2!r}: the window is over before it begins; {names[1]} must be later"
        )
    return Window(begin, end)
