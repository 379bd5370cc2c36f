"""What the page says of a run's steps, and where its links point."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from pipeline_tools.runs.result import RunResult, Step

if TYPE_CHECKING:
    from components.lib.report.run import Link, Run, RunStep


def describe_run(run: RunResult, page: Path | None) -> Run:
    """Say what the page shows of a run.

    Args:
        run: The run.
        page: Where the page will be written, which links are relative to, so that both can move together; None of
            a page that is not written, which gets no links.

    Returns:
        The description.
    """
    from components.lib.report.run import Run

    begin = datetime.datetime.fromisoformat(run.started)
    return Run(
        pipeline=run.pipeline,
        status=run.status,
        started=f"{begin:%Y-%m-%d %H:%M:%S} UTC",
        seconds=run.seconds,
        parameters=run.parameters,
        versions=run.versions,
        steps=tuple(_describe(step, run, begin, page) for step in run.steps.values()),
    )


def _describe(step: Step, run: RunResult, begin: datetime.datetime, page: Path | None) -> RunStep:
    from components.lib.report.run import RunStep

    started = datetime.datetime.fromisoformat(step.started) if step.started else None
    links = [_link("log", step.log, run, page)] if step.log and step.log.exists() else []
    links += [
        _link(name, Path(artifact.uri), run, page)
        for name, artifact in step.artifacts.items()
        # Metrics live in the record, so that there is nothing to open; and a browser reads a page without a file
        # extension for plain text. What is on the pages of the steps is on this one.
        if "://" not in artifact.uri and Path(artifact.uri).exists() and artifact.type != "system.HTML"
    ]
    return RunStep(
        name=step.label,
        status=step.status,
        said=step.error or step.reason or "",
        begin=(started - begin).total_seconds() if started else None,
        seconds=step.seconds,
        memory=step.peak_memory_bytes,
        links=tuple(links),
    )


def _link(label: str, path: Path, run: RunResult, page: Path | None) -> Link:
    from components.lib.report.run import Link

    inside = os.path.relpath(path, run.run_dir)
    href = quote(Path(os.path.relpath(path, page.parent)).as_posix()) if page else None
    return Link(label, href, inside)
