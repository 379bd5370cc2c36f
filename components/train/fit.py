"""Train a Keras model on transformed examples and export it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from components.errors import InputError
from components.examples import read_schema
from components.modules import load_attribute
from components.outputs import whole_directory
from components.scores import accuracy, auc, log_losses
from components.train.export import export
from components.train.features import model_features

REPORTS = 10
"""How often progress is told."""

Columns = dict[str, np.ndarray[Any, Any]]


def fit(
    examples: str,
    transformed_examples: str,
    transform_graph: str,
    model_module: str,
    *,
    label_key: str,
    model: str,
    train_steps: int = 1000,
    batch_size: int = 40,
    hidden_units: list[int] | None = None,
    learning_rate: float = 0.02,
    wide_learning_rate: float = 0.02,
    seed: int = 1,
) -> dict[str, float]:
    """Train a model and write it as a SavedModel.

    Args:
        examples: Directory of an `examples` artifact; its schema says what the model is served with.
        transformed_examples: Directory of a `transformed_examples` artifact. Without an eval split the model is
            trained and not judged.
        transform_graph: Directory of a `transform_graph` artifact.
        model_module: Path or dotted name of a module with ``build_model(features, *, hidden_units, learning_rate,
            wide_learning_rate, seed)`` that returns a compiled ``keras.Model``. The model takes a dictionary of tensors
            of shape (batch,) and returns the probability of label 1, shape (batch, 1).
        label_key: The label among the transformed features: 0 or 1.
        model: Directory to write.
        train_steps: Number of batches to train on.
        batch_size: Examples a batch.
        hidden_units: Units of each hidden layer; default ``[100, 70, 50, 25]``.
        learning_rate: Of the deep part.
        wide_learning_rate: Of the wide part.
        seed: Of the initial weights and of the order of examples.

    Returns:
        Metrics: ``train_steps``, ``train_examples``, ``train_loss`` (of the last steps), and of the eval split
        ``eval_examples``, ``eval_log_loss``, ``eval_accuracy`` (at 0.5), ``eval_auc``.

    Raises:
        InputError: A parameter is out of range, the module has no ``build_model``, or the labels are not 0 and 1,
            both of them in both splits.
    """
    for name, value in {"train_steps": train_steps, "batch_size": batch_size}.items():
        if value < 1:
            raise InputError(f"{name}={value}: must be at least 1")
    for name, rate in {"learning_rate": learning_rate, "wide_learning_rate": wide_learning_rate}.items():
        if not rate > 0:
            raise InputError(f"{name}={rate}: must be over 0")
    units = [100, 70, 50, 25] if hidden_units is None else hidden_units
    if not all(isinstance(unit, (int, float)) and unit > 0 and float(unit).is_integer() for unit in units):
        raise InputError(f"hidden_units={units}: must be a list of whole numbers over 0, for example [100, 50]")
    units = [int(unit) for unit in units]  # inside a list kfp.local knows one kind of number, and hands over 100.0
    build_model = load_attribute(model_module, "build_model", "model_module")

    output = tft.TFTransformOutput(transform_graph)
    features = model_features(output.transformed_metadata.schema, label_key)
    train_x, train_y = _load(output, transformed_examples, "train", label_key)
    judged = (Path(transformed_examples) / "eval").is_dir()
    held_out = _load(output, transformed_examples, "eval", label_key) if judged else None

    keras.utils.set_random_seed(seed)
    network = build_model(
        features,
        hidden_units=units,
        learning_rate=learning_rate,
        wide_learning_rate=wide_learning_rate,
        seed=seed,
    )
    train_loss = _train(network, train_x, train_y, train_steps, batch_size, seed)
    metrics = {"train_steps": float(train_steps), "train_examples": float(len(train_y)), "train_loss": train_loss}
    if held_out:
        eval_x, eval_y = held_out
        scores = _predict(network, eval_x)
        metrics |= {
            "eval_examples": float(len(eval_y)),
            "eval_log_loss": float(log_losses(eval_y, scores).mean()),
            "eval_accuracy": accuracy(eval_y, scores),
            "eval_auc": auc(eval_y, scores),
        }
    print(", ".join(f"{name} {value:.6g}" for name, value in metrics.items()), flush=True)  # noqa: T201
    with whole_directory(model) as directory:
        export(network, [feature.name for feature in features], output, read_schema(examples), str(directory))
    return metrics


def _load(output: tft.TFTransformOutput, directory: str, split: str, label_key: str) -> tuple[Columns, Any]:
    """Read a whole split into memory as columns: parsing once makes a step ten times cheaper than a tf.data input."""
    paths = sorted(str(path) for path in (Path(directory) / split).glob("*.tfrecord.gz"))
    if not paths:
        raise InputError(f"{directory}: no transformed examples of split {split!r}")
    spec = output.transformed_feature_spec()
    batches: Iterator[dict[str, tf.Tensor]] = iter(
        tf.data.TFRecordDataset(paths, "GZIP").batch(10_000).map(lambda rows: tf.io.parse_example(rows, spec))
    )
    parts = [{name: value.numpy() for name, value in batch.items()} for batch in batches]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in spec}
    labels = columns.pop(label_key)
    values, counts = np.unique(labels, return_counts=True)
    found = ", ".join(f"{value} ({count} times)" for value, count in zip(values, counts, strict=True))
    if not np.isin(values, (0, 1)).all():
        raise InputError(f"label {label_key!r} of split {split!r} must be 0 or 1, and is {found}")
    if len(values) < 2:
        raise InputError(
            f"all {len(labels)} labels ({label_key!r}) of split {split!r} are {values[0]}: nothing can be learned or "
            "judged. Take more rows, another window, or look at the label rule in the preprocessing module"
        )
    return columns, labels.astype(np.float32)


def _row_order(rows: int, steps: int, batch_size: int, seed: int) -> Any:
    """Lay out which rows each step takes: every row once, in random order, before any row comes again."""
    random = np.random.default_rng(seed)
    epochs = -(-steps * batch_size // rows)
    order = np.concatenate([random.permutation(rows) for _ in range(epochs)])
    return order[: steps * batch_size].reshape(steps, batch_size)


def _train(network: keras.Model, columns: Columns, labels: Any, steps: int, batch_size: int, seed: int) -> float:
    order = _row_order(len(labels), steps, batch_size, seed)
    inputs = {name: tf.constant(column) for name, column in columns.items()}
    targets = tf.constant(labels[:, None])
    network({name: column[:1] for name, column in inputs.items()})  # makes the weights

    # One graph that runs many steps: the cost of a call from Python is paid once a report, not once a step.
    @tf.function(input_signature=[tf.TensorSpec([None, batch_size], tf.int64)])
    def run(chunk: tf.Tensor) -> tf.Tensor:
        total = tf.constant(0.0)
        for at in tf.range(tf.shape(chunk)[0]):
            rows = chunk[at]
            batch = {name: tf.gather(column, rows) for name, column in inputs.items()}
            total += network.train_step((batch, tf.gather(targets, rows)))["loss"]
        return total / tf.cast(tf.shape(chunk)[0], tf.float32)

    started = time.perf_counter()
    loss = float("nan")
    size = -(-steps // REPORTS)
    for start in range(0, steps, size):
        for metric in network.metrics:  # some of them average over all steps since their last reset
            metric.reset_state()
        chunk = order[start : start + size]
        loss = float(run(tf.constant(chunk)))
        if not np.isfinite(loss):
            raise InputError(f"the loss is {loss} after step {start + len(chunk)}: lower the learning rates")
        seconds = time.perf_counter() - started
        print(f"step {start + len(chunk)} of {steps}: loss {loss:.4f} ({seconds:.1f} s)", flush=True)  # noqa: T201
    return loss


def _predict(network: keras.Model, columns: Columns, batch_size: int = 10_000) -> Any:
    call = tf.function(lambda batch: network(batch, training=False))
    rows = len(next(iter(columns.values())))
    parts = []
    for start in range(0, rows, batch_size):
        batch = {name: tf.constant(column[start : start + batch_size]) for name, column in columns.items()}
        parts.append(call(batch).numpy()[:, 0])
    return np.concatenate(parts)
