from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from components.lib.stats.single_column import single_column_auc

ROWS = 4000


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return (np.random.default_rng(0).random(ROWS) < 0.3).astype(np.float64)


def column(name: str, labels: np.ndarray) -> pa.Array:
    random = np.random.default_rng(1)
    value = random.normal(size=ROWS)
    texts = np.where(labels > 0.5, random.choice(["a", "b"], ROWS), random.choice(["c", "d"], ROWS))
    return {
        "the label": lambda: pa.array(labels),
        "its opposite": lambda: pa.array(1 - labels),
        "a text that gives it away": lambda: pa.array(texts.tolist()),
        "missing where it is 1": lambda: pa.array(np.where(labels > 0.5, None, "x").tolist()),
        "a number over a limit": lambda: pa.array(np.abs(value) + 10 * labels),
        "a number far from the middle": lambda: pa.array(value + 20 * labels * np.where(value > 0, 1, -1)),
        "a number, missing here and there": lambda: pa.array(
            [None if at % 5 < 2 else float(each) for at, each in enumerate(value + 20 * labels)]
        ),
        "a key": lambda: pa.array([f"{at:05}" for at in range(ROWS)]),
        "a number of its own in every row": lambda: pa.array(np.random.default_rng(2).permutation(ROWS)),
        "noise": lambda: pa.array(value),
        "a hint": lambda: pa.array(value + labels),
    }[name]()


@pytest.mark.parametrize(
    "name",
    [
        "the label",
        "its opposite",
        "a text that gives it away",
        "missing where it is 1",
        "a number over a limit",
        "a number far from the middle",
    ],
)
def test_what_gives_the_label_away_scores_almost_1(labels: np.ndarray, name: str) -> None:
    assert single_column_auc(column(name, labels), labels) > 0.99


def test_missing_values_are_a_value_of_their_own(labels: np.ndarray) -> None:
    assert 0.85 < single_column_auc(column("a number, missing here and there", labels), labels) < 0.98


@pytest.mark.parametrize("name", ["a key", "a number of its own in every row", "noise"])
def test_what_knows_nothing_scores_a_half(labels: np.ndarray, name: str) -> None:
    assert single_column_auc(column(name, labels), labels) == pytest.approx(0.5, abs=0.035)


def test_a_hint_is_no_leak(labels: np.ndarray) -> None:
    assert 0.7 < single_column_auc(column("a hint", labels), labels) < 0.8


def test_rows_without_weight_do_not_count(labels: np.ndarray) -> None:
    given_away = np.where(np.arange(ROWS) < ROWS // 2, labels, np.random.default_rng(3).integers(0, 2, ROWS))
    first_half = (np.arange(ROWS) < ROWS // 2).astype(np.float64)
    assert single_column_auc(pa.array(given_away), labels) < 0.9
    assert single_column_auc(pa.array(given_away), labels, first_half) > 0.99
