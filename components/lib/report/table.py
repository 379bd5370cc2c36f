"""The table of slices: what the page shows first, and the same numbers for its script to sort and filter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.lib.artifacts.evaluation import COUNT, Evaluation
from components.lib.report.measures import ACCURACY, AUC, LOG_LOSS
from components.lib.report.slices import Slice, metric_names
from components.lib.stats.estimates import Interval

SHOWN = 25
"""Rows at a time. Thousands of rows in a page would take seconds to lay out."""

LABELS = {
    AUC: "AUC",
    "auc_precision_recall": "AUC of precision-recall",
    ACCURACY: "accuracy",
    LOG_LOSS: "log loss",
    COUNT: "examples",
}


def label(metric: str) -> str:
    """Say a metric's name as people do."""
    return LABELS.get(metric, metric.replace("_", " "))


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        label: Its heading.
        kind: ``text``, ``count``, ``number``, ``signed`` or ``interval``.
        metric: What TFMA calls it, if it is TFMA's.
        model: Number of the model it belongs to, from 1, or 0.
        rest: Whether it is of the examples outside of the slice.
    """

    label: str
    kind: str
    metric: str = ""
    model: int = 0
    rest: bool = False


@dataclass(frozen=True)
class Table:
    """Columns and rows; a cell is a text, a number, a pair of numbers, or None."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]

    def as_json(self) -> dict[str, Any]:
        """Give what the page's script reads; numbers in full."""
        return {
            "columns": [{"label": column.label, "kind": column.kind} for column in self.columns],
            "rows": self.rows,
            "shown": SHOWN,
        }


def slice_table(slices: Sequence[Slice], models: Mapping[str, Evaluation], metric: str) -> Table:
    """Lay out the slices.

    Args:
        slices: In order.
        models: The evaluations by name.
        metric: The primary metric.

    Returns:
        The table. Its first column is the slice, its last two what the slice is made from and what to see in it.
    """
    one = len(models) == 1
    columns = [Column("slice", "text"), Column("examples", "count", COUNT)]
    columns += [Column(_of(metric, name, one), "number", metric, at) for at, name in enumerate(models, start=1)]
    if one:
        columns += [Column("95 % interval", "interval"), Column(f"{label(metric)} of the rest", "number", rest=True)]
    if len(models) == 2:
        columns += [Column("difference", "signed"), Column("its 95 % interval", "interval")]
    others = [name for name in metric_names(models) if name != metric]
    if not one:  # a column for each metric of each model would be more than anybody reads
        others = [name for name in others if name in (AUC, ACCURACY, LOG_LOSS)]
    columns += [
        Column(_of(other, name, one), "number", other, at)
        for other in others
        for at, name in enumerate(models, start=1)
    ]
    columns += [Column("note", "text"), Column("made from", "text")]
    return Table(tuple(columns), tuple(_row(each, list(models), columns) for each in slices))


def _of(metric: str, model: str, alone: bool) -> str:
    return label(metric) if alone else f"{label(metric)}, {model}"


def _row(each: Slice, models: list[str], columns: list[Column]) -> tuple[Any, ...]:
    cells: list[Any] = [each.name, each.examples]
    for column in columns[2:-2]:
        if column.model:
            cells.append(_finite(each.values[models[column.model - 1]].get(column.metric, math.nan)))
        elif column.rest:
            cells.append(each.rest)
        elif column.kind == "signed":
            cells.append(None if each.difference is None else _finite(each.difference))
        else:
            interval = each.difference_interval if len(models) == 2 else each.intervals[models[0]]
            cells.append(_rounded(interval))
    return (*cells, each.note, each.columns)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _rounded(interval: Interval | None) -> list[float] | None:
    # An interval's seventh digit means nothing, and ten thousand of them half a megabyte.
    return None if interval is None else [round(end, 6) for end in interval.ends]
