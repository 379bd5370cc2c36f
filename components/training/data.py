"""Read transformed examples into memory, and lay out which rows each step takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft

from components.lib.artifacts.examples import count_rows, split_files
from components.lib.artifacts.labels import has_label, read_columns, weights_of
from components.training.features import Feature
from pipeline_tools.errors import InputError

Array = np.ndarray[Any, Any]
Columns = dict[str, Array]


@dataclass(frozen=True)
class Rows:
    """The labelled rows of a split.

    Attributes:
        columns: Features, an array of shape (rows,) each.
        labels: 0 or 1, float32, shape (rows,).
        weights: How much each row counts, float32, shape (rows,), 1 on average; None where all count alike.
        unlabelled: How many rows of the split were left out, because the label follows from a missing value.
    """

    columns: Columns
    labels: Array
    weights: Array | None = None
    unlabelled: int = 0

    def __len__(self) -> int:
        """Count the labelled rows."""
        return len(self.labels)

    def select(self, rows: Any) -> Rows:
        """Select some of the rows.

        Args:
            rows: Their numbers, or a slice.
        """
        return Rows(
            {name: column[rows] for name, column in self.columns.items()},
            self.labels[rows],
            None if self.weights is None else self.weights[rows],
        )

    def tensors(self) -> Tensors:
        """Give the rows to TensorFlow."""
        return Tensors(
            {name: tf.constant(column) for name, column in self.columns.items()},
            tf.constant(self.labels[:, None]),
            None if self.weights is None else tf.constant(self.weights),
        )


@dataclass(frozen=True)
class Tensors:
    """Rows as tensors.

    Attributes:
        inputs: Features, shape (rows,) each.
        targets: Labels, float32, shape (rows, 1).
        weights: How much each row counts, float32, shape (rows,), or None.
    """

    inputs: Mapping[str, tf.Tensor]
    targets: tf.Tensor
    weights: tf.Tensor | None

    def batch(self, rows: tf.Tensor) -> tuple[Any, ...]:
        """Gather what ``train_step`` gets: features, labels, and the weights where there are some.

        Args:
            rows: Row numbers, int64, shape (batch,).
        """
        inputs = {name: tf.gather(column, rows) for name, column in self.inputs.items()}
        values = [self.targets] if self.weights is None else [self.targets, self.weights]
        return inputs, *(tf.gather(each, rows) for each in values)


def load(
    output: tft.TFTransformOutput,
    examples: str,
    transformed_examples: str,
    split: str,
    label_key: str,
    *,
    features: Sequence[Feature] = (),
    label_columns: Sequence[str] = (),
    weight_key: str = "",
) -> Rows:
    """Read a whole split into memory as columns: parsing once makes a step ten times cheaper than a tf.data input.

    Args:
        output: The transform graph's output, which tells the columns' types.
        examples: Directory of the `examples` artifact that was transformed.
        transformed_examples: Directory of the `transformed_examples` artifact.
        split: ``train`` or ``eval``.
        label_key: Which transformed feature is the label.
        features: What the model takes; ids are checked against the sizes of categories.
        label_columns: Raw columns that the label follows from. A row that lacks one of them has no label.
        weight_key: Raw column that weighs the rows; empty where all count alike.

    Returns:
        The rows with a label.

    Raises:
        InputError: No such split, the artifacts are of different rows, the labels are not 0 and 1, both of them, an id
            is outside its category, or a weight cannot be used.
    """
    names = sorted(str(path) for path in (Path(transformed_examples) / split).glob("*.tfrecord.gz"))
    if not names:
        raise InputError(f"{transformed_examples}: no transformed examples of split {split!r}")
    spec = output.transformed_feature_spec()
    batches: Iterator[dict[str, tf.Tensor]] = iter(
        tf.data.TFRecordDataset(names, "GZIP").batch(10_000).map(lambda rows: tf.io.parse_example(rows, spec))
    )
    parts = [{name: value.numpy() for name, value in batch.items()} for batch in batches]
    if not parts:
        raise InputError(f"{transformed_examples}: split {split!r} has no rows")
    columns = {name: np.concatenate([part[name] for part in parts]) for name in spec}
    labels = columns.pop(label_key)
    raw = _raw_columns(examples, transformed_examples, split, names, len(labels), [*label_columns, weight_key])
    keep = has_label(raw, label_columns, len(labels))
    weights = weights_of(raw, weight_key, f"weight_key={weight_key}: split {split!r}") if weight_key else None
    rows = Rows(columns, labels, weights).select(keep)
    _check_labels(rows, label_key, split, len(labels) - len(rows), label_columns)
    _check_ids(rows.columns, features, split)
    if rows.weights is not None:
        rows = Rows(rows.columns, rows.labels, (rows.weights / rows.weights.mean()).astype(np.float32))
    return Rows(rows.columns, rows.labels.astype(np.float32), rows.weights, len(labels) - len(rows))


def _raw_columns(
    examples: str, transformed_examples: str, split: str, transformed: list[str], rows: int, columns: list[str]
) -> pa.Table:
    files = split_files(examples, split)
    stems = [Path(name).name.removesuffix(".tfrecord.gz") for name in transformed]
    if [Path(name).stem for name in files] != stems or count_rows(files) != rows:
        raise InputError(
            f"transformed_examples={transformed_examples}: its split {split!r} was not made from examples={examples}; "
            "give the examples that were transformed"
        )
    return read_columns(files, [name for name in columns if name])


def _check_labels(rows: Rows, label_key: str, split: str, unlabelled: int, label_columns: Sequence[str]) -> None:
    if not len(rows):
        raise InputError(
            f"no row of split {split!r} has a label: in all {unlabelled} of them {' or '.join(label_columns)}, from "
            f"which {label_key!r} follows, is missing"
        )
    values, counts = np.unique(rows.labels, return_counts=True)
    if not np.isin(values, (0, 1)).all():
        shown = ", ".join(f"{value} ({count} times)" for value, count in list(zip(values, counts, strict=True))[:10])
        raise InputError(f"label {label_key!r} of split {split!r} must be 0 or 1, and is {shown}")
    if rows.weights is not None:
        values = np.unique(rows.labels[rows.weights > 0])
    if len(values) < 2:
        raise InputError(
            f"all {len(rows)} labels ({label_key!r}) of split {split!r} are {values[0]}: a model can neither be "
            "trained nor evaluated on one class. Use more rows, another window, or check the label rule in the "
            "preprocessing module"
        )


def _check_ids(columns: Columns, features: Sequence[Feature], split: str) -> None:
    for feature in features:
        if feature.size is None:
            continue
        outside = (columns[feature.name] < 0) | (columns[feature.name] >= feature.size)
        if outside.any():
            raise InputError(
                f"feature {feature.name!r} of split {split!r} has ids outside 0 to {feature.size - 1} in "
                f"{int(outside.sum())} rows, for example {columns[feature.name][outside][0]}, where the transformed "
                "schema allows none: check the range that the preprocessing function gives it"
            )


def row_order(rows: int, steps: int, batch_size: int, seed: int) -> Any:
    """Lay out which rows each step takes: every row once, in random order, before any row comes again.

    Args:
        rows: How many there are.
        steps: Number of batches.
        batch_size: Rows a batch; of several workers, of all of them together.
        seed: Of the order.

    Returns:
        Row numbers, int64, shape (steps, batch_size).
    """
    random = np.random.default_rng(seed)
    epochs = -(-steps * batch_size // rows)
    order = np.concatenate([random.permutation(rows) for _ in range(epochs)])
    return order[: steps * batch_size].reshape(steps, batch_size)
