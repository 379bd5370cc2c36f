"""What is said of each slice: its metrics, how sure they are, and whether it differs from the whole."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.lib.artifacts.evaluation import COUNT, Evaluation, SliceKey, slice_columns, slice_name
from components.lib.stats import intervals
from components.lib.stats.intervals import Bounds, Placements
from components.lib.stats.scores import log_losses

AUC, ACCURACY, LOG_LOSS = "auc", "binary_accuracy", "binary_crossentropy"

LEAST_OF_A_CLASS = 10
"""A slice with fewer examples than this of either label is too small to judge: an area under a curve of nine positives
moves by a tenth when one of them does."""

LEAST_EXAMPLES = 50
"""The same where only the number of examples is known."""

SMALL, WORSE, BETTER = "too small to judge", "worse than overall", "better than overall"


@dataclass(frozen=True)
class Slice:
    """A slice, in one model or several.

    Attributes:
        key: As TFMA gives it.
        examples: How many; None where TFMA was not asked.
        values: By model, its metrics.
        bounds: By model, the 95 % interval of the primary metric, or None where there is no way to tell.
        difference: Of two models, the second minus the first in the primary metric; else None.
        difference_bounds: Its interval.
        note: What to see in it, or nothing.
    """

    key: SliceKey
    examples: float | None
    values: Mapping[str, Mapping[str, float]]
    bounds: Mapping[str, Bounds | None]
    difference: float | None
    difference_bounds: Bounds | None
    note: str

    @property
    def name(self) -> str:
        """For a person."""
        return slice_name(self.key)

    @property
    def columns(self) -> str:
        """What it is made from."""
        return slice_columns(self.key)

    @property
    def small(self) -> bool:
        """Whether it has too few examples to judge."""
        return self.note == SMALL


def primary_metric(models: Mapping[str, Evaluation]) -> str:
    """Choose the metric that the page leads with.

    Args:
        models: The evaluations by name.

    Returns:
        The area under the ROC curve where all have it, else the accuracy, else the first that all have.
    """
    names = metric_names(models)
    return next((name for name in (AUC, ACCURACY) if name in names), names[0] if names else COUNT)


def metric_names(models: Mapping[str, Evaluation]) -> list[str]:
    """List the metrics that all models have, in the order in which a person asks for them.

    Args:
        models: The evaluations by name.

    Returns:
        Names, the number of examples left out.
    """
    first, *others = models.values()
    seen = {name: None for metrics in first.metrics.values() for name in metrics}
    for other in others:
        known = {name for metrics in other.metrics.values() for name in metrics}
        seen = {name: None for name in seen if name in known}
    order = [AUC, "auc_precision_recall", ACCURACY, LOG_LOSS, "calibration"]
    names = [name for name in seen if name != COUNT]
    return sorted(names, key=lambda name: (order.index(name) if name in order else len(order), name))


def lower_is_better(metric: str) -> bool:
    """Tell by its name whether a metric is a loss."""
    return any(part in metric for part in ("loss", "entropy", "error", "brier", "mse"))


def bounds_of(evaluation: Evaluation, key: SliceKey, metric: str) -> Bounds | None:
    """Bound a metric of a slice.

    Args:
        evaluation: Of the model.
        key: The slice.
        metric: Its name.

    Returns:
        TFMA's own interval where it computed one, else one in closed form (see `components.lib.stats.intervals`), or
        None where neither is to be had: for other metrics, for weighted examples, for too few of them.
    """
    if own := evaluation.bounds.get(key, {}).get(metric):
        return Bounds(*own)
    value = evaluation.metrics[key].get(metric, math.nan)
    if evaluation.weighted or math.isnan(value):
        return None
    count = evaluation.metrics[key].get(COUNT)
    if metric == ACCURACY and count:
        return intervals.wilson(value * count, count)
    if metric == LOG_LOSS and (rows := _rows(evaluation, key)) is not None and evaluation.predictions:
        labels, scores = evaluation.predictions.labels[rows], evaluation.predictions.scores[rows]
        return intervals.mean(log_losses(labels, scores))
    if metric == AUC:
        placed = _placed(evaluation, key)
        if placed:
            return intervals.delong(placed)
        if classes := evaluation.classes.get(key):
            return intervals.hanley_mcneil(value, positives=classes[1], negatives=classes[0])
    return None


def judge_slices(models: Mapping[str, Evaluation], metric: str) -> list[Slice]:
    """Say of every slice how the models do in it.

    Args:
        models: One evaluation or several, by name; a slice that one lacks is left out.
        metric: The primary metric.

    Returns:
        The worst first, by the worst of the models; slices too small to judge after the others.
    """
    first, *others = models.values()
    keys = [key for key in first.metrics if key and all(key in other.metrics for other in others)]
    judged = [_judge(models, key, metric) for key in keys]
    sign = -1 if lower_is_better(metric) else 1

    def rank(of: Slice) -> tuple[bool, float, str]:
        values = [sign * values.get(metric, math.nan) for values in of.values.values()]
        finite = [value for value in values if not math.isnan(value)]
        return of.small, min(finite, default=math.inf), of.name

    return sorted(judged, key=rank)


def _judge(models: Mapping[str, Evaluation], key: SliceKey, metric: str) -> Slice:
    evaluations = list(models.values())
    values = {name: evaluation.metrics[key] for name, evaluation in models.items()}
    bounds = {name: bounds_of(evaluation, key, metric) for name, evaluation in models.items()}
    difference, difference_bounds = None, None
    if len(evaluations) == 2:
        before, after = (evaluation.metrics[key].get(metric, math.nan) for evaluation in evaluations)
        difference = after - before
        difference_bounds = _difference_bounds(*evaluations, key=key, metric=metric)
    small = any(_is_small(evaluation, key) for evaluation in evaluations)
    if small:
        note = SMALL
    elif len(evaluations) == 2:
        note = _preferred(list(models), difference_bounds, metric)
    else:
        note = _against_overall(evaluations[0], bounds, metric)
    count = evaluations[0].metrics[key].get(COUNT, math.nan)
    return Slice(key, count if math.isfinite(count) else None, values, bounds, difference, difference_bounds, note)


def _is_small(evaluation: Evaluation, key: SliceKey) -> bool:
    if key in evaluation.classes:
        return min(evaluation.classes[key]) < LEAST_OF_A_CLASS
    return evaluation.metrics[key].get(COUNT, math.inf) < LEAST_EXAMPLES


def _preferred(names: list[str], bounds: Bounds | None, metric: str) -> str:
    if bounds is None or bounds.low <= 0 <= bounds.high:
        return ""
    second_is_better = (bounds.low > 0) != lower_is_better(metric)
    return f"{names[1] if second_is_better else names[0]} better"


def _against_overall(evaluation: Evaluation, bounds: Mapping[str, Bounds | None], metric: str) -> str:
    overall = evaluation.overall.get(metric, math.nan)
    own = next(iter(bounds.values()))
    if own is None or math.isnan(overall) or own.low <= overall <= own.high:
        return ""
    return BETTER if (own.low > overall) != lower_is_better(metric) else WORSE


def _rows(evaluation: Evaluation, key: SliceKey) -> Any:
    return evaluation.predictions.groups.get(key) if evaluation.predictions else None


def _placed(evaluation: Evaluation, key: SliceKey) -> Placements | None:
    rows = _rows(evaluation, key)
    if rows is None or evaluation.predictions is None:
        return None
    return intervals.placements(evaluation.predictions.labels[rows], evaluation.predictions.levels[rows])


def _difference_bounds(first: Evaluation, second: Evaluation, *, key: SliceKey, metric: str) -> Bounds | None:
    if not (first.predictions and second.predictions and first.predictions.keys.equals(second.predictions.keys)):
        return None  # not the same examples, so nothing is paired
    if metric == AUC:
        before, after = _placed(first, key), _placed(second, key)
        return intervals.delong_difference(before, after) if before and after else None
    return None
