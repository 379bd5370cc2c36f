"""Intervals from resampling the examples: how far a number could have come out otherwise by the luck of the draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.lib.stats.scores import auc

Array = np.ndarray[Any, Any]
Statistic = Callable[[Array], float]
"""From how often each example counts, shape (n,), to a number."""


@dataclass(frozen=True)
class Interval:
    """An estimate with the middle 95 % of its resampled values.

    Attributes:
        value: Over the examples as they are.
        low: The 2.5th percentile of the resampled values.
        high: The 97.5th percentile.
    """

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside: for a difference, whether it is more than noise."""
        return self.low > 0 or self.high < 0


def auc_statistic(labels: Array, scores: Array) -> Statistic:
    """Prepare the area under the ROC curve for many weightings: the scores are sorted once.

    Args:
        labels: 0 or 1, shape (n,).
        scores: Higher means more likely 1, shape (n,).

    Returns:
        The statistic.
    """
    order = np.argsort(scores, kind="stable")
    ordered_labels, ordered_scores = labels[order], scores[order]
    return lambda weights: auc(ordered_labels, ordered_scores, weights[order], in_order=True)


def mean_statistic(values: Array) -> Statistic:
    """Prepare a mean for many weightings: of hits it is the accuracy, of losses the log loss.

    Args:
        values: One an example, shape (n,).

    Returns:
        The statistic.
    """
    return lambda weights: float(np.dot(values, weights) / weights.sum())


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
        weights = np.bincount(random.integers(rows, size=rows), minlength=rows).astype(np.float64)
        for name, statistic in statistics.items():
            values[name][at] = statistic(weights)
    return {
        name: Interval(statistic(ones), *(float(edge) for edge in np.nanpercentile(values[name], (2.5, 97.5))))
        for name, statistic in statistics.items()
    }
