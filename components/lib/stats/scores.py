"""Metrics of a binary classifier by vectorised arithmetic, for progress and for resampling; the verdict is TFMA's."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def auc(labels: Array, scores: Array, weights: Array | None = None, *, in_order: bool = False) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

    Args:
        labels: 0 or 1, shape (n,).
        scores: Higher means more likely 1, shape (n,).
        weights: How often each row counts, shape (n,); default once.
        in_order: The scores ascend already; spares the sorting.

    Returns:
        The area by the Mann-Whitney statistic; NaN where only one class has weight.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    if not in_order:
        order = np.argsort(scores, kind="stable")
        labels, scores, weights = labels[order], scores[order], weights[order]
    first = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))
    positive = np.add.reduceat(weights * labels, first)
    negative = np.add.reduceat(weights * (1 - labels), first)
    below = np.cumsum(negative) - negative
    pairs = positive.sum() * negative.sum()
    return float((positive * (below + negative / 2)).sum() / pairs) if pairs else float("nan")


def hits(labels: Array, scores: Array, threshold: float = 0.5) -> Array:
    """Tell which rows are on the right side of the threshold.

    Args:
        labels: 0 or 1, shape (n,).
        scores: Probability of 1, shape (n,).
        threshold: Scores above it mean 1.

    Returns:
        0.0 or 1.0, float64, shape (n,). Their mean is the accuracy.
    """
    right: Array = ((scores > threshold) == (labels > 0.5)).astype(np.float64)
    return right


def accuracy(labels: Array, scores: Array, threshold: float = 0.5, weights: Array | None = None) -> float:
    """Share of rows on the right side of the threshold.

    Args:
        labels: 0 or 1, shape (n,).
        scores: Probability of 1, shape (n,).
        threshold: Scores above it mean 1.
        weights: How much each row counts, shape (n,); default 1.

    Returns:
        A number from 0 to 1.
    """
    return float(np.average(hits(labels, scores, threshold), weights=weights))


def log_losses(labels: Array, scores: Array) -> Array:
    """Negative log-likelihoods in nats; probabilities are kept 1e-7 away from 0 and 1, as Keras does.

    Args:
        labels: 0 or 1, shape (n,).
        scores: Probability of 1, shape (n,).

    Returns:
        Numbers of at least 0, float64, shape (n,). Their mean is the log loss.
    """
    clipped = np.clip(scores.astype(np.float64), 1e-7, 1 - 1e-7)
    losses: Array = -np.where(labels > 0.5, np.log(clipped), np.log1p(-clipped))
    return losses


LEVELS = 9_999
"""How many levels `tfma_levels` tells apart."""


def tfma_levels(scores: Array) -> Array:
    """Round scores to the levels that TFMA's ``AUC`` tells apart, so that ours is the same number to the last digits.

    TFMA puts scores into 10,000 buckets, and counts at 10,000 thresholds that are not quite the buckets' edges. A model
    that is sure of many examples scores them closer together than that: they tie, and the area of a small slice can
    move by some hundredths. (``calibration_histogram.rebin`` and ``binary_confusion_matrices`` in TFMA 0.52.)

    Args:
        scores: Probabilities of 1, shape (n,).

    Returns:
        The levels, float64, shape (n,).
    """
    buckets = np.floor(scores.astype(np.float64) * 10_000) / 10_000
    levels: Array = np.searchsorted(np.arange(1, 9_999) / 9_999, buckets, side="right").astype(np.float64)
    return levels
