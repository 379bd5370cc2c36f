from __future__ import annotations

import numpy as np
import pytest

from components.lib.baselines import describe, majority_predictions


def test_the_majority_goes_by_weight() -> None:
    labels = np.array([0.0, 0.0, 0.0, 1.0])
    assert majority_predictions(labels).tolist() == [0, 0, 0, 0]
    assert majority_predictions(labels, np.array([1.0, 1.0, 1.0, 5.0])).tolist() == [1, 1, 1, 1]


def test_a_rule_is_described_by_what_counts() -> None:
    labels, rule = np.array([0.0, 0.0, 1.0, 1.0, 1.0]), np.array([0.0, 1.0, 1.0, 1.0, 0.0])
    plain = describe(labels, rule)
    assert plain["confusion_matrix"] == [[1, 1], [1, 2]]
    assert plain["accuracy"]["value"] == 0.6
    weighted = describe(labels, rule, np.array([1.0, 0.5, 1.0, 2.0, 0.5]))
    assert weighted["confusion_matrix"] == [[1.0, 0.5], [0.5, 3.0]]
    assert weighted["accuracy"]["value"] == pytest.approx(0.8)
    assert weighted["auc"]["value"] == pytest.approx((3 / 3.5 + 1 / 1.5) / 2)


def test_a_model_is_compared_with_the_rule_on_the_same_examples() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 2000).astype(np.float64)
    rule = np.where(random.random(2000) < 0.75, labels, 1 - labels)
    scores = 0.5 * rule + 0.2 * (random.random(2000) + 0.1 * labels)
    described = describe(labels, rule, scores=scores)
    above = described["model_minus_baseline"]
    assert 0 < above["low"] < above["value"] < above["high"]
    own = describe(labels, rule)["auc"]
    assert above["high"] - above["low"] < own["high"] - own["low"]
    assert "model_minus_baseline" not in describe(labels, rule, scores=rule), "the rule itself does not differ from it"
