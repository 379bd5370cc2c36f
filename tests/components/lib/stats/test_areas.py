from __future__ import annotations

import math

import numpy as np
import pytest

from components.lib.stats.areas import AreaSums, delong_difference, hanley_mcneil, placements
from components.lib.stats.estimates import Z
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


@pytest.fixture(scope="module")
def weights() -> np.ndarray:
    return np.random.default_rng(8).choice([0.0, 0.5, 1.0, 3.0], size=3_000)


def levels_of(scores: np.ndarray) -> np.ndarray:
    return np.unique(scores, return_inverse=True)[1]


def test_placements_give_the_area_under_the_curve_with_ties(sample) -> None:
    labels, scores, _ = sample
    placed = placements(labels, scores)
    assert placed is not None
    assert placed.area.value == pytest.approx(auc(labels, scores), abs=1e-12)
    assert placed.negative.mean() == pytest.approx(placed.area.value, abs=1e-12)


def test_an_example_of_weight_three_counts_like_three_examples(sample) -> None:
    labels, scores, _ = sample
    times = np.random.default_rng(8).integers(0, 4, len(labels))
    weighted = placements(labels, scores, times.astype(float))
    repeated = placements(np.repeat(labels, times), np.repeat(scores, times))
    assert weighted is not None
    assert repeated is not None
    assert weighted.area.value == pytest.approx(repeated.area.value, abs=1e-12)
    assert weighted.area.value == pytest.approx(auc(labels, scores, times.astype(float)), abs=1e-12)
    # A repeated example is no new evidence: what varies is the draw of the example with its weight.
    assert weighted.area.variance > repeated.area.variance
    doubled = placements(labels, scores, np.full(len(labels), 2.0))
    plain = placements(labels, scores)
    assert doubled is not None
    assert plain is not None
    assert doubled.area == pytest.approx(plain.area, rel=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_sums_by_level_give_the_same_area_and_so_does_what_they_leave_over(sample, weights, weighted: bool) -> None:
    labels, scores, _ = sample
    levels = levels_of(scores)
    size = int(levels.max()) + 1
    w = weights if weighted else None
    part = np.random.default_rng(9).random(len(labels)) < 0.1
    everything = AreaSums.of(labels, levels, size, w)
    some = AreaSums.of(labels[part], levels[part], size, None if w is None else w[part])
    for sums, rows in ((everything, slice(None)), (some, part), (everything - some, ~part)):
        placed = placements(labels[rows], scores[rows], None if w is None else w[rows])
        assert placed is not None
        assert sums.area() == pytest.approx(placed.area, rel=1e-9)
    assert (everything - everything).area() is None


@pytest.mark.parametrize("weighted", [False, True])
def test_the_interval_agrees_with_resampling(sample, weights, weighted: bool) -> None:
    labels, scores, _ = sample
    w = weights if weighted else None
    placed = placements(labels, scores, w)
    assert placed is not None
    interval = placed.area.interval()
    resampled = bootstrap({"auc": auc_statistic(labels, scores, w)}, len(labels), resamples=2000, seed=1)[
        "auc"
    ].interval()
    assert interval is not None
    assert interval.low < placed.area.value < interval.high
    assert interval.ends == pytest.approx(resampled.ends, abs=0.003 if weighted else 0.0015)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_paired_difference_agrees_with_resampling_and_is_narrower_than_unpaired(
    sample, weights, weighted: bool
) -> None:
    labels, first, second = sample
    w = weights if weighted else None
    one, other = placements(labels, first, w), placements(labels, second, w)
    assert one is not None
    assert other is not None
    difference = delong_difference(one, other)
    assert difference is not None
    statistics = {"first": auc_statistic(labels, first, w), "second": auc_statistic(labels, second, w)}
    both = bootstrap(statistics, len(labels), resamples=2000, seed=1)
    resampled = (both["second"] - both["first"]).interval()
    assert difference.interval().ends == pytest.approx(resampled.ends, abs=0.003)
    alone = [interval.high - interval.low for interval in (one.area.interval(), other.area.interval()) if interval]
    assert 2 * Z * difference.error < math.hypot(*alone) * 0.9
    assert (difference.p_value() < 0.05) is difference.interval().excludes_zero


def test_hanley_and_mcneil_is_what_their_paper_gives() -> None:
    # Their example: an area of 0.893 over 51 abnormal and 58 normal images has a standard error of 0.0322.
    area = hanley_mcneil(0.893, positives=51, negatives=58)
    assert area is not None
    assert math.sqrt(area.variance) == pytest.approx(0.032, abs=0.0008)
    assert hanley_mcneil(0.9, positives=1, negatives=50) is None


def test_what_cannot_be_known_is_none() -> None:
    labels = np.array([0.0, 0.0, 0.0, 1.0, 1.0])
    perfect = placements(labels, np.array([0.1, 0.2, 0.3, 0.8, 0.9]))
    assert perfect is not None
    assert perfect.area.interval() is None
    assert delong_difference(perfect, perfect) is None
    assert placements(labels[:4], labels[:4]) is None
    assert placements(labels, labels, np.array([1.0, 1.0, 1.0, 1.0, 0.0])) is None, "the second positive has no weight"


def test_the_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(3)
    truth = 0.8556  # the area where two unit normals lie 1.5 apart: Phi(1.5 / sqrt(2))
    held = 0
    for _ in range(400):
        labels = np.repeat([0.0, 1.0], [60, 20])
        placed = placements(labels, random.normal(size=80) + 1.5 * labels)
        interval = placed.area.interval() if placed else None
        held += interval is not None and interval.low <= truth <= interval.high
    assert 0.92 <= held / 400 <= 0.98
