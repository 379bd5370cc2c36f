"""The charts of the slices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from components.report import charts
from components.report.charts import Estimate
from components.report.evaluation import Evaluation
from components.report.slices import BETTER, WORSE, Slice
from components.report.table import label

WORST = 15
"""Slices in a chart of the worst."""


def slice_charts(
    models: Mapping[str, Evaluation], slices: Sequence[Slice], metric: str
) -> list[tuple[str, str, Markup]]:
    """Draw the slices: the worst of them, and all by their size; of two models also where they differ.

    Args:
        models: The evaluations by name.
        slices: The worst first.
        metric: The primary metric.

    Returns:
        For each chart its heading, what it shows, and the chart.
    """
    judged = [each for each in slices if not each.small]
    names = list(models)
    paint = {WORSE: "worse", BETTER: "better"}
    worst = [
        (
            each.name,
            [
                Estimate(
                    each.values[name][metric],
                    each.bounds[name],
                    f"m{at}" if len(names) > 1 else paint.get(each.note, "plain"),
                )
                for at, name in enumerate(names, start=1)
                if math.isfinite(each.values[name].get(metric, math.nan))
            ],
        )
        for each in judged[:WORST]
    ]
    overall = models[names[0]].overall.get(metric) if len(names) == 1 else None
    said = f"The {len(worst)} slices with the worst {label(metric)} among the {len(judged)} large enough to judge."
    found = [
        (
            "Worst slices",
            said,
            charts.interval_chart("Worst slices", said, worst, reference=overall, unit=label(metric)),
        )
    ]
    if len(names) == 1:
        points: dict[str, list[tuple[float, float]]] = {"small": [], "plain": [], "better": [], "worse": []}
        for each in slices:
            value = each.values[names[0]].get(metric, math.nan)
            if each.examples and math.isfinite(value):
                points["small" if each.small else paint.get(each.note, "plain")].append((each.examples, value))
        said = "Every slice by its size. Luck scatters small slices far and large ones little."
        found.append(
            (
                "All slices by size",
                said,
                charts.funnel("All slices by size", said, points, reference=overall, unit=label(metric)),
            )
        )
    elif len(names) == 2:
        found += _difference_charts(slices, names, metric)
    return found


def _difference_charts(slices: Sequence[Slice], names: list[str], metric: str) -> list[tuple[str, str, Markup]]:
    paint = {f"{name} better": f"m{at}" for at, name in enumerate(names, start=1)}
    sure = sorted(
        (each for each in slices if each.difference is not None and each.difference_bounds and not each.small),
        key=lambda each: -abs(each.difference or 0) / (each.difference_bounds.high - each.difference_bounds.low),  # type: ignore[union-attr]
    )
    rows = [
        (each.name, [Estimate(each.difference, each.difference_bounds, paint.get(each.note, "plain"))])
        for each in sure[:WORST]
        if each.difference is not None
    ]
    said = f"{names[1]} minus {names[0]} in {label(metric)}, the surest differences first."
    found = [
        (
            "Where they differ",
            said,
            charts.interval_chart("Where they differ", said, rows, reference=0.0, unit="difference", style="+.3f"),
        )
    ]
    points: dict[str, list[tuple[float, float]]] = {"small": [], "plain": [], "m1": [], "m2": []}
    for each in slices:
        if each.examples and each.difference is not None and math.isfinite(each.difference):
            points["small" if each.small else paint.get(each.note, "plain")].append((each.examples, each.difference))
    said = f"Difference of every slice by its size; above the line {names[1]} is ahead."
    found.append(
        (
            "All differences by size",
            said,
            charts.funnel("All differences by size", said, points, reference=0.0, unit="difference"),
        )
    )
    return found
