"""What is to be trained, and by how many."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline_tools.errors import InputError


@dataclass(frozen=True)
class Request:
    """What is to be trained.

    Attributes:
        examples: Directory of an `examples` artifact; its schema says what the model is served with.
        transformed_examples: Directory of a `transformed_examples` artifact.
        transform_graph: Directory of a `transform_graph` artifact.
        model_module: Path or dotted name of a module with ``build_model(features, *, seed, **hyperparameters)`` that
            returns a compiled ``keras.Model``. The model takes a dictionary of tensors of shape (batch,) and returns
            the probability of label 1, shape (batch, 1). With several workers its ``train_step`` runs in each of them
            on a share of the batch, and the optimizers add up the gradients: they must be those of a loss summed over
            the rows, or of its mean divided by the number of replicas (Keras's own ``train_step`` does that). A model
            with a ``train_step`` of its own then also has ``build_optimizers()``, which makes the optimizers' variables
            and returns the optimizers.
        label_key: The label among the transformed features.
        train_steps: Number of batches to train on; 0 where ``train_epochs`` says how long.
        batch_size: Examples a batch; of several workers, of all of them together.
        hyperparameters: Further arguments of ``build_model``, by name.
        seed: Of the initial weights and of the order of examples.
        train_epochs: How often to go through the train rows; 0 where ``train_steps`` says how long.
        weight_key: Raw column that weighs the examples; empty where all count alike.
    """

    examples: str
    transformed_examples: str
    transform_graph: str
    model_module: str
    label_key: str
    train_steps: int = 1000
    batch_size: int = 40
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 1
    train_epochs: int = 0
    weight_key: str = ""

    def checked(self) -> Request:
        """Check the numbers.

        Returns:
            The same, whole numbers among the hyperparameters as ``int``.

        Raises:
            InputError: One is out of range.
        """
        for name, least in (("train_steps", 0), ("train_epochs", 0), ("batch_size", 1)):
            _at_least(least, name, getattr(self, name))
        if bool(self.train_steps) == bool(self.train_epochs):
            raise InputError(
                f"train_steps={self.train_steps} and train_epochs={self.train_epochs}: one of them says how long to "
                "train, and must be at least 1; set the other to 0"
            )
        return dataclasses.replace(self, hyperparameters=_with_whole_numbers(self.hyperparameters))

    def steps(self, rows: int) -> int:
        """Count the batches to train on.

        Args:
            rows: How many train rows have a label.
        """
        return self.train_steps or -(-self.train_epochs * rows // self.batch_size)

    def identity(self) -> dict[str, Any]:
        """Give what tells this training from others, wherever its inputs are. Only more steps may follow."""
        others = ("examples", "transformed_examples", "transform_graph", "train_steps", "train_epochs")
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in others}


@dataclass(frozen=True)
class Workers:
    """By how many it is trained, and what happens when one of them is lost.

    Attributes:
        workers: How many processes train together, each on its share of every batch.
        pss: Parameter servers; must be 0.
        checkpoint_dir: Where checkpoints go; empty: a directory that lasts as long as the step.
        checkpoint_steps: Steps between two checkpoints.
        max_restarts: How often the workers are started again when one is lost.
    """

    workers: int = 1
    pss: int = 0
    checkpoint_dir: str = ""
    checkpoint_steps: int = 200
    max_restarts: int = 3

    def check(self, batch_size: int) -> None:
        """Check the numbers.

        Args:
            batch_size: Of the request.

        Raises:
            InputError: One is out of range, or the workers cannot share the batch evenly.
        """
        if self.pss:
            raise InputError(
                f"pss={self.pss}: Keras 3 trains with no parameter servers; set pss=0, and let workers={self.workers} "
                "or more train together: each holds all weights, and they add up their gradients"
            )
        _at_least(1, "workers", self.workers)
        _at_least(1, "checkpoint_steps", self.checkpoint_steps)
        _at_least(0, "max_restarts", self.max_restarts)
        if batch_size % self.workers:
            raise InputError(
                f"batch_size={batch_size}: {self.workers} workers cannot share it evenly; give a multiple of workers, "
                f"for example {-(-batch_size // self.workers) * self.workers}"
            )


def _with_whole_numbers(value: Any) -> Any:
    """Give whole numbers as such: in a mapping or a list, KFP has one kind of number only, and hands over 100.0."""
    if isinstance(value, Mapping):
        return {key: _with_whole_numbers(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_whole_numbers(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _at_least(least: int, name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name}={value}: must be at least {least}")
