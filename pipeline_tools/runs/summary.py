"""Say at the end what a run brought, and where it lies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.columns import Columns
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline_tools.runs.progress import SYMBOLS
from pipeline_tools.runs.result import RunResult

METRICS_TOLD = 8
"""How many metrics of a step the table holds."""


def print_summary(console: Console, result: RunResult) -> None:
    """Print the result table of a run, the errors of its steps, and where everything is.

    Args:
        console: Where.
        result: A run that has ended.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("step", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("metrics", overflow="fold")
    for step in result.steps.values():
        sign, style = SYMBOLS[step.status]
        seconds = f"{step.seconds:.1f}" if step.seconds is not None else ""
        table.add_row(Text(step.label), Text(f"{sign} {step.status}", style), seconds, _metrics(step.metrics))
    console.print(table)
    for step in result.steps.values():
        if step.status == "failed":
            _say(console, f"\n{step.label} failed: {step.error}")
            if step.log is not None and step.error_type not in ("InputError", "MissingExtraError"):
                _say(console, f"full log: {near(step.log)}")
    for name, value in result.outputs.items():
        _say(console, f"\n{name}: {value}")
    seconds = f" in {result.seconds:.1f} s" if result.seconds is not None else ""
    _say(console, f"\n{result.pipeline} {result.status}{seconds}")
    _say(console, f"everything is in {near(result.run_dir)}: artifacts, logs, run.json, {result.package.name}")
    if result.remote:
        _say(console, f"and in {result.remote}")


def near(path: Path) -> str:
    """Write a path as seen from the working directory, where it lies below that."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _metrics(metrics: Mapping[str, float]) -> Columns:
    told = [f"{name} {_number(value)}" for name, value in list(metrics.items())[:METRICS_TOLD]]
    if len(metrics) > METRICS_TOLD:
        told.append(f"{len(metrics) - METRICS_TOLD} more in run.json")
    return Columns([Text(each) for each in told], padding=(0, 2))  # breaks lines between metrics, never within


def _number(value: float) -> str:
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:.4g}"


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
