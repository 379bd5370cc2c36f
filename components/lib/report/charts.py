"""The charts of the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from components.lib.artifacts.evaluation import Evaluation
from components.lib.report.draw import WIDTH, Chart, Scale, linear, logarithmic, square_root, ticks
from components.lib.report.text import minus, tick_text
from components.lib.stats.estimates import Interval
from components.lib.stats.means import wilson

LEFT, RIGHT, TOP, BOTTOM = 40.0, 350.0, 26.0, 300.0
"""The inside of a square chart."""

UNIT = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes:
        value: The number.
        interval: Its interval, where there is one.
        class_: How to paint it: ``m1``, ``m2`` … for a model, ``base`` for a baseline; ``worse``, ``better``, ``plain``
            for a slice.
    """

    value: float
    interval: Interval | None
    class_: str


def roc(models: Mapping[str, Evaluation]) -> Markup:
    """Draw the ROC curves of all examples, and each baseline that predicts only 0 or 1 as a point."""
    chart = Chart("ROC curve", _areas(models, "auc", "area under the ROC curve"), 340)
    x, y = _unit_axes(chart, "false positive rate", "true positive rate")
    chart.line([(x(0), y(0)), (x(1), y(1))], "diagonal")
    for number, evaluation in enumerate(models.values(), start=1):
        points = [
            (x(m.false_positives / (m.false_positives + m.true_negatives)), y(_recall(m)))
            for m in evaluation.matrices
            if m.false_positives + m.true_negatives and m.true_positives + m.false_negatives
        ]
        chart.line(points, f"curve m{number}")
    for matrix in _rules(models):
        chart.dots([(x(_share(matrix[0][1], matrix[0][0])), y(_share(matrix[1][1], matrix[1][0])))], "rule")
    return chart.markup(**_frame(x, y, "roc"))


def precision_recall(models: Mapping[str, Evaluation]) -> Markup:
    """Draw the precision-recall curves of all examples, and each baseline that predicts only 0 or 1 as a point."""
    described = _areas(models, "auc_precision_recall", "area under the precision-recall curve")
    chart = Chart("Precision-recall curve", described, 340)
    x, y = _unit_axes(chart, "recall", "precision")
    for number, evaluation in enumerate(models.values(), start=1):
        points = [
            (x(_recall(m)), y(m.true_positives / (m.true_positives + m.false_positives)))
            for m in evaluation.matrices
            if m.true_positives + m.false_positives and m.true_positives + m.false_negatives
        ]
        chart.line(points, f"curve m{number}")
    for matrix in _rules(models):
        chart.dots([(x(_share(matrix[1][1], matrix[1][0])), y(_share(matrix[1][1], matrix[0][1])))], "rule")
    return chart.markup(**_frame(x, y, "pr"))


def calibration(models: Mapping[str, Evaluation]) -> Markup:
    """Draw how often the label was 1 where the model said so, and below it how many predictions there were."""
    chart = Chart(
        "Calibration",
        "The share of label 1 among examples of similar score, with 95 % intervals; on the diagonal the two agree. "
        "Below: the number of examples of each score.",
        340,
    )
    bottom, floor = 214.0, 300.0
    x, y = linear(0, 1, LEFT, RIGHT), linear(0, 1, bottom, TOP)
    chart.axis_y(y, UNIT, LEFT, RIGHT, "share of label 1")
    most = max((bucket.count for each in models.values() for bucket in each.buckets), default=1.0)
    tall = square_root(most, floor, bottom + 16)
    chart.axis_x(x, UNIT, TOP, bottom)
    chart.axis_x(x, UNIT, bottom + 16, floor, "score")
    chart.line([(x(0), y(0)), (x(1), y(1))], "diagonal")
    width = 1 / len(models)
    for number, evaluation in enumerate(models.values(), start=1):
        for bucket in evaluation.buckets:
            low, high = wilson(bucket.label * bucket.count, bucket.count).ends
            if not evaluation.weighted:
                chart.line([(x(bucket.score), y(low)), (x(bucket.score), y(high))], f"whisker m{number}")
            wide = (x(bucket.high) - x(bucket.low)) * 0.8
            left = x(bucket.low) + wide * (0.125 + (number - 1) * width)
            chart.add(
                "rect", x=left, y=tall(bucket.count), width=wide * width, height=floor - tall(bucket.count),
                class_=f"bar m{number}",
            )  # fmt: skip
        chart.dots([(x(bucket.score), y(bucket.label)) for bucket in evaluation.buckets], f"dot m{number}")
    for count in _counts(most):
        chart.text(LEFT - 6, tall(count) + 4, tick_text(count), anchor="end")
        chart.line([(LEFT, tall(count)), (RIGHT, tall(count))], "grid")
    return chart.markup()


