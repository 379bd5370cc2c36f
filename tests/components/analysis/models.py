"""A SavedModel as small as one that can be evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def save_model(directory: Path, numbers: Sequence[str], label: str, reads: str, scale: float = 1.0) -> None:
    """Save a model that predicts by one number and transforms another into the label.

    Args:
        directory: To write.
        numbers: Raw columns, all FLOAT.
        label: The column that is the label.
        reads: The column that the prediction follows from.
        scale: What it is multiplied by.
    """
    import tensorflow as tf

    spec = {name: tf.io.FixedLenFeature([], tf.float32, 0.0) for name in numbers}
    text = tf.TensorSpec([None], tf.string, name="examples")

    class Model(tf.Module):
        @tf.function(input_signature=[text])
        def predict(self, examples):
            return {"probability": tf.sigmoid(scale * tf.io.parse_example(examples, spec)[reads])[:, None]}

        @tf.function(input_signature=[text])
        def transform(self, examples):
            row = tf.io.parse_example(examples, spec)
            return {"label": row[label], "seen": row[reads]}

    model = Model()
    signatures = {"serving_default": model.predict, "transform_features": model.transform}
    tf.saved_model.save(model, str(directory), signatures)
