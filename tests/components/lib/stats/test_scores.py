"""Scores against scikit-learn, and by hand."""

import math

import numpy as np
import pytest
from sklearn import metrics

from components.lib.stats.scores import accuracy, auc, log_losses


@pytest.mark.parametrize("decimals", [1, 12])
def test_scores_equal_those_of_scikit_learn(decimals: int) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 500)
    scores = np.round(np.clip(labels * 0.2 + random.random(500) * 0.8, 0, 1), decimals)  # one decimal: many ties
    weights = random.integers(0, 4, 500)
    assert auc(labels, scores) == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-12)
    assert auc(labels, scores, weights) == pytest.approx(
        metrics.roc_auc_score(labels, scores, sample_weight=weights), abs=1e-12
    )
    assert accuracy(labels, scores) == metrics.accuracy_score(labels, scores > 0.5)
    clipped = np.clip(scores, 1e-7, 1 - 1e-7)
    assert log_losses(labels, scores).mean() == pytest.approx(metrics.log_loss(labels, clipped), rel=1e-12)


def test_one_class_has_no_auc() -> None:
    assert math.isnan(auc(np.ones(3), np.array([0.1, 0.2, 0.3])))
