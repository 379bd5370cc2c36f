"""Warn where one raw column that the model reads predicts the label almost perfectly by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.analysis.predict import Predictor
from components.lib.artifacts.evaluation import as_predictions
from components.lib.artifacts.examples import KEY_COLUMN, read_batches
from components.lib.stats.single_column import single_column_auc

NEARLY_PERFECT = 0.99
"""An area under the ROC curve that no column should reach alone."""

MOST_ROWS = 20_000
"""Rows that are looked at."""


def find_leaks(files: Sequence[str], predictor: Predictor) -> list[str]:
    """Find raw columns that give the label away to the model.

    A column that the label follows from gives it away, too: it is a leak only if the model reads it. The model
    reads a column if the predictions change when its values are shuffled.

    Args:
        files: Parquet files of the eval split.
        predictor: The model.

    Returns:
        A warning for each such column; none says that there is none among the first `MOST_ROWS` rows.
    """
    batch = _first_rows(files)
    predictions = as_predictions(pa.Table.from_batches([predictor.predict_batch(batch)]).combine_chunks())
    table = pa.Table.from_batches([batch])
    if len(predictions.labels) < table.num_rows:  # rows without a label are not predicted
        table = table.filter(pc.is_in(table.column(KEY_COLUMN), value_set=predictions.keys.combine_chunks()))
        if table.num_rows != len(predictions.labels):
            return []  # keys are repeated, which is an anomaly of its own: labels cannot be matched with rows
    if len(np.unique(predictions.labels)) < 2:
        return []
    warnings = []
    for name in table.column_names:
        if name == KEY_COLUMN:
            continue
        area = single_column_auc(table.column(name).combine_chunks(), predictions.labels, predictions.weights)
        if area >= NEARLY_PERFECT and _is_read(name, batch, predictor, predictions.scores):
            warnings.append(
                f"{name} alone predicts the label almost perfectly (AUC {area:.4f} over {table.num_rows:,} eval rows), "
                "and the model reads it: if it is not known when a prediction is asked for, leave it out of the "
                "preprocessing module"
            )
    return warnings


def _first_rows(files: Sequence[str]) -> pa.RecordBatch:
    def batches() -> Iterator[pa.RecordBatch]:
        for name in files:
            yield from read_batches(name)

    table = pa.Table.from_batches(islice(batches(), -(-MOST_ROWS // 10_000))).slice(0, MOST_ROWS)
    return table.combine_chunks().to_batches()[0]


def _is_read(name: str, batch: pa.RecordBatch, predictor: Predictor, scores: np.ndarray) -> bool:
    """Tell whether predictions change when the values of a column that are there change places."""
    column = batch.column(name)
    at = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    order = np.arange(len(column))
    order[at] = np.random.default_rng(0).permutation(at)
    changed = batch.set_column(batch.schema.get_field_index(name), name, column.take(pa.array(order)))
    again = as_predictions(pa.Table.from_batches([predictor.predict_batch(changed)]).combine_chunks())
    return not np.array_equal(again.scores, scores)
