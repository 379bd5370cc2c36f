"""Write a trained model as a SavedModel that takes raw rows: the transform graph goes inside."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2

from components.lib.artifacts.examples import feature_spec
from components.lib.artifacts.model_columns import RAW_SIGNATURE, ModelColumns, rename_inputs, write_model_columns
from components.lib.modules import where
from pipeline_tools.errors import InputError

SIGNATURE, TRANSFORM = "serving_default", "transform_features"
"""The signatures that take serialized examples: what the model predicts, and what it sees."""

OUTPUT = "probability"
"""What the serving signatures call their output: the probability of label 1, float32, shape (batch, 1)."""


class Exporter:
    """A model with its signatures, which are traced once: to see that it can be exported, and to export it.

    The signatures are ``serving_default`` (``examples``: serialized ``tf.Example``s, shape (batch,)), ``serving_raw``
    (one tensor of shape (batch, 1) for each raw column that the features need, by name), both returning
    ``probability``; and ``transform_features`` (``examples`` again), returning every transformed feature and the label.

    Args:
        network: The model, called once; what counts are its weights when it is written.
        features: Names of the transformed features that it takes.
        transform: The transform graph.
        schema: Of the raw columns.
        columns: Which raw columns the features and the label follow from.
        module_name: The model's module, which errors mention.
    """

    def __init__(
        self,
        network: keras.Model,
        features: Sequence[str],
        transform: tft.TFTransformOutput,
        schema: schema_pb2.Schema,
        columns: ModelColumns,
        module_name: str,
    ) -> None:
        self._columns = columns
        self._module_name = module_name
        spec = feature_spec(schema)
        layer = transform.transform_features_layer()

        module = tf.Module()
        # What the module holds travels with it: the weights (not the Keras model, which would add a signature that
        # guesses its input types), and the transform layer with its vocabularies.
        module.weights = [variable.value for variable in network.variables]
        module.transform = layer

        def score(raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            transformed = layer(raw)
            return {OUTPUT: network({name: transformed[name] for name in features}, training=False)}

        serialized = tf.TensorSpec([None], tf.string, name="examples")
        needed = columns.inputs

        @tf.function(input_signature=[serialized], autograph=False)
        def serving_default(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            return score(tf.io.parse_example(examples, {name: spec[name] for name in needed.values()}))

        @tf.function(input_signature=[serialized], autograph=False)
        def transform_features(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            return dict(layer(tf.io.parse_example(examples, spec)))

        @tf.function(
            input_signature=[
                {safe: tf.TensorSpec([None, 1], spec[name].dtype, name=safe) for safe, name in needed.items()}
            ],
            autograph=False,
        )
        def serving_raw(raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            return score({needed[safe]: tf.squeeze(column, 1) for safe, column in raw.items()})

        module.serving_default = serving_default
        module.transform_features = transform_features
        module.serving_raw = serving_raw
        self._module = module
        self._signatures: dict[str, Any] = {
            SIGNATURE: serving_default,
            RAW_SIGNATURE: serving_raw,
            TRANSFORM: transform_features,
        }

    def check(self) -> None:
        """See that the model can be exported, before time is spent on training it.

        Raises:
            InputError: It cannot.
        """
        with tempfile.TemporaryDirectory() as directory:
            self.write(directory)

    def write(self, directory: str) -> None:
        """Write the SavedModel.

        Args:
            directory: Where to write.

        Raises:
            InputError: The model cannot be exported.
        """
        try:
            tf.saved_model.save(self._module, directory, signatures=self._signatures)
        except tf.errors.OpError:
            raise  # the disk or the bucket, and not the model
        except Exception as error:
            lines = [line for line in str(error).splitlines() if line.strip()] or [""]
            raise InputError(
                f"model_module={self._module_name}: the model cannot be exported as a SavedModel ({where(error)}): "
                f"{type(error).__name__}: {' '.join(lines[:3])}. What its call uses besides the weights must be "
                "made of TensorFlow operations, and come from the features"
            ) from error
        rename_inputs(directory, RAW_SIGNATURE, self._columns.inputs)
        write_model_columns(directory, self._columns)
