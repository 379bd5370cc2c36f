"""Intervals from resampling."""

import numpy as np
import pytest

from components.lib.stats.estimates import Interval, Normal
from components.lib.stats.resample import auc_statistic, bootstrap, difference_statistic, mean_statistic
from components.lib.stats.scores import auc


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide() -> None:
    values = np.random.default_rng(0).normal(5, 2, 4000)
    interval = bootstrap({"mean": mean_statistic(values)}, 4000, resamples=1000, seed=1)["mean"]
    error = values.std() / np.sqrt(4000)
    assert interval.value == pytest.approx(values.mean())
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    values = np.random.default_rng(0).normal(size=100)
    first, again, other = (
        bootstrap({"mean": mean_statistic(values)}, 100, resamples=50, seed=seed)["mean"] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_prepared_auc_equals_the_plain_one() -> None:
    random = np.random.default_rng(0)
    labels, scores = random.integers(0, 2, 200), random.random(200).round(1)
    weights = random.integers(0, 3, 200).astype(float)
    assert auc_statistic(labels, scores)(weights) == pytest.approx(auc(labels, scores, weights))


def test_a_paired_difference_is_narrower_than_its_parts() -> None:
    random = np.random.default_rng(0)
    first = random.normal(size=1000)
    second = first + 0.01
    one, two = mean_statistic(first), mean_statistic(second)
    found = bootstrap({"first": one, "difference": difference_statistic(two, one)}, 1000, resamples=200, seed=1)
    assert found["difference"].excludes_zero
    assert found["difference"].high - found["difference"].low < 1e-9 < found["first"].high - found["first"].low


@pytest.mark.parametrize(("low", "high", "excludes"), [(0.1, 0.2, True), (-0.1, 0.2, False), (-0.2, -0.1, True)])
def test_excludes_zero(low: float, high: float, excludes: bool) -> None:
    assert Interval(0.0, low, high).excludes_zero is excludes


def test_weights_count_in_every_resample() -> None:
    random = np.random.default_rng(0)
    labels, scores = random.integers(0, 2, 200), random.random(200).round(1)
    weights, times = random.random(200), random.integers(0, 3, 200).astype(float)
    assert auc_statistic(labels, scores, weights)(times) == pytest.approx(auc(labels, scores, weights * times))
    assert mean_statistic(scores, weights)(times) == pytest.approx(np.average(scores, weights=weights * times))


def test_the_p_value_of_a_normal_estimate() -> None:
    assert Normal(1.959964, 1.0).p_value() == pytest.approx(0.05, abs=1e-6)
    assert Normal(-2.575829, 1.0).p_value() == pytest.approx(0.01, abs=1e-6)
    assert (Normal(0.0, 0.0).p_value(), Normal(0.1, 0.0).p_value()) == (1.0, 0.0)
