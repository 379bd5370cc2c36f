"""Intervals from resampling."""

import numpy as np
import pytest

from components.lib.stats.estimates import Interval, Normal, mean_of_few, sum_of_independent
from components.lib.stats.resample import auc_statistic, bootstrap, mean_of, mean_statistic
from components.lib.stats.scores import auc


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide() -> None:
    values = np.random.default_rng(0).normal(5, 2, 4000)
    interval = bootstrap({"mean": mean_statistic(values)}, 4000, resamples=1000, seed=1)["mean"].interval()
    error = values.std() / np.sqrt(4000)
    assert interval.value == pytest.approx(values.mean())
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    values = np.random.default_rng(0).normal(size=100)
    statistics = {"mean": mean_statistic(values)}
    first, again, other = (bootstrap(statistics, 100, resamples=50, seed=seed)["mean"].interval() for seed in (1, 1, 2))
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
    both = bootstrap({"first": one, "second": two}, 1000, resamples=200, seed=1)
    alone, difference = both["first"].interval(), (both["second"] - both["first"]).interval()
    assert difference.excludes_zero
    assert difference.high - difference.low < 1e-9 < alone.high - alone.low


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


def test_the_mean_of_few_has_students_interval() -> None:
    # Student (1908): the differences of sleep of ten patients, of mean 1.58 and standard deviation 1.23.
    interval = mean_of_few([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
    assert (interval.value, *interval.ends) == pytest.approx((1.58, 0.70, 2.46), abs=0.005)
    assert mean_of_few([0.0, 2.0]).high == pytest.approx(1 + 12.706, abs=0.001)


def test_two_sources_of_error_add_by_their_squares() -> None:
    both = sum_of_independent(Interval(1.0, 0.7, 1.4), Interval(1.0, 0.6, 1.3))
    assert (both.value, *both.ends) == pytest.approx((1.0, 0.5, 1.5))


def test_resampled_numbers_are_averaged_resample_by_resample() -> None:
    noise = np.random.default_rng(0).normal(size=1000)
    statistics = {"up": mean_statistic(1 + noise), "down": mean_statistic(1 - noise)}
    both = bootstrap(statistics, 1000, resamples=200, seed=1)
    assert mean_of([both["up"], both["down"]]).interval().ends == pytest.approx((1.0, 1.0))
