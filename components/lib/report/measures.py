"""How sure a metric of a slice is, how it compares with the rest of the examples, and two models with one another."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from components.lib.artifacts.evaluation import COUNT, Evaluation, Predictions
from components.lib.artifacts.slices import SliceKey
from components.lib.stats.areas import Area, AreaSums, Placements, delong_difference, hanley_mcneil, placements
from components.lib.stats.estimates import Interval, Normal
from components.lib.stats.means import MeanSums, wilson
from components.lib.stats.scores import LEVELS, hits, log_losses

AUC, ACCURACY, LOG_LOSS = "auc", "binary_accuracy", "binary_crossentropy"
"""Names of the metrics that have intervals, as TFMA calls them by default."""


def interval_of(evaluation: Evaluation, key: SliceKey, metric: str) -> Interval | None:
    """Bound a metric of a slice.

    Args:
        evaluation: Of the model.
        key: The slice.
        metric: Its name.

    Returns:
        TFMA's own interval where it computed one, else one in closed form (see `components.lib.stats`), or None where
        neither is to be had: for other metrics, for weighted examples of which the predictions were not kept, for too
        few examples, for a metric that is not defined in the slice.
    """
    if own := evaluation.intervals.get(key, {}).get(metric):
        return own
    if math.isnan(evaluation.metrics[key].get(metric, math.nan)):
        return None
    if metric == AUC:
        area = _area(evaluation, key)
        return area.interval() if area else None
    sums = _sums(evaluation, key, metric)
    if sums is None or not sums.count:
        return None
    if metric == ACCURACY:
        return wilson(sums.mean * sums.effective, sums.effective)
    estimate = sums.estimate()
    return estimate.interval() if estimate else None


class Rest:
    """Compares slices with all examples that are not in them.

    A slice is a part of all examples: set against the whole it would be compared with itself.

    Args:
        evaluation: Of the model.
        metric: Name of the metric.
    """

    def __init__(self, evaluation: Evaluation, metric: str) -> None:
        self._evaluation = evaluation
        self._metric = metric
        predictions = evaluation.predictions
        everything = replace(predictions, groups={(): np.arange(len(predictions.labels))}) if predictions else None
        whole = replace(evaluation, predictions=everything)
        self._whole = _area_sums(whole, ()) if metric == AUC else _sums(whole, (), metric)

    def compare(self, key: SliceKey) -> tuple[float | None, float | None]:
        """Compare a slice with the rest.

        Args:
            key: The slice.

        Returns:
            The metric of the rest, and the two-sided p-value that slice and rest do not differ; each None where there
            is no way to tell.
        """
        if isinstance(self._whole, AreaSums):
            part = _area_sums(self._evaluation, key)
            if part is None:
                return None, None
            inside, outside = part.area(), (self._whole - part).area()
            return outside.value if outside else None, _p_of_areas(inside, outside)
        sums = _sums(self._evaluation, key, self._metric)
        if sums is None or self._whole is None:
            return None, None
        rest = self._whole - sums
        p_value = (_p_of_shares if self._metric == ACCURACY else _p_of_means)(sums, rest)
        return None if math.isnan(rest.mean) else rest.mean, p_value


def paired_difference(first: Evaluation, second: Evaluation, *, key: SliceKey, metric: str) -> Normal | None:
    """Estimate the difference of two models on the same examples of a slice, the second minus the first.

    Args:
        first: Of the first model.
        second: Of the second.
        key: The slice.
        metric: Its name.

    Returns:
        The difference; None where the examples are not the same, the metric has no such estimate, or the models do not
        differ in a single example.
    """
    before, after = _usable(first), _usable(second)
    if before is None or after is None or not before.keys.equals(after.keys):
        return None
    rows = before.groups.get(key)
    if rows is None or key not in after.groups:
        return None
    if metric == AUC:
        placed = _placements(before, key), _placements(after, key)
        return delong_difference(placed[0], placed[1]) if placed[0] and placed[1] else None
    values = {ACCURACY: hits, LOG_LOSS: log_losses}.get(metric)
    if values is None:
        return None
    labels = before.labels[rows]
    difference = values(labels, after.scores[rows]) - values(labels, before.scores[rows])
    estimate = MeanSums.of(difference, before.weights_of(rows)).estimate()
    return estimate if estimate and estimate.error else None


def _usable(evaluation: Evaluation) -> Predictions | None:
    """Give the predictions, unless the metrics are weighted and the weights of the examples are not known."""
    predictions = evaluation.predictions
    return None if predictions and evaluation.weighted and predictions.weights is None else predictions


def _area(evaluation: Evaluation, key: SliceKey) -> Area | None:
    if sums := _area_sums(evaluation, key):
        return sums.area()
    classes = evaluation.classes.get(key)
    if classes and not evaluation.weighted:
        return hanley_mcneil(evaluation.metrics[key][AUC], positives=classes[1], negatives=classes[0])
    return None


def _area_sums(evaluation: Evaluation, key: SliceKey) -> AreaSums | None:
    predictions = _usable(evaluation)
    if predictions is None or key not in predictions.groups:
        return None
    rows = predictions.groups[key]
    return AreaSums.of(predictions.labels[rows], predictions.levels[rows], LEVELS, predictions.weights_of(rows))


def _placements(predictions: Predictions, key: SliceKey) -> Placements | None:
    rows = predictions.groups[key]
    return placements(predictions.labels[rows], predictions.levels[rows], predictions.weights_of(rows))


def _sums(evaluation: Evaluation, key: SliceKey, metric: str) -> MeanSums | None:
    """Sum what a mean follows from over the examples of a slice."""
    predictions = _usable(evaluation)
    values = {ACCURACY: hits, LOG_LOSS: log_losses}.get(metric)
    if values and predictions is not None and key in predictions.groups:
        rows = predictions.groups[key]
        return MeanSums.of(values(predictions.labels[rows], predictions.scores[rows]), predictions.weights_of(rows))
    metrics = evaluation.metrics.get(key, {})
    share, count = metrics.get(metric, math.nan), metrics.get(COUNT, math.nan)
    if metric == ACCURACY and not evaluation.weighted and math.isfinite(share * count):
        return MeanSums(count, count, share * count, count, share * count, share * count)
    return None


def _p_of_areas(one: Area | None, other: Area | None) -> float | None:
    first, second = (area.on_logit_scale() if area else None for area in (one, other))
    return _difference(first, second).p_value() if first and second else None


def _p_of_means(one: MeanSums, other: MeanSums) -> float | None:
    first, second = one.estimate(), other.estimate()
    return _difference(first, second).p_value() if first and second else None


def _p_of_shares(one: MeanSums, other: MeanSums) -> float | None:
    """Test two shares by their common one: a share of 1 alone would seem to be sure beyond doubt."""
    counts = one.effective, other.effective
    if min(counts) < 1 or min(one.count, other.count) < 1:
        return None
    common = (one.value + other.value) / (one.weight + other.weight)
    error = math.sqrt(max(0.0, common * (1 - common)) * (1 / counts[0] + 1 / counts[1]))
    return Normal(one.mean - other.mean, error).p_value()


def _difference(one: Normal, other: Normal) -> Normal:
    return Normal(one.value - other.value, math.hypot(one.error, other.error))
