"""Means of examples and how sure they are, in closed form.

Thousands of slices get their intervals in a second, where resampling each would take minutes. All are 95 % intervals,
of the examples seen as a draw from many more like them. Examples may be weighted: an estimate is then a weighted mean,
and its error that of a ratio of two sums (W. G. Cochran, "Sampling Techniques" (1977), chapter 6), which with equal
weights is the plain one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.lib.stats.estimates import Interval, Normal, Z

Array = np.ndarray[Any, Any]


def wilson(hits: float, count: float) -> Interval:
    """Bound a share.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).

    Args:
        hits: How many of them.
        count: Of how many, more than 0. Of weighted examples both are numbers of equal examples that would be as sure,
            (sum of w)² / (sum of w²) of them.

    Returns:
        The interval, inside [0, 1].
    """
    share = hits / count
    scale = 1 + Z * Z / count
    middle = (share + Z * Z / (2 * count)) / scale
    half = Z / scale * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


@dataclass(frozen=True)
class MeanSums:
    """What the mean of a group of examples and its error follow from; the rest of the examples is a subtraction away.

    Attributes:
        count: Number of examples.
        weight: Sum of the weights w.
        value: Sum of w x.
        weight2: Sum of w².
        value2: Sum of w² x.
        square2: Sum of w² x².
    """

    count: float
    weight: float
    value: float
    weight2: float
    value2: float
    square2: float

    @classmethod
    def of(cls, values: Array, weights: Array | None = None) -> MeanSums:
        """Sum over examples.

        Args:
            values: One an example, shape (n,).
            weights: How much each counts, shape (n,); default 1.

        Returns:
            The sums.
        """
        w = np.ones(len(values)) if weights is None else weights
        products = (w, w * values, w * w, w * w * values, w * w * values * values)
        return cls(float(len(values)), *(float(each.sum()) for each in products))

    def __sub__(self, part: MeanSums) -> MeanSums:
        """Leave out a part of the examples."""
        return MeanSums(*(getattr(self, name) - getattr(part, name) for name in self.__dataclass_fields__))

    @property
    def mean(self) -> float:
        """The weighted mean; NaN of no examples."""
        return self.value / self.weight if self.count >= 1 and self.weight > 0 else math.nan

    @property
    def effective(self) -> float:
        """Number of equally weighted examples that would be as sure (L. Kish, "Survey Sampling", 1965)."""
        return self.weight * self.weight / self.weight2 if self.weight2 > 0 else 0.0

    def estimate(self) -> Normal | None:
        """Estimate the mean; None of fewer than two examples."""
        if self.count < 2 or not self.weight > 0:
            return None
        mean = self.mean
        squares = max(0.0, self.square2 - 2 * mean * self.value2 + mean * mean * self.weight2)
        return Normal(mean, math.sqrt(squares * self.count / (self.count - 1)) / self.weight)
