"""Intervals in closed form: thousands of slices get theirs in a second, where resampling each would take minutes.

All are 95 % intervals, of the examples seen as a draw from many more like them.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

Z = 1.959963984540054
"""The 97.5th percentile of the standard normal distribution."""


class Bounds(NamedTuple):
    """Lower and upper end of an interval."""

    low: float
    high: float


def wilson(hits: float, count: float) -> Bounds:
    """Bound a share.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).

    Args:
        hits: How many of them.
        count: Of how many, more than 0.

    Returns:
        The interval, inside [0, 1].
    """
    share = hits / count
    scale = 1 + Z * Z / count
    middle = (share + Z * Z / (2 * count)) / scale
    half = Z / scale * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return Bounds(max(0.0, middle - half), min(1.0, middle + half))


def mean(values: Array) -> Bounds | None:
    """Bound a mean by its standard error.

    Args:
        values: One an example, shape (n,).

    Returns:
        The interval, or None of fewer than two values.
    """
    if len(values) < 2:
        return None
    half = Z * float(values.std(ddof=1)) / math.sqrt(len(values))
    middle = float(values.mean())
    return Bounds(middle - half, middle + half)


class Placements(NamedTuple):
    """How each example is placed among those of the other label.

    Attributes:
        positive: For each positive, the share of negatives that score below it, ties counting half.
        negative: For each negative, the share of positives that score above it.
    """

    positive: Array
    negative: Array

    @property
    def area(self) -> float:
        """The area under the ROC curve."""
        return float(self.positive.mean())


def placements(labels: Array, scores: Array) -> Placements | None:
    """Place each example among those of the other label.

    Args:
        labels: 0 or 1, shape (n,).
        scores: Higher means more likely 1, shape (n,).

    Returns:
        The placements, or None where a label has fewer than two examples.
    """
    chosen = labels > 0.5
    positive, negative = scores[chosen], scores[~chosen]
    if min(len(positive), len(negative)) < 2:
        return None
    return Placements(_share_below(positive, negative), 1 - _share_below(negative, positive))


def _share_below(values: Array, others: Array) -> Array:
    ordered = np.sort(others)
    below = np.searchsorted(ordered, values, side="left") + np.searchsorted(ordered, values, side="right")
    share: Array = below / (2 * len(others))
    return share


def delong(placed: Placements) -> Bounds | None:
    """Bound an area under the ROC curve.

    E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the areas under two or more correlated receiver
    operating characteristic curves", Biometrics 44 (1988); on the logit scale, so that the interval stays in (0, 1).

    Args:
        placed: The placements.

    Returns:
        The interval, or None where the labels are told apart without a fault: nothing varies then.
    """
    return _on_logit_scale(placed.area, _variance(placed))


def delong_difference(first: Placements, second: Placements) -> Bounds | None:
    """Bound the difference of two areas on the same examples, the second minus the first.

    The same paper; the covariance of the two models is in the differences of their placements.

    Args:
        first: Placements by the first model.
        second: Placements of the same examples by the second.

    Returns:
        The interval, or None where both place every example alike.
    """
    variance = _variance(Placements(second.positive - first.positive, second.negative - first.negative))
    if variance <= 0:
        return None
    middle, half = second.area - first.area, Z * math.sqrt(variance)
    return Bounds(middle - half, middle + half)


def hanley_mcneil(area: float, positives: float, negatives: float) -> Bounds | None:
    """Bound an area of which only the numbers of positives and negatives are known.

    J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a receiver operating characteristic (ROC)
    curve", Radiology 143 (1982); on the logit scale.

    Args:
        area: The area under the ROC curve.
        positives: Number of examples of label 1.
        negatives: Number of examples of label 0.

    Returns:
        The interval, or None where there are too few examples or the area is 0 or 1.
    """
    if min(positives, negatives) < 2:
        return None
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    spread = area * (1 - area) + (positives - 1) * (q1 - area * area) + (negatives - 1) * (q2 - area * area)
    return _on_logit_scale(area, spread / (positives * negatives))


def _variance(placed: Placements) -> float:
    return float(
        placed.positive.var(ddof=1) / len(placed.positive) + placed.negative.var(ddof=1) / len(placed.negative)
    )


def _on_logit_scale(area: float, variance: float) -> Bounds | None:
    if variance <= 0 or not 0 < area < 1:
        return None
    middle = math.log(area / (1 - area))
    half = Z * math.sqrt(variance) / (area * (1 - area))
    return Bounds(_expit(middle - half), _expit(middle + half))


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))
