"""Distances between two distributions of counts."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def shares(counts: Array) -> Array:
    """Turn counts into shares.

    Args:
        counts: At least one of them positive, shape (k,).

    Returns:
        Numbers that sum to 1, shape (k,).
    """
    whole: Array = counts / counts.sum()
    return whole


def l_infinity(first: Array, second: Array) -> float:
    """The greatest difference between two shares of the same category.

    Args:
        first: Shares, shape (k,).
        second: Shares of the same categories, shape (k,).

    Returns:
        A number from 0 (equal) to 1.
    """
    return float(np.abs(first - second).max())


def jensen_shannon(first: Array, second: Array) -> float:
    """Jensen-Shannon divergence in bits: the mean divergence (Kullback-Leibler) of both from their mean.

    Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information Theory 37 (1991).

    Args:
        first: Shares, shape (k,).
        second: Shares of the same bins, shape (k,).

    Returns:
        A number from 0 (equal) to 1 (nothing in common).
    """
    mean = (first + second) / 2
    divergence = (_divergence(first, mean) + _divergence(second, mean)) / 2
    return float(min(max(divergence, 0.0), 1.0))


def _divergence(shares: Array, reference: Array) -> float:
    there = shares > 0
    return float(np.sum(shares[there] * np.log2(shares[there] / reference[there])))
