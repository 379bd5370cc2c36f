"""Let a SavedModel answer raw examples, the way a model server would: serialized, by its signature."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from components.lib.artifacts.evaluation import PREDICTIONS, WEIGHT_COLUMN
from components.lib.artifacts.examples import KEY_COLUMN, as_lists, read_batches
from components.lib.artifacts.labels import check_weight_column, has_label, weights_of
from components.lib.artifacts.model_columns import COLUMNS_FILE, read_model_columns
from components.training.checks import check_scores
from components.training.export import OUTPUT, SIGNATURE, TRANSFORM
from pipeline_tools.errors import InputError
from pipeline_tools.paths import join, open_write


class Predictor:
    """A SavedModel and what is asked of it.

    Args:
        model: Directory of a SavedModel with ``serving_default`` and ``transform_features``.
        schema: Of the raw examples.
        label_key: The label among the transformed features.
        columns: Raw columns to keep beside each prediction.
        weight_key: Raw column that weighs the examples; empty for none.

    Raises:
        InputError: The directory holds no such model, it is of another label or of examples with other columns, or
            there is no such column of numbers.
    """

    def __init__(
        self, model: str, schema: schema_pb2.Schema, label_key: str, columns: Sequence[str], weight_key: str = ""
    ) -> None:
        try:
            self._loaded = tf.saved_model.load(model)  # kept: its signatures hold its variables weakly
        except (OSError, tf.errors.OpError) as error:
            raise InputError(f"{model}: not a SavedModel: {error}") from error
        for name in (SIGNATURE, TRANSFORM):
            if name not in self._loaded.signatures:
                raise InputError(f"{model}: the SavedModel has no signature {name}, only {[*self._loaded.signatures]}")
        self._predict = self._loaded.signatures[SIGNATURE]
        self._transform = self._loaded.signatures[TRANSFORM]
        self._model = model
        self._schema = schema
        self.label_key = label_key
        self._label_is_known = True
        self.label_columns = self._find_label_columns(model)
        check_weight_column(schema, weight_key, f"example_weight_key={weight_key} of eval_config")
        self._weight_key = weight_key
        self._defaults = {
            feature.name: _default(schema, feature.name) for feature in schema.feature if feature.name in columns
        }
        self._encoder = RecordBatchToExamplesEncoder()

    def _find_label_columns(self, model: str) -> list[str]:
        outputs = self._transform.structured_outputs
        if self.label_key not in outputs:
            raise InputError(
                f"label_key={self.label_key}: the model transforms no such feature, only {', '.join(sorted(outputs))}"
            )
        found = read_model_columns(model)
        if found is None:
            self._label_is_known = False
            return []
        if found.label_key != self.label_key:
            raise InputError(f"label_key={self.label_key}: {model} was trained for the label {found.label_key}")
        columns = [feature.name for feature in self._schema.feature]
        if missing := [name for name in found.label_columns if name not in columns]:
            raise InputError(
                f"the label of {model} follows from {', '.join(missing)}; the examples have only {', '.join(columns)}"
            )
        return found.label_columns

    def _check_nothing_is_missing(self, batch: pa.RecordBatch) -> None:
        for feature in self._schema.feature:
            if batch.column(feature.name).null_count:
                raise InputError(
                    f"{self._model}: no {COLUMNS_FILE} in it, which says from which raw columns the label follows, and "
                    f"{feature.name} is missing in some eval rows: whether these have a label is unknown. Evaluate a "
                    "model that train has written"
                )

    @property
    def features(self) -> list[dict[str, Any]]:
        """What the model sees: ``name``, and ``kind``, ``number`` or ``category``, of each transformed feature."""
        outputs = self._transform.structured_outputs
        return [
            {"name": name, "kind": "number" if outputs[name].dtype.is_floating else "category", "size": None}
            for name in sorted(outputs)
            if name != self.label_key
        ]

    def predict_file(self, source: str, target: str) -> None:
        """Write the predictions for one file of examples.

        Args:
            source: A Parquet file of examples.
            target: The Parquet file to write: a row for each example that has a label, with ``example_key``, label,
                ``probability``, ``example_weight`` if examples are weighted, and the columns to keep, in which a
                missing value is what the model reads in its place. Where this raises, a part of it may be there.

        Raises:
            InputError: As `predict_batch`.
        """
        writer: pq.ParquetWriter | None = None
        with open_write(target) as file:
            try:
                for batch in read_batches(source):
                    predictions = self.predict_batch(batch)
                    writer = writer or pq.ParquetWriter(file, predictions.schema)
                    writer.write_batch(predictions)
            finally:
                if writer:
                    writer.close()

    def predict_batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Predict rows.

        Args:
            batch: Rows of examples, flat columns.

        Returns:
            As `predict_file` writes it: a row that lacks a column from which the label follows has no label.

        Raises:
            InputError: The model does not return probabilities, a weight cannot be used, or the model does not say from
                which columns the label follows and there are missing values.
        """
        if not self._label_is_known:
            self._check_nothing_is_missing(batch)
        batch = batch.filter(pa.array(has_label(batch, self.label_columns)))
        serialized = tf.constant(self._encoder.encode(as_lists(batch, self._schema)), tf.string)
        transformed = self._transform(examples=serialized)
        outputs = self._predict(examples=serialized)
        if OUTPUT not in outputs:
            raise InputError(f"{self._model}: {SIGNATURE} returns {', '.join(outputs)}, and no {OUTPUT}")
        check_scores(outputs[OUTPUT], batch.num_rows, f"{self._model}: the model")
        columns = {
            KEY_COLUMN: batch.column(KEY_COLUMN),
            self.label_key: pa.array(transformed[self.label_key].numpy().astype(np.float32)),
            OUTPUT: pa.array(outputs[OUTPUT].numpy()[:, 0]),
        }
        if self._weight_key:
            columns[WEIGHT_COLUMN] = pa.array(weights_of(batch, self._weight_key, "example_weight_key of eval_config"))
        for name, default in self._defaults.items():
            columns[name] = batch.column(name).fill_null(default)
        return pa.RecordBatch.from_pydict(columns)


def predictions_name(evaluation: str | Path, name: str) -> str:
    """Name the file of an evaluation that holds the predictions for a file of examples."""
    return join(evaluation, PREDICTIONS, PurePosixPath(name).name)


def as_extracts(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Give each value of a batch of predictions a list of its own, as TFMA reads them."""
    offsets = pa.array(np.arange(batch.num_rows + 1, dtype=np.int32))
    columns = [
        pa.ListArray.from_arrays(offsets, column.cast(pa.binary()) if pa.types.is_string(column.type) else column)
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _default(schema: schema_pb2.Schema, name: str) -> int | float | str:
    value = schema.tensor_representation_group[""].tensor_representation[name].dense_tensor.default_value
    default = getattr(value, value.WhichOneof("kind"))
    return default.decode() if isinstance(default, bytes) else default
