"""The training loop: one definition of a step, for one process and for each of several workers."""

from __future__ import annotations

import itertools
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.training.checkpoints import Checkpoints
from components.training.data import Columns, Rows
from pipeline_tools.errors import InputError

REPORTS = 10
"""How often progress is told."""

SCORED = 10_000
"""Rows that are scored at once."""

_TOLERANCE = 0.01
"""Of what a weight moves in a step: sums in another order differ far less, a gradient that is too large far more."""


def optimizers(network: keras.Model) -> list[keras.optimizers.Optimizer]:
    """Make the variables of a model's optimizers, outside its step: inside one, workers could not share them.

    Args:
        network: Compiled, and called once.

    Returns:
        Its optimizers. A model with several says which in ``build_optimizers``.
    """
    if hasattr(network, "build_optimizers"):
        return list(network.build_optimizers())
    network.optimizer.build(network.trainable_variables)
    return [network.optimizer]


def train(
    network: keras.Model,
    data: Rows,
    order: Any,
    *,
    worker: int = 0,
    workers: int = 1,
    checkpoints: Checkpoints | None = None,
    rehearsed: FirstStep | None = None,
) -> float:
    """Train a model, alone or as one of several workers that hold the same weights.

    Called inside the scope of the ``tf.distribute`` strategy that the model was made in. Each worker takes its share of
    the rows of every batch; the optimizers sum the gradients over the workers.

    Args:
        network: The compiled model.
        data: The train rows.
        order: Which rows each step takes, shape (steps, batch size).
        worker: Which one this is.
        workers: How many there are; the batch size is a multiple of it.
        checkpoints: Where to resume from and to write to; only worker 0 writes.
        rehearsed: What the first step does to the weights when one process takes it; the workers' must do the same.

    Returns:
        The mean loss of the last steps.

    Raises:
        InputError: The loss is no longer a number, or the model's step is not one that workers can share.
    """
    strategy = tf.distribute.get_strategy()
    steps, batch_size = order.shape
    share = batch_size // workers
    own = order[:, worker * share : (worker + 1) * share]
    tensors = data.tensors()
    network({name: column[:1] for name, column in tensors.inputs.items()})  # makes the weights

    start = 0
    if workers > 1 or checkpoints:
        variables = [*network.variables]
        for optimizer in optimizers(network):
            variables += optimizer.variables
        start = checkpoints.restore(variables) if checkpoints else 0

    # One graph that runs many steps: the cost of a call from Python is paid once a report, not once a step.
    @tf.function(input_signature=[tf.TensorSpec([None, share], tf.int64)])
    def run(chunk: tf.Tensor) -> tf.Tensor:
        def step(rows: tf.Tensor) -> tf.Tensor:
            return network.train_step(tensors.batch(rows))["loss"]

        total = tf.constant(0.0)
        for at in tf.range(tf.shape(chunk)[0]):
            total += strategy.run(step, args=(chunk[at],))
        return total / tf.cast(tf.shape(chunk)[0], tf.float32)

    started = time.perf_counter()
    loss = float("nan")
    for begin, end in _chunks(steps, start, checkpoints.every if checkpoints else 0, first=workers > 1):
        for metric in network.metrics:  # some of them average over all steps since their last reset
            metric.reset_state()
        mean = run(tf.constant(own[begin:end]))
        loss = float(strategy.reduce(tf.distribute.ReduceOp.MEAN, mean, axis=None) if workers > 1 else mean)
        if not np.isfinite(loss):
            raise InputError(f"the loss is {loss} after step {end}: lower the learning rates")
        if rehearsed and end == 1:
            rehearsed.compare(network)
        if worker == 0:
            seconds = time.perf_counter() - started
            print(f"step {end} of {steps}: loss {loss:.4f} ({seconds:.1f} s)", flush=True)  # noqa: T201
        if checkpoints and worker == 0 and end % checkpoints.every == 0 and end < steps:
            checkpoints.save(end)
    return loss


def _chunks(steps: int, start: int, every: int, *, first: bool) -> list[tuple[int, int]]:
    """Cut the steps where progress is told, where a checkpoint is due, and after the first if that is looked at."""
    size = -(-steps // REPORTS)
    ends = {*range(size, steps, size), *(range(every, steps, every) if every else ()), *([1] if first else []), steps}
    bounds = [start, *sorted(end for end in ends if end > start)]
    return list(itertools.pairwise(bounds))


class FirstStep:
    """What the first step does to the weights when one process takes it.

    Args:
        before: The weights before it.
        after: The weights after it.
    """

    def __init__(self, before: list[Any], after: list[Any]) -> None:
        self._before = before
        self._after = after

    def compare(self, network: keras.Model) -> None:
        """Compare with what the workers' first step did.

        Args:
            network: The workers' model after it.

        Raises:
            InputError: A weight moved by another amount.
        """
        for variable, before, after in zip(network.trainable_variables, self._before, self._after, strict=True):
            moved = float(np.abs(after - before).max())
            off = float(np.abs(variable.numpy() - after).max())
            if off > _TOLERANCE * moved + 1e-7:
                raise InputError(
                    f"{variable.path} moves by up to {moved:.3g} in the first step of one worker, and differs by "
                    f"{off:.3g} in that of several. The optimizers add up the workers' gradients: let train_step take "
                    "the gradient of the loss summed over the rows, or of their mean divided by "
                    "tf.distribute.get_strategy().num_replicas_in_sync, or set workers=1"
                )


def first_step(network: keras.Model, data: Rows, order: Any) -> FirstStep | None:
    """Take the first step in this process, to tell a step that workers can share from one that they cannot.

    Args:
        network: A model of its own, outside the scope of a strategy.
        data: As for `train`.
        order: As for `train`.

    Returns:
        What it did; None of a model with random or averaged state (dropout, batch normalization), whose step differs
        between workers by right.
    """
    tensors = data.select(order[0]).tensors()
    network(tensors.inputs)
    if network.non_trainable_variables or len(network.variables) > len(network.trainable_variables):
        print("the model has state besides its weights: its first step is not compared with one worker's", flush=True)  # noqa: T201
        return None
    before = [variable.numpy() for variable in network.trainable_variables]
    optimizers(network)
    tf.function(network.train_step)(tensors.batch(tf.range(len(order[0]))))
    return FirstStep(before, [variable.numpy() for variable in network.trainable_variables])


def wait_for_all() -> None:
    """Wait until all workers call this; called inside the scope of their strategy."""
    strategy = tf.distribute.get_strategy()
    float(strategy.reduce(tf.distribute.ReduceOp.SUM, tf.constant(1.0), axis=None))


def predict(network: keras.Model, columns: Columns, batch_size: int = SCORED) -> Any:
    """Score rows.

    Args:
        network: The trained model.
        columns: Features, an array of shape (rows,) each.
        batch_size: Rows a call.

    Returns:
        What the model returns, shape (rows, 1) if these are probabilities.
    """
    call = tf.function(lambda batch: network(batch, training=False))
    rows = len(next(iter(columns.values())))
    parts = []
    for start in range(0, rows, batch_size):
        batch = {name: tf.constant(column[start : start + batch_size]) for name, column in columns.items()}
        parts.append(call(batch).numpy())
    return np.concatenate(parts)
