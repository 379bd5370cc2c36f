"""One process's part of a training: build the model, train it, and as the first worker evaluate and export it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2

from components.lib.artifacts.examples import read_schema
from components.lib.artifacts.labels import check_weight_column
from components.lib.artifacts.model_columns import ModelColumns, safe_names
from components.lib.artifacts.transform_graph import TransformGraph
from components.lib.modules import load_attribute
from components.lib.stats.scores import auc, log_losses
from components.training import data, loop
from components.training.checkpoints import CheckpointOptions, Checkpoints
from components.training.checks import check_model, check_scores
from components.training.data import Array, Rows
from components.training.export import Exporter
from components.training.features import Feature, model_features
from components.training.hyperparameters import check_hyperparameters
from components.training.request import Request
from pipeline_tools.errors import InputError
from pipeline_tools.paths import atomic_path


@dataclass(frozen=True)
class TrainingPlan:
    """A request with what it names.

    Attributes:
        request: Checked.
        schema: Of the raw examples.
        output: The transform graph's output.
        features: What the model sees.
        build: Builds the model, with the same weights each time.
    """

    request: Request
    schema: schema_pb2.Schema
    output: tft.TFTransformOutput
    features: list[Feature]
    build: Callable[[], keras.Model]

    @cached_property
    def columns(self) -> ModelColumns:
        """Raw columns that the features and the label follow from.

        Found when first asked for: loading the transform graph starts TensorFlow, and with several workers the strategy
        must come before.
        """
        graph = TransformGraph(self.output)
        needed = graph.source_columns([feature.name for feature in self.features])
        label_key = self.request.label_key
        return ModelColumns(label_key, graph.source_columns([label_key]), safe_names(needed))

    def load(self, split: str) -> Rows:
        """Read the labelled rows of a split.

        Args:
            split: ``train`` or ``eval``.

        Raises:
            InputError: As `components.training.data.load`.
        """
        return data.load(
            self.output,
            self.request.examples,
            self.request.transformed_examples,
            split,
            self.request.label_key,
            features=self.features,
            label_columns=self.columns.label_columns,
            weight_key=self.request.weight_key,
        )


def make_plan(request: Request) -> TrainingPlan:
    """Load what a request names.

    Args:
        request: Checked.

    Returns:
        The plan.

    Raises:
        InputError: The module has no ``build_model``, it does not accept the hyperparameters, the features are not such
            as a model can take, or there is no column ``weight_key``.
    """
    build_model = load_attribute(request.model_module, "build_model", "model_module")
    check_hyperparameters(build_model, request.hyperparameters, request.model_module)
    schema = read_schema(request.examples)
    output = tft.TFTransformOutput(request.transform_graph)
    features = model_features(output.transformed_metadata.schema, request.label_key)
    check_weight_column(schema, request.weight_key, f"weight_key={request.weight_key}")

    def build() -> keras.Model:
        keras.utils.set_random_seed(request.seed)
        model: keras.Model = build_model(features, seed=request.seed, **request.hyperparameters)
        return model

    return TrainingPlan(request, schema, output, features, build)


def check_for_workers(plan: TrainingPlan) -> None:
    """Check that a model can be trained by several workers, as far as that can be seen without training it.

    Args:
        plan: What is to be trained.

    Raises:
        InputError: It has a step of its own, and does not say which optimizers that uses.
    """
    network = plan.build()
    if type(network).train_step is not keras.Model.train_step and not hasattr(network, "build_optimizers"):
        raise InputError(
            f"model_module={plan.request.model_module}: {type(network).__name__} has a train_step of its own. For "
            "workers > 1 it also needs build_optimizers(self), which makes the optimizers' variables and returns the "
            "optimizers (components/training/README.md)"
        )


def join_workers(workers: int) -> tf.distribute.Strategy:
    """Connect this process with the other workers; TensorFlow allows that only before its first operation.

    Args:
        workers: How many there are. More than one need ``TF_CONFIG``.

    Returns:
        The strategy that they share; of one alone, TensorFlow's default one.
    """
    return tf.distribute.MultiWorkerMirroredStrategy() if workers > 1 else tf.distribute.get_strategy()


def train_in_process(
    plan: TrainingPlan,
    model: str,
    *,
    worker: int = 0,
    workers: int = 1,
    strategy: tf.distribute.Strategy | None = None,
    checkpoints: CheckpointOptions | None = None,
) -> dict[str, float]:
    """Train in this process, alone or with others.

    Args:
        plan: What to train.
        model: Directory or ``gs://`` prefix to write; only worker 0 does.
        worker: Which one this is.
        workers: How many there are.
        strategy: Of several, as `join_workers` made it before the plan was made.
        checkpoints: Where to resume from and to write to.

    Returns:
        Metrics, as `components.training.fit.fit` describes them; empty of other workers than the first.

    Raises:
        InputError: The labels cannot be learned, the loss is not a number, or the model's step is not one that workers
            can share.
    """
    request = plan.request
    strategy = strategy or join_workers(workers)
    rows = plan.load("train")
    evaluated = worker == 0 and (Path(request.transformed_examples) / "eval").is_dir()
    eval_rows = plan.load("eval") if evaluated else None
    order = data.row_order(len(rows), request.steps(len(rows)), request.batch_size, request.seed)

    # The first worker's own copy of the model, which knows nothing of workers, is what is exported.
    served = plan.build() if worker == 0 else None
    exporter = _check(plan, served, rows) if served else None

    # Of the same rows, as far as a glance tells.
    identity = {**request.identity(), "train_examples": len(rows), "positive_examples": int(rows.labels.sum())}
    rehearsed = loop.first_step(plan.build(), rows, order) if worker == 0 and workers > 1 else None
    with strategy.scope():
        network = served if served and workers == 1 else plan.build()
        train_loss = loop.train(
            network,
            rows,
            order,
            worker=worker,
            workers=workers,
            checkpoints=Checkpoints(checkpoints, identity) if checkpoints else None,
            rehearsed=rehearsed,
        )
    metrics = {
        "train_steps": float(len(order)),
        "train_epochs": order.size / len(rows),
        "train_examples": float(len(rows)),
        "train_unlabelled": float(rows.unlabelled),
        "train_loss": train_loss,
    }
    if served and exporter:
        if workers > 1:
            served.set_weights(network.get_weights())
        metrics = _finish(plan, served, exporter, metrics, rows, eval_rows, model)
    if workers > 1:
        with strategy.scope():
            loop.wait_for_all()  # a worker that left early would look like a lost one to those that still work
    return {} if worker else metrics


def _check(plan: TrainingPlan, network: keras.Model, rows: Rows) -> Exporter:
    """Look at an untrained model, and see that it can be exported."""
    module_name = plan.request.model_module
    check_model(network, rows, module_name)
    names = [feature.name for feature in plan.features]
    exporter = Exporter(network, names, plan.output, plan.schema, plan.columns, module_name)
    exporter.check()
    return exporter


def _finish(
    plan: TrainingPlan,
    network: keras.Model,
    exporter: Exporter,
    metrics: dict[str, float],
    rows: Rows,
    eval_rows: Rows | None,
    model: str,
) -> dict[str, float]:
    about = f"model_module={plan.request.model_module}: the trained model"
    for sample in (rows.select(slice(loop.SCORED)), eval_rows):
        if sample:
            scores = loop.predict(network, sample.columns)
            check_scores(scores, len(sample), about)
    if eval_rows:
        metrics = {**metrics, **_evaluate(eval_rows, scores[:, 0])}
    print(", ".join(f"{name} {value:.6g}" for name, value in metrics.items()), flush=True)  # noqa: T201
    with atomic_path(model) as directory:
        exporter.write(directory)
    return metrics


def _evaluate(rows: Rows, scores: Array) -> dict[str, float]:
    hits = (scores > 0.5) == (rows.labels > 0.5)
    return {
        "eval_examples": float(len(rows)),
        "eval_unlabelled": float(rows.unlabelled),
        "eval_log_loss": float(np.average(log_losses(rows.labels, scores), weights=rows.weights)),
        "eval_accuracy": float(np.average(hits, weights=rows.weights)),
        "eval_auc": auc(rows.labels, scores, rows.weights),
    }
