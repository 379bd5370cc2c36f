"""An estimate and how sure it is: as an interval, and as a value with a normal error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

Z = 1.959963984540054
"""The 97.5th percentile of the standard normal distribution."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval.

    Attributes:
        value: The estimate.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    value: float
    low: float
    high: float

    @property
    def ends(self) -> tuple[float, float]:
        """Lower and upper end."""
        return self.low, self.high

    @property
    def excludes_zero(self) -> bool:
        """Whether zero is outside: for a difference, whether it is more than noise."""
        return self.low > 0 or self.high < 0


class Normal(NamedTuple):
    """An estimate whose error is normal, which many examples make true of every mean.

    Attributes:
        value: The estimate.
        error: Its standard error, at least 0.
    """

    value: float
    error: float

    def interval(self) -> Interval:
        """Give the 95 % interval."""
        return Interval(self.value, self.value - Z * self.error, self.value + Z * self.error)

    def p_value(self) -> float:
        """Give the two-sided p-value of the hypothesis that the true value is 0."""
        if not self.error:
            return 1.0 if self.value == 0 else 0.0
        return math.erfc(abs(self.value) / self.error / math.sqrt(2))


def mean_of_few(values: Sequence[float]) -> Interval:
    """Bound the mean of a few numbers by Student's t.

    Args:
        values: Two or more, drawn independently.

    Returns:
        The mean with its 95 % interval, which is wide for two or three.
    """
    from scipy import special

    count = len(values)
    mean = sum(values) / count
    error = math.sqrt(sum((value - mean) ** 2 for value in values) / (count - 1) / count)
    half = float(special.stdtrit(count - 1, 0.975)) * error
    return Interval(mean, mean - half, mean + half)


def sum_of_independent(one: Interval, other: Interval) -> Interval:
    """Put two sources of error of one estimate together.

    G. Zou and A. Donner, "Construction of confidence limits about effect measures: a general approach", Statistics in
    Medicine 27 (2008): each half is the root of the summed squares of the halves.

    Args:
        one: The estimate with its interval by the first source.
        other: The same estimate with its interval by the second, which is independent of the first.

    Returns:
        The estimate with its interval by both.
    """
    below = math.hypot(one.value - one.low, other.value - other.low)
    above = math.hypot(one.high - one.value, other.high - other.value)
    return Interval(one.value, one.value - below, one.value + above)
