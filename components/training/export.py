"""Write a trained model as a SavedModel that takes raw rows: the transform graph goes inside."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform import graph_tools, tf2_utils

from components.lib.artifacts.examples import feature_spec

OUTPUT = "probability"
"""What the serving signatures call their output: the probability of label 1, float32, shape (batch, 1)."""


def export(
    network: keras.Model,
    features: list[str],
    transform: tft.TFTransformOutput,
    schema: schema_pb2.Schema,
    directory: str,
) -> None:
    """Write the SavedModel.

    Its signatures are ``serving_default`` (``examples``: serialized ``tf.Example``s, shape (batch,)), ``serving_raw``
    (one tensor of shape (batch, 1) for each raw column that the features need, by name), both returning
    ``probability``; and ``transform_features`` (``examples`` again), returning every transformed feature and the label.

    Args:
        network: The trained model.
        features: Names of the transformed features that it takes.
        transform: The transform graph.
        schema: Of the raw columns.
        directory: Where to write.
    """
    spec = feature_spec(schema)
    layer = transform.transform_features_layer()
    needed = _needed_columns(transform, features)

    module = tf.Module()
    # What the module holds travels with it: the weights (not the Keras model, which would add a signature that guesses
    # its input types), and the transform layer with its vocabularies.
    module.weights = [variable.value for variable in network.variables]
    module.transform = layer

    def score(columns: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        transformed = layer(columns)
        return {OUTPUT: network({name: transformed[name] for name in features}, training=False)}

    serialized = tf.TensorSpec([None], tf.string, name="examples")

    @tf.function(input_signature=[serialized], autograph=False)
    def serving_default(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return score(tf.io.parse_example(examples, {name: spec[name] for name in needed}))

    @tf.function(input_signature=[serialized], autograph=False)
    def transform_features(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(layer(tf.io.parse_example(examples, spec)))

    @tf.function(
        input_signature=[{name: tf.TensorSpec([None, 1], spec[name].dtype, name=name) for name in needed}],
        autograph=False,
    )
    def serving_raw(columns: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return score({name: tf.squeeze(column, 1) for name, column in columns.items()})

    module.serving_default = serving_default
    module.transform_features = transform_features
    module.serving_raw = serving_raw
    tf.saved_model.save(
        module,
        directory,
        signatures={
            "serving_default": serving_default,
            "serving_raw": serving_raw,
            "transform_features": transform_features,
        },
    )


def _needed_columns(transform: tft.TFTransformOutput, features: list[str]) -> list[str]:
    """Find the raw columns that the features follow from, by walking the transform graph back from them.

    A column that only the label follows from is unknown when a model is served, so that no signature may ask for it.
    """
    function: Any = tf.saved_model.load(transform.transform_savedmodel_dir).transform_fn
    graph = getattr(function, "concrete_functions", [function])[0].graph
    inputs = tf2_utils.get_structured_inputs_from_func_graph(graph)
    outputs = tf.nest.pack_sequence_as(graph.structured_outputs, graph.outputs)
    sources = graph_tools.retrieve_sources([outputs[name].op for name in features], ignore_control_dependencies=True)
    return sorted(name for name, tensor in inputs.items() if tensor in sources)
