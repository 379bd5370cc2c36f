"""Write the state of training every so many steps, and go on from there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from pipeline_tools.errors import InputError

_IDENTITY = "training.json"
_KEPT = 2


@dataclass(frozen=True)
class CheckpointOptions:
    """Where checkpoints go, and how often.

    Attributes:
        directory: A path, or ``gs://bucket/path``.
        every: Steps between two.
    """

    directory: str
    every: int


class Checkpoints:
    """The checkpoints of one training.

    Args:
        options: Where they go, and how often.
        identity: What tells this training from others. Another training's checkpoints are refused, not restored.

    Raises:
        InputError: The directory holds the checkpoints of another training.
    """

    def __init__(self, options: CheckpointOptions, identity: dict[str, Any]) -> None:
        self.every = options.every
        self._directory = options.directory.rstrip("/")
        self._identity = json.dumps(identity, indent=2, sort_keys=True)
        self._manager: tf.train.CheckpointManager | None = None
        self._step: Any = None
        path = f"{self._directory}/{_IDENTITY}"
        if tf.io.gfile.exists(path):
            with tf.io.gfile.GFile(path) as file:
                before = json.loads(file.read())
            changed = sorted(name for name in {*before, *identity} if before.get(name) != identity.get(name))
            if changed:
                raise InputError(
                    f"{self._directory} holds checkpoints of a training with other {', '.join(changed)}: name another "
                    "directory, or remove it"
                )

    def restore(self, variables: Sequence[Any]) -> int:
        """Restore the newest checkpoint.

        Args:
            variables: Keras variables of the model and its optimizers, always in the same order.

        Returns:
            How many steps are done; 0 where there is no checkpoint.
        """
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        checkpoint = tf.train.Checkpoint(step=self._step, state=[variable.value for variable in variables])
        # Made now, by all workers alike: a variable that one of them makes later would be waited for by the others.
        _ = checkpoint.save_counter
        self._manager = tf.train.CheckpointManager(checkpoint, self._directory, max_to_keep=_KEPT)
        newest = self._manager.latest_checkpoint
        if not newest:
            return 0
        checkpoint.restore(newest).assert_existing_objects_matched()
        done = int(self._step.numpy())
        print(f"goes on after step {done}, from {newest}", flush=True)  # noqa: T201
        return done

    def save(self, step: int) -> None:
        """Write a checkpoint, whole or not at all; the newest two are kept.

        Args:
            step: How many steps are done.
        """
        assert self._manager is not None, "restore comes first"
        path = f"{self._directory}/{_IDENTITY}"
        if not tf.io.gfile.exists(path):
            tf.io.gfile.makedirs(self._directory)
            with tf.io.gfile.GFile(path, "w") as file:
                file.write(self._identity)
        self._step.assign(step)
        self._manager.save(checkpoint_number=step)
