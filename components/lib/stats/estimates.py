"""An estimate and how sure it is: as an interval, and as a value with a normal error."""

from __future__ import annotations

import math
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
