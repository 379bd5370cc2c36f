"""Intervals from resampling the examples: how far a number could have come out otherwise by the luck of the draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from components.lib.stats.estimates import Interval
from components.lib.stats.scores import auc

Array = np.ndarray[Any, Any]
Statistic = Callable[[Array], float]
"""From how many times each example is in a resample, shape (n,), to a number."""


def auc_statistic(labels: Array, scores: Array, weights: Array | None = None) -> Statistic:
    """Prepare the area under the ROC curve for many resamples: the scores are sorted once.

    Args:
        labels: 0 or 1, shape (n,).
        scores: Higher means more likely 1, shape (n,).
        weights: How much each example counts, shape (n,); default 1.

    Returns:
        The statistic.
    """
    order = np.argsort(scores, kind="stable")
    ordered_labels, ordered_scores = labels[order], scores[order]
    own = np.ones(len(labels)) if weights is None else weights[order]
    return lambda times: auc(ordered_labels, ordered_scores, times[order] * own, in_order=True)


def mean_statistic(values: Array, weights: Array | None = None) -> Statistic:
    """Prepare a mean for many resamples: of hits it is the accuracy, of losses the log loss.

    Args:
        values: One an example, shape (n,).
        weights: How much each example counts, shape (n,); default 1.

    Returns:
        The statistic.
    """
    own = np.ones(len(values)) if weights is None else weights
    weighted = values * own
    return lambda times: float(np.dot(weighted, times) / np.dot(own, times))


def difference_statistic(left: Statistic, right: Statistic) -> Statistic:
    """Subtract one statistic from another on the same resamples: left minus right."""
    return lambda times: left(times) - right(times)


def bootstrap(statistics: dict[str, Statistic], rows: int, *, resamples: int, seed: int) -> dict[str, Interval]:
    """Resample the examples with replacement, and compute every statistic on the same resamples.

    Statistics on the same resamples are paired: the interval of a difference is that of the difference of two models
    on the same examples, which is much narrower than their own intervals suggest. The percentile method of Efron and
    Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.

    Args:
        statistics: By name.
        rows: The number of examples.
        resamples: How many times to resample.
        seed: Of the resampling.

    Returns:
        An interval for each statistic.
    """
    random = np.random.default_rng(seed)
    ones = np.ones(rows)
    values = {name: np.empty(resamples) for name in statistics}
    for at in range(resamples):
        times = np.bincount(random.integers(rows, size=rows), minlength=rows).astype(np.float64)
        for name, statistic in statistics.items():
            values[name][at] = statistic(times)
    return {
        name: Interval(statistic(ones), *(float(edge) for edge in np.nanpercentile(values[name], (2.5, 97.5))))
        for name, statistic in statistics.items()
    }
