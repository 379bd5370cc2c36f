"""Which rows of examples have a label, and how much they count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2

from components.lib.artifacts.examples import read_batches
from pipeline_tools.errors import InputError

Array = np.ndarray[Any, Any]


def has_label(rows: pa.Table | pa.RecordBatch, label_columns: Sequence[str], count: int | None = None) -> Array:
    """Tell the rows that have a label from those that have none, because it follows from a missing value.

    Args:
        rows: Raw columns, missing values as nulls.
        label_columns: The columns that the label follows from.
        count: How many rows there are, where a table without columns cannot tell.

    Returns:
        Bool, shape (rows,).
    """
    labelled = np.ones(rows.num_rows if count is None else count, bool)
    for name in label_columns:
        labelled &= np.asarray(rows.column(name).is_valid())
    return labelled


def weights_of(rows: pa.Table | pa.RecordBatch, name: str, where: str) -> Array:
    """Give the weights of rows.

    Args:
        rows: Raw columns.
        name: The column of numbers that weighs them.
        where: What errors begin with.

    Returns:
        float64 of at least 0, shape (rows,).

    Raises:
        InputError: A weight is missing, negative or not finite.
    """
    column = rows.column(name)
    if column.null_count:
        raise InputError(f"{where}: {column.null_count} rows have no weight; give them one, or leave them out")
    weights: Array = np.asarray(column).astype(np.float64)
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        raise InputError(
            f"{where}: a weight must be a finite number of at least 0; {int(wrong.sum())} are not, for example "
            f"{weights[wrong][0]:g}"
        )
    return weights


def check_weight_column(schema: schema_pb2.Schema, name: str, where: str) -> None:
    """Check that a schema has a column that can weigh examples.

    Args:
        schema: Of the raw examples.
        name: Of the column; empty for none.
        where: What errors begin with.

    Raises:
        InputError: It has none, or one of texts.
    """
    numbers = [feature.name for feature in schema.feature if feature.type != schema_pb2.BYTES]
    if name and name not in numbers:
        raise InputError(f"{where}: the schema has no such column of numbers; it has {', '.join(numbers) or 'none'}")


def read_columns(files: Sequence[str], columns: Sequence[str]) -> pa.Table:
    """Read some raw columns of a split.

    Args:
        files: Its Parquet files, in order.
        columns: Names of columns of the schema.

    Returns:
        The rows in their order.
    """
    names = list(dict.fromkeys(columns))
    if not names:
        return pa.table({})
    return pa.Table.from_batches([batch for name in files for batch in read_batches(name, names)])
