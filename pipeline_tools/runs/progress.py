"""Show a run while it goes on: a live table in a terminal, a line for each change elsewhere."""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipeline_tools.runs.result import Step

SYMBOLS = {
    "pending": ("·", "dim"),
    "running": ("▶", "cyan"),
    "succeeded": ("✓", "green"),
    "failed": ("✗", "red"),
    "skipped": ("-", "dim"),
    "interrupted": ("✗", "yellow"),
}
"""How each status looks: a sign, so that it can be told without colour, and a style."""

_ROWS = 16  # steps shown at a time; of more, those that run or failed
_PREFIX = re.compile(r"^\[KFP Executor [^\]]*\]: ")
_NOISE = re.compile(r"[IWEF]\d{4} \d\d:\d\d:|WARNING: All log messages before absl")
_TAIL = 4096  # bytes of a log looked at for its last line


class Shown(Protocol):
    """What is shown of a run, wherever it goes on."""

    @property
    def pipeline(self) -> str:
        """Name of the pipeline."""

    @property
    def location(self) -> str:
        """Where everything of it is found."""

    @property
    def steps(self) -> Mapping[str, Step]:
        """The steps by name."""

    @property
    def imports(self) -> Mapping[str, float | None]:
        """Modules that are imported for all steps, none while that goes on."""


class Watcher(Protocol):
    """Shows a run."""

    def __call__(self, result: Shown, step: Step | None, /) -> None:
        """Take note of a change: of a step, or of the run itself."""


@contextmanager
def progress(console: Console) -> Iterator[Watcher]:
    """Show a run on a console while the block lasts.

    Args:
        console: Where; in a terminal a table that renews itself and goes away at the end, otherwise plain lines.

    Yields:
        What to hand to ``run`` as its observer.
    """
    if not console.is_terminal:
        yield _Lines(console)
        return
    view = _View()
    with Live(console=console, get_renderable=view.render, refresh_per_second=4, transient=True):
        yield view


class _Lines:
    """One line for each step that starts or ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun = False
        self._shown: dict[str, tuple[str, int]] = {}

    def __call__(self, result: Shown, step: Step | None, /) -> None:
        if step is None:
            if not self._begun:
                self._begun = True
                self._print(f"{result.pipeline} started in {result.location}")
            return
        before = self._shown.get(step.name)
        if before == (step.status, step.attempts):
            return
        self._shown[step.name] = (step.status, step.attempts)
        if step.status == "running":
            again = f" again (attempt {step.attempts}; {step.error})" if step.attempts > 1 else ""
            self._print(f"{step.label} started{again}")
        elif step.status != "pending":
            seconds = f" ({step.seconds:.1f} s)" if step.seconds is not None else ""
            detail = step.error or step.reason
            self._print(f"{step.label} {step.status}{seconds}{f': {detail}' if detail else ''}")

    def _print(self, text: str) -> None:
        now = datetime.datetime.now().astimezone()
        self._console.print(f"{now:%H:%M:%S} {text}", markup=False, highlight=False, soft_wrap=True)


class _View:
    """The latest state of a run, as a table."""

    def __init__(self) -> None:
        self._result: Shown | None = None
        self._since: dict[str, float] = {}
        self._began = time.monotonic()

    def __call__(self, result: Shown, step: Step | None, /) -> None:
        if step is not None and step.status == "running":
            self._since.setdefault(step.name, time.monotonic())
        self._result = result

    def render(self) -> Table | Text:
        result = self._result
        if result is None:
            return Text("")
        steps = list(result.steps.values())
        done = sum(step.status not in ("pending", "running") for step in steps)
        seconds = int(time.monotonic() - self._began)
        table = Table(
            title=f"{escape(result.pipeline)}  {done} of {len(steps)} steps  {seconds // 60}:{seconds % 60:02}",
            title_justify="left",
            title_style="bold",
            caption_justify="left",
            box=None,
            show_header=False,
            expand=True,
        )
        table.add_column(width=1)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis", style="dim")
        table.caption = next((f"importing {name}" for name, spent in result.imports.items() if spent is None), None)
        if len(steps) > _ROWS:
            steps = [step for step in steps if step.status in ("running", "failed")][-_ROWS:]
        for step in steps:
            sign, style = SYMBOLS[step.status]
            table.add_row(Text(sign, style), Text(step.label), self._seconds(step), Text(_detail(step)))
        return table

    def _seconds(self, step: Step) -> str:
        if step.status == "running":
            now = time.monotonic()
            return f"{now - self._since.get(step.name, now):.0f} s"
        return f"{step.seconds:.1f} s" if step.seconds is not None else ""


def _detail(step: Step) -> str:
    if step.status == "running" and step.log is not None:
        return last_line(step.log)
    return (step.error or step.reason or "").partition("\n")[0]


def last_line(log: Path) -> str:
    """Give the last line of a log that says something: no control characters, no notes of native libraries."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    for line in reversed(Text.from_ansi(text.replace("\r", "\n")).plain.splitlines()):
        said = "".join(character for character in _PREFIX.sub("", line) if character.isprintable()).strip()
        if said and not _NOISE.match(said):
            return said
    return ""
