"""Areas under the ROC curve and how sure they are, in closed form, with equal or other weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from components.lib.stats.estimates import Interval, Normal
from components.lib.stats.means import MeanSums

Array = np.ndarray[Any, Any]


class Area(NamedTuple):
    """An area under the ROC curve.

    Attributes:
        value: The area.
        variance: Of its error.
    """

    value: float
    variance: float

    def on_logit_scale(self) -> Normal | None:
        """Estimate the area's logit, whose error is closer to normal; None where nothing varies."""
        if self.variance <= 0 or not 0 < self.value < 1:
            return None
        odds = self.value * (1 - self.value)
        return Normal(math.log(self.value / (1 - self.value)), math.sqrt(self.variance) / odds)

    def interval(self) -> Interval | None:
        """Bound the area inside (0, 1); None where the labels are separated without an error: nothing varies then."""
        logit = self.on_logit_scale()
        if logit is None:
            return None
        low, high = logit.interval().ends
        return Interval(self.value, _expit(low), _expit(high))


class Placements(NamedTuple):
    """How each example is placed among those of the other label.

    E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the areas under two or more correlated receiver
    operating characteristic curves", Biometrics 44 (1988).

    Attributes:
        positive: For each positive, the share (of the weight) of negatives that score below it, ties counting half.
        negative: For each negative, the share of positives that score above it.
        positive_weights: How much each positive counts.
        negative_weights: How much each negative counts.
    """

    positive: Array
    negative: Array
    positive_weights: Array
    negative_weights: Array

    @property
    def area(self) -> Area:
        """The area under the ROC curve."""
        sides = [
            MeanSums.of(self.positive, self.positive_weights).estimate(),
            MeanSums.of(self.negative, self.negative_weights).estimate(),
        ]
        errors = [side.error for side in sides if side]
        return Area(
            float(np.average(self.positive, weights=self.positive_weights)), sum(error * error for error in errors)
        )


def placements(labels: Array, scores: Array, weights: Array | None = None) -> Placements | None:
    """Place each example among those of the other label.

    Args:
        labels: 0 or 1, shape (n,).
        scores: Higher means more likely 1, shape (n,).
        weights: How much each example counts, shape (n,); default 1.

    Returns:
        The placements, or None where a label has fewer than two examples of more than no weight.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    positive, negative = (labels > 0.5) & (weights > 0), (labels <= 0.5) & (weights > 0)
    if min(positive.sum(), negative.sum()) < 2:
        return None
    return Placements(
        _share_below(scores[positive], scores[negative], weights[negative]),
        1 - _share_below(scores[negative], scores[positive], weights[positive]),
        weights[positive],
        weights[negative],
    )


def _share_below(values: Array, others: Array, weights: Array) -> Array:
    order = np.argsort(others, kind="stable")
    ordered, below = others[order], np.concatenate([[0.0], np.cumsum(weights[order])])
    twice = below[np.searchsorted(ordered, values, side="left")] + below[np.searchsorted(ordered, values, side="right")]
    share: Array = twice / (2 * below[-1])
    return share


def delong_difference(first: Placements, second: Placements) -> Normal | None:
    """Estimate the difference of two areas on the same examples, the second minus the first.

    The same paper; the covariance of the two models is in the differences of their placements.

    Args:
        first: Placements by the first model.
        second: Placements of the same examples by the second.

    Returns:
        The difference, or None where both rank every example alike.
    """
    area = first._replace(
        positive=second.positive - first.positive, negative=second.negative - first.negative
    ).area  # the mean difference of placements is the difference of the areas
    return Normal(area.value, math.sqrt(area.variance)) if area.variance > 0 else None


@dataclass(frozen=True)
class AreaSums:
    """What the area of a group of examples and its error follow from; the rest is a subtraction away.

    The same numbers as by `placements`, for scores of few levels: thousands of slices are set against the rest of the
    examples without sorting that rest each time.

    Attributes:
        counts: Numbers of negatives and positives.
        weights: Sums of weights by label and level, shape (2, levels).
        squares: Sums of squared weights, likewise.
    """

    counts: Array
    weights: Array
    squares: Array

    @classmethod
    def of(cls, labels: Array, levels: Array, size: int, weights: Array | None = None) -> AreaSums:
        """Sum over examples.

        Args:
            labels: 0 or 1, shape (n,).
            levels: Whole numbers from 0, higher means more likely 1, shape (n,).
            size: How many levels there are.
            weights: How much each example counts, shape (n,); default 1.

        Returns:
            The sums.
        """
        w = np.ones(len(labels)) if weights is None else weights
        positive = labels > 0.5
        at = levels.astype(np.int64) + size * positive
        return cls(
            np.array([np.sum(~positive & (w > 0)), np.sum(positive & (w > 0))], np.float64),
            np.bincount(at, w, 2 * size).reshape(2, size),
            np.bincount(at, w * w, 2 * size).reshape(2, size),
        )

    def __sub__(self, part: AreaSums) -> AreaSums:
        """Leave out a part of the examples."""
        return AreaSums(self.counts - part.counts, self.weights - part.weights, self.squares - part.squares)

    def area(self) -> Area | None:
        """Estimate the area; None where a label has fewer than two examples."""
        if self.counts.min() < 2:
            return None
        (negative, positive), totals = self.weights, self.weights.sum(axis=1)
        below = (np.cumsum(negative) - negative / 2) / totals[0]
        above = 1 - (np.cumsum(positive) - positive / 2) / totals[1]
        value = float(positive @ below / totals[1])
        variance = 0.0
        for share, squares, total, count in zip((above, below), self.squares, totals, self.counts, strict=True):
            variance += float(squares @ (share - value) ** 2) / total**2 * count / (count - 1)
        return Area(value, variance)


def hanley_mcneil(area: float, positives: float, negatives: float) -> Area | None:
    """Estimate an area of which only the numbers of positives and negatives are known.

    J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a receiver operating characteristic (ROC)
    curve", Radiology 143 (1982).

    Args:
        area: The area under the ROC curve.
        positives: Number of examples of label 1.
        negatives: Number of examples of label 0.

    Returns:
        The area with its variance, or None where there are too few examples.
    """
    if min(positives, negatives) < 2:
        return None
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    spread = area * (1 - area) + (positives - 1) * (q1 - area * area) + (negatives - 1) * (q2 - area * area)
    return Area(area, spread / (positives * negatives))


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))
