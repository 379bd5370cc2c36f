from __future__ import annotations

import math

import numpy as np
import pytest

from components.lib.stats.means import MeanSums, wilson
from components.lib.stats.resample import bootstrap, mean_statistic


def test_wilson_is_what_the_literature_gives() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I: method 3.
    assert wilson(81, 263).ends == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20).ends == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29).ends == pytest.approx((0.0061, 0.1718), abs=5e-5)
    assert wilson(81, 263).value == 81 / 263


def test_the_interval_of_a_mean_is_two_standard_errors_wide_each_way() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    estimate = MeanSums.of(values).estimate()
    assert estimate is not None
    assert estimate.value == pytest.approx(2.5)
    assert estimate.error == pytest.approx(math.sqrt(5 / 3) / 2)
    assert estimate.interval().high - 2.5 == pytest.approx(1.959964 * estimate.error)
    assert MeanSums.of(values[:1]).estimate() is None


def test_the_rest_is_a_subtraction_away() -> None:
    random = np.random.default_rng(0)
    values, weights, part = random.normal(size=500), random.random(500), random.random(500) < 0.2
    rest = MeanSums.of(values, weights) - MeanSums.of(values[part], weights[part])
    assert rest.estimate() == pytest.approx(MeanSums.of(values[~part], weights[~part]).estimate())
    assert rest.effective == pytest.approx(weights[~part].sum() ** 2 / (weights[~part] ** 2).sum())


def test_the_error_of_a_weighted_mean_agrees_with_resampling() -> None:
    random = np.random.default_rng(0)
    values, weights = random.normal(size=2000), random.choice([0.2, 1.0, 5.0], size=2000)
    estimate = MeanSums.of(values, weights).estimate()
    resampled = bootstrap({"mean": mean_statistic(values, weights)}, 2000, resamples=2000, seed=1)["mean"].interval()
    assert estimate is not None
    assert (estimate.value, resampled.value) == pytest.approx((np.average(values, weights=weights),) * 2)
    assert estimate.interval().ends == pytest.approx(resampled.ends, abs=0.006)


def test_the_wilson_interval_of_weighted_hits_agrees_with_resampling() -> None:
    random = np.random.default_rng(0)
    hits, weights = (random.random(2000) < 0.8).astype(float), random.choice([0.2, 1.0, 5.0], size=2000)
    sums = MeanSums.of(hits, weights)
    resampled = bootstrap({"mean": mean_statistic(hits, weights)}, 2000, resamples=2000, seed=1)["mean"].interval()
    assert wilson(sums.mean * sums.effective, sums.effective).ends == pytest.approx(resampled.ends, abs=0.006)
