"""One process's part of a training: build the model, train it, and as the first worker judge and export it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from components.lib.artifacts.examples import read_schema
from components.lib.modules import load_attribute
from components.lib.stats.scores import accuracy, auc, log_losses
from components.training import loop
from components.training.checkpoints import Checkpoints, Place
from components.training.data import Columns, load, row_order
from components.training.export import export
from components.training.features import Feature, model_features
from components.training.request import Request
from pipeline_tools.errors import InputError
from pipeline_tools.paths import atomic_path


@dataclass(frozen=True)
class Plan:
    """A request with what it names: the transform graph's output, its features, and how the model is built."""

    request: Request
    output: tft.TFTransformOutput
    features: list[Feature]
    build: Callable[[], keras.Model]


def make_plan(request: Request) -> Plan:
    """Load what a request names.

    Args:
        request: Checked.

    Returns:
        The plan; its ``build`` gives a model with the same weights each time.

    Raises:
        InputError: The module has no ``build_model``, or the features are not such as a model can take.
    """
    build_model = load_attribute(request.model_module, "build_model", "model_module")
    output = tft.TFTransformOutput(request.transform_graph)
    features = model_features(output.transformed_metadata.schema, request.label_key)

    def build() -> keras.Model:
        keras.utils.set_random_seed(request.seed)
        return build_model(
            features,
            hidden_units=request.hidden_units,
            learning_rate=request.learning_rate,
            wide_learning_rate=request.wide_learning_rate,
            seed=request.seed,
        )

    return Plan(request, output, features, build)


def check_for_workers(plan: Plan) -> None:
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


def train_here(
    plan: Plan, model: str, *, worker: int = 0, workers: int = 1, checkpoints: Place | None = None
) -> dict[str, float]:
    """Train in this process, alone or with others.

    Args:
        plan: What to train.
        model: Directory or ``gs://`` prefix to write; only worker 0 does.
        worker: Which one this is.
        workers: How many there are. More than one need ``TF_CONFIG``.
        checkpoints: Where to resume from and to write to.

    Returns:
        Metrics, as `components.training.fit.fit` tells them; empty of other workers than the first.

    Raises:
        InputError: The labels cannot be learned, the loss is no number, or the model's step is not one that workers
            can share.
    """
    request = plan.request
    # Made before anything else is: it opens the way to the other workers.
    strategy = tf.distribute.MultiWorkerMirroredStrategy() if workers > 1 else tf.distribute.get_strategy()
    columns, labels = load(plan.output, request.transformed_examples, "train", request.label_key)
    judged = worker == 0 and (Path(request.transformed_examples) / "eval").is_dir()
    held_out = load(plan.output, request.transformed_examples, "eval", request.label_key) if judged else None
    order = row_order(len(labels), request.train_steps, request.batch_size, request.seed)

    # Of the same rows, as far as a glance tells.
    facts = {**request.facts(), "train_examples": len(labels), "positive_examples": int(labels.sum())}
    rehearsed = loop.first_step(plan.build(), columns, labels, order) if worker == 0 and workers > 1 else None
    with strategy.scope():
        network = plan.build()
        train_loss = loop.train(
            network,
            columns,
            labels,
            order,
            worker=worker,
            workers=workers,
            checkpoints=Checkpoints(checkpoints, facts) if checkpoints else None,
            rehearsed=rehearsed,
        )
    if workers > 1:
        metrics = (
            _finish(plan, _alone(plan, network, columns), train_loss, len(labels), held_out, model)
            if not worker
            else {}
        )
        with strategy.scope():
            loop.meet()  # a worker that left early would look like a lost one to those that still work
        return metrics
    return _finish(plan, network, train_loss, len(labels), held_out, model)


def _finish(
    plan: Plan,
    network: keras.Model,
    train_loss: float,
    rows: int,
    held_out: tuple[Columns, Any] | None,
    model: str,
) -> dict[str, float]:
    request = plan.request
    metrics = {
        "train_steps": float(request.train_steps),
        "train_examples": float(rows),
        "train_loss": train_loss,
        **(_judge(network, *held_out) if held_out else {}),
    }
    print(", ".join(f"{name} {value:.6g}" for name, value in metrics.items()), flush=True)  # noqa: T201
    with atomic_path(model) as place:
        names = [feature.name for feature in plan.features]
        export(network, names, plan.output, read_schema(request.examples), place)
    return metrics


def _alone(plan: Plan, network: keras.Model, columns: Columns) -> keras.Model:
    """Copy a model out of its strategy, so that what is exported knows nothing of workers."""
    copy = plan.build()
    copy({name: tf.constant(column[:1]) for name, column in columns.items()})
    copy.set_weights(network.get_weights())
    return copy


def _judge(network: keras.Model, columns: Columns, labels: Any) -> dict[str, float]:
    scores = loop.predict(network, columns)
    return {
        "eval_examples": float(len(labels)),
        "eval_log_loss": float(log_losses(labels, scores).mean()),
        "eval_accuracy": accuracy(labels, scores),
        "eval_auc": auc(labels, scores),
    }
