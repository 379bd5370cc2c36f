"""What needs no model, and what every model must beat: the more frequent label, and a rule on one column."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.lib.artifacts.examples import KEY_COLUMN, read_batches, split_files
from components.lib.stats.areas import delong_difference, placements
from components.lib.stats.estimates import Interval
from components.lib.stats.means import MeanSums, wilson
from components.lib.stats.scores import hits
from pipeline_tools.errors import InputError
from pipeline_tools.paths import open_read

Array = np.ndarray[Any, Any]

MAJORITY = "majority class"


def rule_name(column: str, value: str) -> str:
    """Name a rule for a person."""
    return f"{column} is {value}"


def rule_predictions(examples: str, column: str, value: str) -> tuple[pa.ChunkedArray, Array]:
    """Let a rule predict the eval examples.

    Args:
        examples: Directory of an `examples` artifact, or its URI in Cloud Storage.
        column: A raw column.
        value: The rule says 1 where the column has this value, as text.

    Returns:
        The keys of the examples, and for each 1.0 or 0.0.

    Raises:
        InputError: The examples have no such column.
    """
    files = split_files(examples, "eval")
    with open_read(files[0]) as file:
        columns = pq.read_schema(file).names
    if column not in columns:
        raise InputError(f"rule_column={column}: the examples have no such column, only {', '.join(columns)}")
    batches = [batch for name in files for batch in read_batches(name, [column, KEY_COLUMN])]
    table = pa.Table.from_batches(batches).combine_chunks()
    predictions = np.array([str(each) == value for each in table.column(column).to_pylist()], np.float64)
    return table.column(KEY_COLUMN), predictions


def majority_predictions(labels: Array, weights: Array | None = None) -> Array:
    """Predict the more frequent label for every example.

    Args:
        labels: 0 or 1, shape (n,).
        weights: How much each example counts, shape (n,); default 1.

    Returns:
        The same 0.0 or 1.0 for all, shape (n,).
    """
    return np.full(len(labels), float(np.average(labels, weights=weights) > 0.5))


def describe(
    labels: Array, predictions: Array, weights: Array | None = None, scores: Array | None = None
) -> dict[str, Any]:
    """Evaluate predictions that are only 0 or 1.

    Args:
        labels: 0 or 1, shape (n,).
        predictions: 0 or 1, shape (n,).
        weights: How much each example counts, shape (n,); default 1.
        scores: What a model predicts for the same examples, shape (n,); None compares with no model.

    Returns:
        ``auc`` and ``accuracy``, each with ``value`` and the ends of its 95 % interval, ``low`` and ``high``;
        ``model_minus_baseline``: the same of the paired difference of the AUCs; and ``confusion_matrix``: counts, or
        sums of weights, rows by label 0 and 1, columns by prediction 0 and 1.
    """
    truth, said = labels > 0.5, predictions > 0.5
    w = np.ones(len(labels)) if weights is None else weights
    sums = [[float(w[(truth == row) & (said == column)].sum()) for column in (False, True)] for row in (False, True)]
    right = MeanSums.of(hits(labels, predictions), w)
    described: dict[str, Any] = {
        "accuracy": asdict(wilson(right.mean * right.effective, right.effective)),
        "confusion_matrix": sums if weights is not None else [[int(count) for count in row] for row in sums],
    }
    if placed := placements(labels, predictions, w):
        area = placed.area
        described["auc"] = asdict(area.interval() or Interval(area.value, area.value, area.value))
        own = placements(labels, scores, w) if scores is not None else None
        if own and (difference := delong_difference(placed, own)):
            described["model_minus_baseline"] = asdict(difference.interval())
    return described
