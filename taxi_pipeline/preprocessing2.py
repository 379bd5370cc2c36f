"""The second feature-engineering variant: the same columns, and what a person who takes taxis would ask of them.

How far, how long and how dear was the trip, on scales where a step means the same everywhere (logarithms); how fast and
how dear a mile; from where to where; and the fare in narrow steps, because tips are given in round dollars and
in the percentages that a card reader proposes. The label is that of the first variant.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf
import tensorflow_transform as tft

from taxi_pipeline.preprocessing import CATEGORIES, category_id, vocabulary_id
from taxi_pipeline.schema import LABEL_KEY, label

VOCABULARIES = ("payment_type", "company", "pickup_community_area", "dropoff_community_area")
FINE_BUCKETS = 40


def preprocessing_fn(inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Turn raw columns into model features and the label.

    Args:
        inputs: One dense tensor of shape (batch,) a column of the schema.

    Returns:
        Features of shape (batch,): float32 for numbers, int64 for ids; and the label.
    """
    fare = inputs["fare"]
    miles = inputs["trip_miles"]
    minutes = tf.cast(inputs["trip_seconds"], tf.float32) / 60
    numbers = {
        "log_fare": tf.math.log1p(fare),
        "log_miles": tf.math.log1p(miles),
        "log_minutes": tf.math.log1p(minutes),
        "log_fare_per_minute": tf.math.log1p(fare / (1 + minutes)),
        "log_fare_per_mile": tf.math.log1p(fare / (1 + miles)),
        "log_miles_per_minute": tf.math.log1p(miles / (1 + minutes)),
        "start": tf.cast(inputs["trip_start_timestamp"], tf.float32),
    }
    outputs = {f"{name}_z": tft.scale_to_z_score(value) for name, value in numbers.items()}
    outputs["fare_bucket"] = tft.bucketize(fare, FINE_BUCKETS, name="fare_quantiles")
    outputs["miles_bucket"] = tft.bucketize(miles, FINE_BUCKETS, name="miles_quantiles")
    for name in VOCABULARIES:
        outputs[f"{name}_id"] = vocabulary_id(inputs[name], name)
    for name, (first, last) in CATEGORIES.items():
        outputs[f"{name}_id"] = category_id(inputs[name], first, last)
    outputs[LABEL_KEY] = label(inputs)
    return outputs