def interval_chart(
    title: str,
    described: str,
    rows: Sequence[tuple[str, Sequence[Estimate]]],
    *,
    reference: float | None = None,
    unit: str = "",
    style: str = ".3f",
) -> Markup:
    """Draw numbers with their intervals below one another, names above the lines so that they may be long.

    Args:
        title: What it is.
        described: What it shows, for whoever hears the page.
        rows: From the top down, a name and its numbers, one or a few.
        reference: Where to draw a vertical line.
        unit: What the axis means.
        style: How to write the numbers.

    Returns:
        The chart.
    """
    estimates = [each for _, some in rows for each in some]
    ends = [each.value for each in estimates]
    ends += [end for each in estimates if each.interval for end in each.interval.ends]
    ends += [reference] if reference is not None else []
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    pad = (high - low) * 0.04 or 0.01
    bottom = 4 + sum(_row_height(some) for _, some in rows)
    chart = Chart(title, described, bottom + (36 if unit else 22))
    x = linear(low - pad, high + pad, 8, WIDTH - 8)
    chart.axis_x(x, ticks(low - pad, high + pad), 4, bottom, unit)
    if reference is not None:
        chart.line([(x(reference), 4), (x(reference), bottom)], "reference")
    y = 4.0
    for name, some in rows:
        numbers = " · ".join(minus(f"{each.value:{style}}") for each in some)
        chart.text(8, y + 14, _cut(name, 56 - len(numbers)), "name")
        chart.text(WIDTH - 8, y + 14, numbers, "number", "end")
        for at, each in enumerate(some):
            line = y + 22 + 8 * at
            if each.interval:
                chart.line([(x(end), line) for end in each.interval.ends], f"whisker {each.class_}")
            chart.add(
                "path", Markup("<title>{}: {}</title>").format(name, _said(each)),
                d=f"M{x(each.value):.2f} {line:.2f}h0", class_=f"dot {each.class_}",
            )  # fmt: skip
        y += _row_height(some)
    return chart.markup()


def funnel(
    title: str,
    described: str,
    points: Mapping[str, Sequence[tuple[float, float]]],
    *,
    reference: float | None = None,
    unit: str = "",
) -> Markup:
    """Draw slices by their size: luck scatters small ones far and large ones little.

    Args:
        title: What it is.
        described: What it shows, for whoever hears the page.
        points: Pairs of size and value, by how to paint them: ``small``, ``plain``, ``better``, ``worse``, ``m1`` …
        reference: Where to draw a horizontal line.
        unit: What the vertical axis means.

    Returns:
        The chart.
    """
    chart = Chart(title, described, 340)
    every = [point for some in points.values() for point in some]
    sizes = [max(size, 1.0) for size, _ in every] or [1.0]
    values = [value for _, value in every] + ([reference] if reference is not None else [])
    low, high = min(values, default=0.0), max(values, default=1.0)
    least, most = min(sizes), max(sizes)
    x = logarithmic(least, most if most > least else least * 10, LEFT + 6, RIGHT - 6)
    y = linear(low, high, BOTTOM - 6, TOP + 6)
    chart.axis_x(x, _powers(least, most), TOP, BOTTOM, "examples in the slice")
    chart.axis_y(y, ticks(low, high), LEFT, RIGHT, unit)
    if reference is not None:
        chart.line([(LEFT, y(reference)), (RIGHT, y(reference))], "reference")
    for class_, some in points.items():
        chart.dots([(x(max(size, 1.0)), y(value)) for size, value in some], f"dot {class_}")
    return chart.markup()


def _areas(models: Mapping[str, Evaluation], metric: str, said: str) -> str:
    areas = [f"{name}: {each.overall[metric]:.4f}" for name, each in models.items() if metric in each.overall]
    return f"{said[0].upper()}{said[1:]}: {'; '.join(areas)}." if areas else "Of all examples."


def _unit_axes(chart: Chart, across: str, up: str) -> tuple[Scale, Scale]:
    x, y = linear(0, 1, LEFT, RIGHT), linear(0, 1, BOTTOM, TOP)
    chart.axis_x(x, UNIT, TOP, BOTTOM, across)
    chart.axis_y(y, UNIT, LEFT, RIGHT, up)
    return x, y


def _frame(x: Scale, y: Scale, kind: str) -> dict[str, Any]:
    """Tell the page's script where 0 and 1 are, so that it can mark the chosen threshold."""
    return {"data_curve": kind, "data_frame": f"{x(0):g} {x(1):g} {y(0):g} {y(1):g}"}


def _rules(models: Mapping[str, Evaluation]) -> list[Any]:
    """Give the confusion matrices of baselines that predict both 0 and 1."""
    baselines = next(iter(models.values())).baselines.values()
    matrices = [each["confusion_matrix"] for each in baselines if "confusion_matrix" in each]
    return [each for each in matrices if each[0][1] + each[1][1] and each[0][0] + each[1][0]]


def _share(part: float, rest: float) -> float:
    return part / (part + rest)


def _recall(matrix: Any) -> float:
    return float(matrix.true_positives / (matrix.true_positives + matrix.false_negatives))


def _counts(most: float) -> list[float]:
    """Choose two round counts for a square-root axis: one near the top, one low enough to read the small bars by."""
    power = 10.0 ** math.floor(math.log10(most)) if most >= 1 else 1.0
    lead = most // power
    return sorted({power * lead, power * lead / 4 if lead >= 4 else power / 2})


def _powers(low: float, high: float) -> list[float]:
    """Choose ticks for a logarithmic axis: powers of ten, and where those are too few, twice and five times them."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    inside = [10.0**power for power in powers if low <= 10.0**power <= high]
    if len(inside) > 1:
        return inside
    return [value for power in powers for value in (10.0**power * f for f in (1, 2, 5)) if low <= value <= high] or [
        low
    ]


def _row_height(some: Sequence[Estimate]) -> float:
    return 22.0 + 8 * len(some)


def _said(each: Estimate) -> str:
    return f"{each.value:.4f}" + (
        f", 95 % interval {each.interval.low:.4f} to {each.interval.high:.4f}" if each.interval else ""
    )


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
