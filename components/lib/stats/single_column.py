"""How well one column alone predicts the label."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.lib.stats.scores import auc

Array = np.ndarray[Any, Any]

_SPLIT_SEED = 19_480_625

BINS = 50
"""A number of more different values than this is cut into as many bins of about equal size."""


def single_column_auc(column: pa.Array, labels: Array, weights: Array | None = None) -> float:
    """Score the best that one column alone can do.

    Every value, or bin of values, scores as its share of label 1; a missing value is a value of its own. The shares of
    one half of the rows score the other half, so that a key, which is different in every row, predicts nothing. Of
    numbers it is at least the area by the number itself, in either direction.

    Args:
        column: Values of a raw column, which may be missing, shape (n,).
        labels: 0 or 1, shape (n,).
        weights: How much each row counts, shape (n,); default 1.

    Returns:
        An area under the ROC curve, at least about 0.5; NaN where there is only one class.
    """
    w = np.ones(len(labels)) if weights is None else weights
    groups = _groups(column)
    halves = np.random.default_rng(_SPLIT_SEED).random(len(labels)) < 0.5
    scores = np.empty(len(labels))
    for half in (halves, ~halves):
        scores[half] = _shares(groups[~half], labels[~half], w[~half], int(groups.max(initial=0)) + 1)[groups[half]]
    best = auc(labels, scores, w)
    if _is_number(column.type) and not column.null_count:
        values = column.to_numpy(zero_copy_only=False).astype(np.float64)
        if np.isfinite(values).all():
            own = auc(labels, values, w)
            best = max(best, own, 1 - own)
    return best


def _groups(column: pa.Array) -> Array:
    """Number the values of a column, or the bins that they are in; missing ones have a number of their own."""
    if _is_number(column.type) and pc.count_distinct(column).as_py() > BINS:
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)  # missing is NaN
        edges = np.unique(np.nanquantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
        return np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="right"))
    encoded = column.dictionary_encode(null_encoding="encode")
    numbers: Array = encoded.indices.to_numpy(zero_copy_only=False)
    return numbers


def _shares(groups: Array, labels: Array, weights: Array, size: int) -> Array:
    """Give the share of label 1 by group, drawn to that of all as if by one row more."""
    overall = np.average(labels, weights=weights) if weights.sum() else 0.5
    total = np.bincount(groups, weights, size)
    shares: Array = (np.bincount(groups, weights * labels, size) + overall) / (total + 1)
    return shares


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
