"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(str, Enum):
    """How good or bad it is."""

    OK = "ok"
    ADVICE = "advice"
    """Works, or is not needed by everyone; could be better."""
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's.

    Attributes:
        place: What was looked at: ``machine``, ``cluster``, ``project``, ``image`` or ``endpoint``.
        subject: Which part of it.
        level: How it is.
        text: What was found.
        remedy: What to do; empty where nothing is to be done.
    """

    place: str
    subject: str
    level: Level
    text: str
    remedy: str = ""


class Findings:
    """Makes the findings of one place.

    Args:
        place: Its name.
    """

    def __init__(self, place: str) -> None:
        self._place = place

    def ok(self, subject: str, text: str) -> Finding:
        """Say that something is as it must be."""
        return Finding(self._place, subject, Level.OK, text)

    def advice(self, subject: str, text: str, remedy: str) -> Finding:
        """Say what could be better."""
        return Finding(self._place, subject, Level.ADVICE, text, remedy)

    def wrong(self, subject: str, text: str, remedy: str) -> Finding:
        """Say what is wrong."""
        return Finding(self._place, subject, Level.WRONG, text, remedy)
