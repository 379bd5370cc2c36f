"""Read an `examples` artifact: its schema, its splits, and their rows as Arrow batches, tensors or `tf.Example`s."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline_tools.errors import InputError
from pipeline_tools.paths import join, list_files, open_read, read_text

SCHEMA_FILE = "schema.pbtxt"
KEY_COLUMN = "example_key"
SPLITS = ("train", "eval")
BATCH_ROWS = 10_000
"""Rows a batch. Larger batches cost less a row; a fixed size gives the same result every run."""

_DEFAULTS: dict[int, dict[str, Any]] = {
    schema_pb2.INT: {"int_value": 0},
    schema_pb2.FLOAT: {"float_value": 0.0},
    schema_pb2.BYTES: {"bytes_value": b""},
}


def read_schema(examples: str | Path) -> schema_pb2.Schema:
    """Read the schema that travels with the examples.

    Args:
        examples: Directory of an `examples` artifact, or its URI in Cloud Storage.

    Returns:
        The schema. Every feature is one dense scalar; where the schema names no default for a missing value, it is 0
        or the empty string.

    Raises:
        InputError: There is none, so this is no whole `examples` artifact.
    """
    return parse_schema(read_schema_text(examples))


def read_schema_text(examples: str | Path) -> str:
    """Read the text that `read_schema` parses.

    Raises:
        InputError: There is none.
    """
    if not list_files(examples, SCHEMA_FILE):
        raise InputError(f"{examples}: no {SCHEMA_FILE} in it, so these are no examples that example_gen has finished")
    return read_text(join(examples, SCHEMA_FILE))


def parse_schema(text: str) -> schema_pb2.Schema:
    """Read a schema that travels with examples.

    Args:
        text: Of its file.

    Returns:
        As `read_schema`.
    """
    schema: schema_pb2.Schema = text_format.Parse(text, schema_pb2.Schema())
    group = schema.tensor_representation_group[""].tensor_representation
    for feature in schema.feature:
        if feature.name not in group:
            dense = schema_pb2.TensorRepresentation.DenseTensor(
                column_name=feature.name,
                shape=schema_pb2.FixedShape(),
                default_value=schema_pb2.TensorRepresentation.DefaultValue(**_DEFAULTS[feature.type]),
            )
            group[feature.name].dense_tensor.CopyFrom(dense)
    return schema


def splits(examples: str | Path) -> list[str]:
    """List the splits that an `examples` artifact holds.

    Args:
        examples: Its directory, or its URI in Cloud Storage.

    Returns:
        ``train``, ``eval``, or both.
    """
    return [split for split in SPLITS if list_files(join(examples, split), "*.parquet")]


def split_files(examples: str | Path, split: str) -> list[str]:
    """List the Parquet files of a split, in order.

    Args:
        examples: Directory of an `examples` artifact, or its URI in Cloud Storage.
        split: ``train`` or ``eval``.

    Returns:
        At least one name of a file.

    Raises:
        InputError: The split has no file.
    """
    files = list_files(join(examples, split), "*.parquet")
    if not files:
        raise InputError(f"{examples}: no Parquet file in split {split!r}; was it written by example_gen?")
    return files


def read_batches(
    name: str | Path, columns: list[str] | None = None, rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Read a Parquet file in batches of a fixed number of rows; only the last is shorter.

    Args:
        name: One file of a split.
        columns: Names to read; default all.
        rows: Rows a batch.

    Yields:
        Record batches of flat columns, missing values as nulls.
    """
    with open_read(name) as file, pq.ParquetFile(file) as parquet:
        yield from parquet.iter_batches(batch_size=rows, columns=columns)


def count_rows(names: Sequence[str]) -> int:
    """Count the rows of Parquet files, as their last bytes say."""
    total = 0
    for name in names:
        with open_read(name) as file:
            total += pq.read_metadata(file).num_rows
    return total


def as_lists(batch: pa.RecordBatch, schema: schema_pb2.Schema) -> pa.RecordBatch:
    """Give a batch the shape that TensorFlow's Arrow tools read: each value in a list, a missing one a null list.

    Args:
        batch: Flat columns.
        schema: Which columns to take, in its order.

    Returns:
        List columns of int64, float32 or binary, one for each feature of the schema.
    """
    return pa.RecordBatch.from_arrays(
        [_listed(batch.column(feature.name)) for feature in schema.feature],
        names=[feature.name for feature in schema.feature],
    )


def _listed(column: pa.Array) -> pa.ListArray:
    if pa.types.is_string(column.type):
        column = column.cast(pa.binary())
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    offsets = np.zeros(len(column) + 1, np.int32)
    np.cumsum(valid, out=offsets[1:])
    mask = pa.array(~valid) if column.null_count else None
    return pa.ListArray.from_arrays(pa.array(offsets), column.drop_null(), mask=mask)


def arrow_schema(schema: schema_pb2.Schema) -> pa.Schema:
    """Say which Arrow columns `as_lists` makes of a schema.

    Args:
        schema: As `read_schema` returns it.

    Returns:
        One list column a feature.
    """
    kinds = {schema_pb2.INT: pa.int64(), schema_pb2.FLOAT: pa.float32(), schema_pb2.BYTES: pa.binary()}
    return pa.schema([(feature.name, pa.list_(kinds[feature.type])) for feature in schema.feature])


def tensor_adapter_config(schema: schema_pb2.Schema) -> Any:
    """Describe to TFT how `as_lists` batches become tensors.

    Args:
        schema: As `read_schema` returns it.

    Returns:
        A ``tfx_bsl`` ``TensorAdapterConfig``: one dense tensor of shape (batch,) a feature.
    """
    from tfx_bsl.tfxio.tensor_adapter import TensorAdapterConfig

    group = schema.tensor_representation_group[""].tensor_representation
    return TensorAdapterConfig(arrow_schema(schema), {name: group[name] for name in group})


def feature_spec(schema: schema_pb2.Schema) -> dict[str, Any]:
    """Give the spec with which ``tf.io.parse_example`` reads the examples.

    Args:
        schema: As `read_schema` returns it.

    Returns:
        A ``FixedLenFeature`` of shape () with its default, by feature name.
    """
    import tensorflow as tf

    kinds = {schema_pb2.INT: tf.int64, schema_pb2.FLOAT: tf.float32, schema_pb2.BYTES: tf.string}
    group = schema.tensor_representation_group[""].tensor_representation
    spec = {}
    for feature in schema.feature:
        default = group[feature.name].dense_tensor.default_value
        value = getattr(default, default.WhichOneof("kind"))
        spec[feature.name] = tf.io.FixedLenFeature([], kinds[feature.type], value)
    return spec
