"""The first feature-engineering variant: z-scores, vocabularies, buckets and categories, as in 2018.

What is fixed of 2018: the label comes from ``schema.label``, and December has a category of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf
import tensorflow_transform as tft

from taxi_pipeline.schema import LABEL_KEY, label

DENSE_FLOATS = ("trip_miles", "fare", "trip_seconds")
VOCABULARIES = (
    "payment_type",
    "company",
    "pickup_census_tract",
    "dropoff_census_tract",
    "pickup_community_area",
    "dropoff_community_area",
)
BUCKETS = ("pickup_latitude", "pickup_longitude", "dropoff_latitude", "dropoff_longitude")
CATEGORIES = {"trip_start_hour": (0, 23), "trip_start_day": (1, 7), "trip_start_month": (1, 12)}
VOCABULARY_SIZE = 1000
OOV_SIZE = 10
BUCKET_COUNT = 10


def preprocessing_fn(inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Turn raw columns into model features and the label.

    Args:
        inputs: One dense tensor of shape (batch,) a column of the schema.

    Returns:
        Features of shape (batch,): float32 for z-scores, int64 for ids; and the label.
    """
    outputs = {f"{name}_z": tft.scale_to_z_score(tf.cast(inputs[name], tf.float32)) for name in DENSE_FLOATS}
    for name in VOCABULARIES:
        outputs[f"{name}_id"] = vocabulary_id(inputs[name], name)
    for name in BUCKETS:
        outputs[f"{name}_bucket"] = tft.bucketize(inputs[name], BUCKET_COUNT, name=f"{name}_quantiles")
    for name, (first, last) in CATEGORIES.items():
        outputs[f"{name}_id"] = category_id(inputs[name], first, last)
    outputs[LABEL_KEY] = label(inputs)
    return outputs


def vocabulary_id(column: tf.Tensor, name: str) -> tf.Tensor:
    """Give each of the most frequent values an id; the others share ``OOV_SIZE`` ids by their hash.

    Args:
        column: Text or int64, shape (batch,).
        name: File name of the vocabulary inside the transform graph.

    Returns:
        int64 ids, shape (batch,).
    """
    return tft.compute_and_apply_vocabulary(
        column, top_k=VOCABULARY_SIZE, num_oov_buckets=OOV_SIZE, vocab_filename=name
    )


def category_id(column: tf.Tensor, first: int, last: int) -> tf.Tensor:
    """Give each whole number from ``first`` to ``last`` an id, counted from 0; what lies outside joins the nearer end.

    Args:
        column: int64, shape (batch,).
        first: The smallest value.
        last: The largest value.

    Returns:
        int64 ids, shape (batch,), with their range recorded in the transformed schema.
    """
    return tft.apply_buckets(tf.cast(column, tf.float32), [[float(edge) for edge in range(first + 1, last + 1)]])
