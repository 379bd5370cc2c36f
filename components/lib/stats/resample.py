"""Intervals from resampling the examples: how far a number could have come out otherwise by the luck of the draw."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from components.lib.stats.estimates import Interval
from components.lib.stats.scores import auc

Array = np.ndarray[Any, Any]
Key = TypeVar("Key", bound=Hashable)
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


@dataclass(frozen=True)
class Resampled:
    """A number, and what it comes to on each resample.

    Numbers on the same resamples are paired, so that they can be subtracted and averaged: the interval of a difference
    is that of the difference of two models on the same examples, which is much narrower than their own intervals
    suggest.

    Attributes:
        value: Over the examples as they are.
        values: Over each resample, shape (resamples,).
    """

    value: float
    values: Array

    def __sub__(self, other: Resampled) -> Resampled:
        """Subtract a number on the same resamples."""
        return Resampled(self.value - other.value, self.values - other.values)

    def interval(self) -> Interval:
        """Give the middle 95 % of the resampled values.

        The percentile method of Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
        """
        low, high = (float(edge) for edge in np.nanpercentile(self.values, (2.5, 97.5)))
        return Interval(self.value, low, high)


def mean_of(numbers: Sequence[Resampled]) -> Resampled:
    """Average numbers on the same resamples."""
    return Resampled(
        float(np.mean([each.value for each in numbers])), np.mean([each.values for each in numbers], axis=0)
    )


def bootstrap(statistics: Mapping[Key, Statistic], rows: int, *, resamples: int, seed: int) -> dict[Key, Resampled]:
    """Resample the examples with replacement, and compute every statistic on the same resamples.

    Args:
        statistics: By name.
        rows: The number of examples.
        resamples: How many times to resample.
        seed: Of the resampling.

    Returns:
        The resampled numbers by the same names.
    """
    random = np.random.default_rng(seed)
    ones = np.ones(rows)
    values = {name: np.empty(resamples) for name in statistics}
    for at in range(resamples):
        times = np.bincount(random.integers(rows, size=rows), minlength=rows).astype(np.float64)
        for name, statistic in statistics.items():
            values[name][at] = statistic(times)
    return {name: Resampled(statistic(ones), values[name]) for name, statistic in statistics.items()}
