"""`taxi-pipeline runs`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pipeline_tools.runs.result import RunResult

_PIPE_WIDTH = 200
"""A pipe has no width: lines are long enough that no name is cut."""


@click.command("runs")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), default=Path("runs"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per run, newest first.")
def runs_command(directory: Path, as_json: bool) -> None:
    """List the runs in DIRECTORY (default: runs), the newest first.

    A run whose process was killed, or whose machine went down, is shown as interrupted.

    \b
    Examples:
      taxi-pipeline runs
      taxi-pipeline runs experiments --json
    """  # noqa: D301
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from pipeline_tools.errors import InputError
    from pipeline_tools.runs.progress import SYMBOLS
    from pipeline_tools.runs.result import RECORD_NAME, RunResult
    from pipeline_tools.runs.summary import near

    if not directory.is_dir():
        raise InputError(f"{directory}: no such directory; name the one that holds your runs")
    results, unreadable = [], []
    for record in sorted(directory.glob(f"*/{RECORD_NAME}")):
        try:
            results.append(RunResult.load(record.parent))
        except InputError as error:  # noqa: PERF203 - the others are still worth showing
            unreadable.append(str(error))
    results.sort(key=lambda result: result.started, reverse=True)
    if as_json:
        for result in results:
            click.echo(json.dumps(_summary(result), ensure_ascii=False))
    elif results:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("run", "pipeline", "status", "started", "seconds", "steps"):
            table.add_column(column, no_wrap=True, justify="right" if column == "seconds" else "left")
        for result in results:
            sign, style = SYMBOLS[result.status]
            seconds = "" if result.seconds is None else f"{result.seconds:.1f}"
            done = sum(step.status == "succeeded" for step in result.steps.values())
            table.add_row(
                Text(near(result.run_dir)),
                Text(result.pipeline),
                Text(f"{sign} {result.status}", style),
                result.started[:19].replace("T", " "),
                seconds,
                f"{done} of {len(result.steps)}",
            )
        console = Console()
        (console if console.is_terminal else Console(width=_PIPE_WIDTH)).print(table)
    else:
        click.echo(f"no runs in {directory}")
    for text in unreadable:
        click.echo(f"not listed: {text}", err=True)


def _summary(result: RunResult) -> dict[str, object]:
    return {
        "run_dir": str(result.run_dir),
        "pipeline": result.pipeline,
        "status": result.status,
        "started": result.started,
        "seconds": result.seconds,
        "steps": {name: step.status for name, step in result.steps.items()},
    }
