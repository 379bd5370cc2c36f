"""What the page says of the run: whoever ran it fills this in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Link:
    """Something in the run directory.

    Attributes:
        label: What it is.
        href: Its path, relative to the page; None where the page does not know.
        path: Its path in the run directory.
    """

    label: str
    href: str | None
    path: str


@dataclass(frozen=True)
class RunStep:
    """A step.

    Attributes:
        name: Its name.
        status: ``succeeded``, ``failed``, ``skipped`` …
        said: Why it failed or was skipped, or nothing.
        begin: Seconds from the start of the run, or None where it never started.
        seconds: How long it took.
        memory: Peak memory in bytes, or None.
        links: Its log and artifacts.
    """

    name: str
    status: str
    said: str = ""
    begin: float | None = None
    seconds: float | None = None
    memory: int | None = None
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        pipeline: Its name.
        status: ``succeeded``, ``failed`` …
        started: UTC time, ISO 8601.
        seconds: Wall time, or None while it goes on.
        parameters: By name.
        versions: Of Python and libraries, by name.
        steps: In order.
    """

    pipeline: str
    status: str
    started: str
    seconds: float | None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[RunStep, ...] = ()
