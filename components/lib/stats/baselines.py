"""What needs no model, and what every model must beat: the more frequent label, and a rule on one column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.lib.artifacts.examples import KEY_COLUMN, read_batches, split_files
from components.lib.stats.intervals import Bounds, delong, placements, wilson
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
        known = pq.read_schema(file).names
    if column not in known:
        raise InputError(f"rule_column={column}: the examples have no such column, only {', '.join(known)}")
    batches = [batch for name in files for batch in read_batches(name, [column, KEY_COLUMN])]
    table = pa.Table.from_batches(batches).combine_chunks()
    hits = np.array([str(each) == value for each in table.column(column).to_pylist()], np.float64)
    return table.column(KEY_COLUMN), hits


def majority_predictions(labels: Array) -> Array:
    """Predict the more frequent label for every example."""
    return np.full(len(labels), float(np.mean(labels) > 0.5))


def describe(labels: Array, predictions: Array) -> dict[str, Any]:
    """Judge predictions of yes and no.

    Args:
        labels: 0 or 1, shape (n,).
        predictions: 0 or 1, shape (n,).

    Returns:
        ``auc`` and ``accuracy``, each with ``value`` and the ends of its 95 % interval, ``low`` and ``high``; and
        ``confusion_matrix``: counts, rows by label 0 and 1, columns by prediction 0 and 1.
    """
    truth, said = labels > 0.5, predictions > 0.5
    matrix = [[int(np.sum((truth == row) & (said == column))) for column in (False, True)] for row in (False, True)]
    right = matrix[0][0] + matrix[1][1]
    found: dict[str, Any] = {
        "accuracy": _plain(right / len(labels), wilson(right, len(labels))),
        "confusion_matrix": matrix,
    }
    if placed := placements(labels, predictions):
        found["auc"] = _plain(placed.area, delong(placed))
    return found


def _plain(value: float, bounds: Bounds | None) -> dict[str, float]:
    low, high = bounds or (value, value)
    return {"value": value, "low": low, "high": high}
