from __future__ import annotations

import math

import numpy as np
import pytest

from components.lib.stats.intervals import Bounds, delong, delong_difference, hanley_mcneil, mean, placements, wilson
from components.lib.stats.resample import auc_statistic, bootstrap
from components.lib.stats.scores import auc


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    labels = (random.random(3_000) < 0.25).astype(np.float64)
    shared = random.normal(size=3_000)
    first = shared + random.normal(size=3_000) + 1.5 * labels
    second = shared + random.normal(size=3_000) + 1.8 * labels
    return labels, first.round(1), second.round(1)  # rounded, so that there are ties


def test_wilson_is_what_the_literature_gives() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I: method 3.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_the_interval_of_a_mean_is_two_standard_errors_wide_each_way() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    low, high = mean(values) or (0, 0)
    assert (low + high) / 2 == pytest.approx(2.5)
    assert (high - low) / 2 == pytest.approx(1.959964 * math.sqrt(5 / 3) / 2)
    assert mean(values[:1]) is None


def test_placements_give_the_area_under_the_curve_with_ties(sample) -> None:
    labels, scores, _ = sample
    placed = placements(labels, scores)
    assert placed is not None
    assert placed.area == pytest.approx(auc(labels, scores), abs=1e-12)
    assert placed.negative.mean() == pytest.approx(placed.area, abs=1e-12)


def test_delong_agrees_with_resampling(sample) -> None:
    labels, scores, _ = sample
    placed = placements(labels, scores)
    assert placed is not None
    found = delong(placed)
    resampled = bootstrap({"auc": auc_statistic(labels, scores)}, len(labels), resamples=2000, seed=1)["auc"]
    assert found is not None
    assert found.low < placed.area < found.high
    assert found == pytest.approx((resampled.low, resampled.high), abs=0.0015)


def test_the_paired_difference_agrees_with_resampling_and_is_narrower_than_unpaired(sample) -> None:
    labels, first, second = sample
    one, other = placements(labels, first), placements(labels, second)
    assert one is not None
    assert other is not None
    found = delong_difference(one, other)
    assert found is not None
    before, after = auc_statistic(labels, first), auc_statistic(labels, second)
    resampled = bootstrap(
        {"difference": lambda weights: after(weights) - before(weights)}, len(labels), resamples=2000, seed=1
    )["difference"]
    assert found == pytest.approx((resampled.low, resampled.high), abs=0.003)
    alone = [bounds.high - bounds.low for bounds in (delong(one), delong(other)) if bounds]
    assert found.high - found.low < math.hypot(*alone) * 0.9


def test_hanley_and_mcneil_is_what_their_paper_gives() -> None:
    # Their example: an area of 0.893 over 51 abnormal and 58 normal images has a standard error of 0.0322.
    low, high = hanley_mcneil(0.893, positives=51, negatives=58) or (0, 0)
    se = (math.log(high / (1 - high)) - math.log(low / (1 - low))) / 2 / 1.959964 * 0.893 * 0.107
    assert se == pytest.approx(0.032, abs=0.0008)
    assert hanley_mcneil(0.9, positives=1, negatives=50) is None


def test_what_cannot_be_known_is_none() -> None:
    labels = np.array([0.0, 0.0, 0.0, 1.0, 1.0])
    perfect = placements(labels, np.array([0.1, 0.2, 0.3, 0.8, 0.9]))
    assert perfect is not None
    assert delong(perfect) is None
    assert delong_difference(perfect, perfect) is None
    assert placements(labels[:4], labels[:4]) is None


def test_the_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(3)
    truth = 0.8556  # the area where two unit normals lie 1.5 apart: Phi(1.5 / sqrt(2))
    held = 0
    for _ in range(400):
        labels = np.repeat([0.0, 1.0], [60, 20])
        found = delong(placements(labels, random.normal(size=80) + 1.5 * labels))  # type: ignore[arg-type]
        held += isinstance(found, Bounds) and found.low <= truth <= found.high
    assert 0.92 <= held / 400 <= 0.98
