"""The wide & deep model: a linear part over the categories, a deep one over the numbers and small embeddings.

After Cheng et al., "Wide & Deep Learning for Recommender Systems", 2016 (arXiv:1606.07792): the wide part is trained by
FTRL, the deep part by Adagrad, both on one loss summed over the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from components.training.features import Feature
from pipeline_tools.errors import InputError

EMBEDDING_SIZE = 4


class WideAndDeep(keras.Model):
    """Probability of label 1 from numbers and categories.

    Args:
        features: What the model takes: a dictionary of tensors of shape (batch,).
        hidden_units: Units of each hidden layer of the deep part.
        seed: Of the initial weights.
    """

    def __init__(self, features: Sequence[Feature], hidden_units: Sequence[int], seed: int) -> None:
        super().__init__()
        self.numbers = [feature.name for feature in features if not feature.is_category]
        self.categories = {feature.name: feature.size or 0 for feature in features if feature.is_category}
        starts = [0]
        for size in self.categories.values():
            starts.append(starts[-1] + size)
        # All categories share one table each for the wide and the deep part; a category's ids begin at its start.
        self.starts = starts[:-1]
        self.wide = keras.layers.Embedding(max(starts[-1], 1), 1, embeddings_initializer="zeros", name="wide")
        self.embedding = keras.layers.Embedding(
            max(starts[-1], 1),
            EMBEDDING_SIZE,
            embeddings_initializer=keras.initializers.RandomUniform(-0.05, 0.05, seed=seed),
            name="embedding",
        )
        self.hidden = [
            keras.layers.Dense(
                units,
                activation="relu",
                kernel_initializer=keras.initializers.GlorotUniform(seed=seed + at + 1),
                name=f"hidden_{at}",
            )
            for at, units in enumerate(hidden_units)
        ]
        self.head = keras.layers.Dense(
            1, kernel_initializer=keras.initializers.GlorotUniform(seed=seed + len(hidden_units) + 1), name="head"
        )

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Score a batch.

        Args:
            inputs: One tensor of shape (batch,) a feature.
            training: Makes no difference to this model.

        Returns:
            Probabilities, float32, shape (batch, 1).
        """
        del training
        parts = [tf.stack([inputs[name] for name in self.numbers], axis=1)] if self.numbers else []
        logit = tf.constant(0.0)
        if self.categories:
            ids = tf.stack([inputs[name] for name in self.categories], axis=1) + tf.constant(self.starts, tf.int64)
            logit = tf.reduce_sum(self.wide(ids), axis=1)
            parts.append(tf.reshape(self.embedding(ids), [-1, len(self.categories) * EMBEDDING_SIZE]))
        deep = tf.concat(parts, axis=1)
        for layer in self.hidden:
            deep = layer(deep)
        return tf.sigmoid(logit + self.head(deep))

    def compile_parts(self, learning_rate: float, wide_learning_rate: float) -> None:
        """Give each part its optimizer.

        Args:
            learning_rate: Of Adagrad, for the deep part.
            wide_learning_rate: Of FTRL, for the wide part.
        """
        self.compile(optimizer=keras.optimizers.Adagrad(learning_rate))
        self.wide_optimizer = keras.optimizers.Ftrl(wide_learning_rate)

    def build_optimizers(self) -> list[keras.optimizers.Optimizer]:
        """Make the variables of both optimizers; several workers need them before the first step.

        Returns:
            Both.
        """
        wide, deep = self._parts()
        self.wide_optimizer.build(wide)
        self.optimizer.build(deep)
        return [self.wide_optimizer, self.optimizer]

    def _parts(self) -> tuple[list[keras.Variable], list[keras.Variable]]:
        wide = self.wide.trainable_variables
        return wide, [variable for variable in self.trainable_variables if all(variable is not each for each in wide)]

    def train_step(self, data: tuple[Any, ...]) -> dict[str, tf.Tensor]:
        """Train on one batch.

        Args:
            data: The features; the labels, float32 of shape (batch, 1); and weights of shape (batch,), if there are.

        Returns:
            ``loss``: the mean log loss of the batch before the step, in nats.
        """
        inputs, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            scores = self(inputs, training=True)
            losses = keras.losses.binary_crossentropy(labels, scores)
            if weights is not None:
                losses *= weights
            total = tf.reduce_sum(losses)  # a sum, so that the workers' gradients add up to that of the whole batch
        wide, deep = self._parts()
        gradients = tape.gradient(total, wide + deep)
        self.wide_optimizer.apply(gradients[: len(wide)], wide)
        self.optimizer.apply(gradients[len(wide) :], deep)
        return {"loss": tf.reduce_mean(losses)}


def build_model(
    features: Sequence[Feature],
    *,
    seed: int,
    hidden_units: Sequence[int] = (100, 70, 50, 25),
    learning_rate: float = 0.02,
    wide_learning_rate: float = 0.02,
) -> keras.Model:
    """Build the compiled model, as the `train` component asks for it.

    What comes after ``seed`` are the hyperparameters of the workflows.

    Args:
        features: What the model takes.
        seed: Of the initial weights.
        hidden_units: Units of each hidden layer of the deep part.
        learning_rate: Of Adagrad, for the deep part.
        wide_learning_rate: Of FTRL, for the wide part.

    Returns:
        A model whose ``train_step`` trains both parts.

    Raises:
        InputError: A hyperparameter is out of range.
    """
    for name, rate in (("learning_rate", learning_rate), ("wide_learning_rate", wide_learning_rate)):
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not rate > 0:
            raise InputError(f"hyperparameters.{name}={rate!r}: must be a number over 0")
    layers = isinstance(hidden_units, (list, tuple)) and all(type(each) is int and each > 0 for each in hidden_units)
    if not layers:
        wanted = "must be a list of whole numbers over 0, for example [100, 50]"
        raise InputError(f"hyperparameters.hidden_units={hidden_units!r}: {wanted}")
    model = WideAndDeep(features, hidden_units, seed)
    model.compile_parts(learning_rate, wide_learning_rate)
    return model
