"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(str, Enum):
    """How serious a finding is."""

    OK = "ok"
    ADVICE = "advice"
    """It works, or not everyone needs it, but it could be better."""
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's output.

    Attributes:
        area: What was checked: ``machine``, ``cluster``, ``project``, ``image`` or ``endpoint``.
        subject: The part that was checked.
        level: How serious it is.
        text: What was found.
        remedy: What to do; empty if there is nothing to do.
    """

    area: str
    subject: str
    level: Level
    text: str
    remedy: str = ""


class Findings:
    """Creates the findings of one area.

    Args:
        area: Its name.
    """

    def __init__(self, area: str) -> None:
        self._area = area

    def ok(self, subject: str, text: str) -> Finding:
        """Report that something is as it should be."""
        return Finding(self._area, subject, Level.OK, text)

    def advice(self, subject: str, text: str, remedy: str) -> Finding:
        """Report what could be better."""
        return Finding(self._area, subject, Level.ADVICE, text, remedy)

    def wrong(self, subject: str, text: str, remedy: str) -> Finding:
        """Report what is wrong."""
        return Finding(self._area, subject, Level.WRONG, text, remedy)
