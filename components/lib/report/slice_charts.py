"""The charts of the slices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from components.lib.artifacts.evaluation import Evaluation
from components.lib.report import charts
from components.lib.report.charts import Estimate
from components.lib.report.slices import BETTER, WORSE, Slice
from components.lib.report.table import label

WORST = 15
"""Slices in a chart of the worst."""

PAINT = {WORSE: "worse", BETTER: "better"}


class Figure(NamedTuple):
    """A chart, with its heading and what it shows."""

    heading: str
    said: str
    chart: Markup


def slice_charts(models: Mapping[str, Evaluation], slices: Sequence[Slice], metric: str) -> list[Figure]:
    """Draw the slices: the worst of them, and all by their size; of two models also where they differ.

    Args:
        models: The evaluations by name.
        slices: The worst first.
        metric: The primary metric.

    Returns:
        The figures.
    """
    names = list(models)
    overall = models[names[0]].overall.get(metric) if len(names) == 1 else None
    figures = [_worst(slices, names, metric, overall)]
    if len(names) == 1:
        values = [(each, each.values[names[0]].get(metric, math.nan), PAINT.get(each.note, "plain")) for each in slices]
        said = "Luck scatters small slices far and large ones little: a large one off the line deserves a look."
        figures.append(_by_size("All slices by size", said, values, reference=overall, unit=label(metric)))
    elif len(names) == 2:
        paint = {f"{name} better": f"m{at}" for at, name in enumerate(names, start=1)}
        figures.append(_surest(slices, names, metric, paint))
        differences = [
            (each, math.nan if each.difference is None else each.difference, paint.get(each.note, "plain"))
            for each in slices
        ]
        said = f"Above the line {names[1]} is ahead."
        figures.append(_by_size("All differences by size", said, differences, reference=0.0, unit="difference"))
    return figures


def _worst(slices: Sequence[Slice], names: list[str], metric: str, overall: float | None) -> Figure:
    large = [
        each
        for each in slices
        if not each.small and any(math.isfinite(values.get(metric, math.nan)) for values in each.values.values())
    ]
    rows = []
    for each in large[:WORST]:
        estimates = []
        for at, name in enumerate(names, start=1):
            class_ = PAINT.get(each.note, "plain") if len(names) == 1 else f"m{at}"
            if math.isfinite(value := each.values[name].get(metric, math.nan)):
                estimates.append(Estimate(value, each.intervals[name], class_))
        rows.append((each.name, estimates))
    said = f"The {len(rows)} slices with the worst {label(metric)} among the {len(large):,} with enough examples."
    heading = "Worst slices"
    return Figure(heading, said, charts.interval_chart(heading, said, rows, reference=overall, unit=label(metric)))


def _surest(slices: Sequence[Slice], names: list[str], metric: str, paint: Mapping[str, str]) -> Figure:
    """Draw the differences that stand out most from their intervals."""
    tested = [
        (each.p_value, each, each.difference)
        for each in slices
        if each.p_value is not None and each.difference is not None
    ]
    rows = [
        (each.name, [Estimate(difference, each.difference_interval, paint.get(each.note, "plain"))])
        for _, each, difference in sorted(tested, key=lambda item: (item[0], -abs(item[2])))[:WORST]
    ]
    said = f"{names[1]} minus {names[0]} in {label(metric)}, the surest differences first."
    heading = "Where they differ"
    chart = charts.interval_chart(heading, said, rows, reference=0.0, unit="difference", style="+.3f")
    return Figure(heading, said, chart)


def _by_size(
    heading: str,
    said: str,
    values: Sequence[tuple[Slice, float, str]],
    *,
    reference: float | None,
    unit: str,
) -> Figure:
    """Draw slices by their size, on the scale of those with enough examples: the others would squeeze them flat."""
    finite = [(each, value, class_) for each, value, class_ in values if each.examples and math.isfinite(value)]
    scale = [value for each, value, _ in finite if not each.small] or [value for _, value, _ in finite]
    scale += [] if reference is None else [reference]
    low, high = min(scale, default=0.0), max(scale, default=1.0)
    pad = (high - low) / 4
    points: dict[str, list[tuple[float, float]]] = {"small": []}
    outside = 0
    for each, value, class_ in finite:
        if low - pad <= value <= high + pad:
            points.setdefault("small" if each.small else class_, []).append((each.examples or 1, value))
        else:
            outside += 1
    if outside:
        said += f" {outside:,} slices of too few examples are outside of this scale."
    return Figure(heading, said, charts.funnel(heading, said, points, reference=reference, unit=unit))
