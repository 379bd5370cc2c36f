"""The one source of column names, types and domains, and of the label.

``SCHEMA`` is a ``tensorflow_metadata`` Schema in text form. A missing number reads as 0 and a missing text as the
empty string, in training and in serving alike, because the schema says so (``dense_tensor.default_value``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import tensorflow as tf

KEY_COLUMN = "unique_key"
"""Names a trip; decides its split. It is not a feature."""

TIME_COLUMN = "trip_start_timestamp"

DERIVED_COLUMNS = {
    "trip_start_month": "EXTRACT(MONTH FROM trip_start_timestamp)",
    "trip_start_hour": "EXTRACT(HOUR FROM trip_start_timestamp)",
    "trip_start_day": "EXTRACT(DAYOFWEEK FROM trip_start_timestamp)",
}
"""Columns that follow from others, as BigQuery SQL. Days count from Sunday = 1."""

LABEL_KEY = "big_tip"
"""Name of the label among the transformed features: 1 where the tip is over 20 % of the fare, else 0. A trip without a
fare or tip has no label: it is left out of training and evaluation, because the label follows from a missing value."""

TIP_PERCENT = 20

RULE_COLUMN, RULE_VALUE = "payment_type", "Credit Card"
"""The rule that a model must beat: tips paid in cash are not recorded, so that a card all but means a tip."""


def label(trips: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """THE label rule: was the tip over 20 % of the fare?

    Args:
        trips: Raw columns; of these ``tips`` and ``fare``, float tensors in US dollars, of one shape.

    Returns:
        An int64 tensor of that shape, 1 or 0. A tip of exactly 20 % is not over 20 %: whole cents decide, in which
        float32 is exact up to 131,072 dollars.
    """
    import tensorflow as tf

    tips, fare = (tf.cast(tf.round(tf.cast(trips[name], tf.float64) * 100), tf.int64) for name in ("tips", "fare"))
    return tf.cast(tips * 100 > fare * TIP_PERCENT, tf.int64)


def _feature(name: str, kind: str, extra: str, drift: str) -> str:
    comparator = f"drift_comparator {{ {drift} }}" if drift else ""
    return f"""
feature {{
  name: "{name}"
  type: {kind}
  presence {{ min_count: 1 }}
  value_count {{ min: 1 max: 1 }}
  {comparator}
  {extra}
}}"""


def _default(name: str, value: str) -> str:
    return f"""
    tensor_representation {{
      key: "{name}"
      value {{ dense_tensor {{ column_name: "{name}" shape {{}} default_value {{ {value} }} }} }}
    }}"""


def _text() -> str:
    categories = "infinity_norm { threshold: 0.1 }"
    numbers = "jensen_shannon_divergence { threshold: 0.1 }"
    latitude = "float_domain { min: 41 max: 43 }"
    longitude = "float_domain { min: -89 max: -87 }"
    columns = [
        ("trip_start_timestamp", "INT", "int_domain { min: 0 }", ""),  # windows differ in it by design: no drift
        ("trip_start_month", "INT", "int_domain { min: 1 max: 12 is_categorical: true }", categories),
        ("trip_start_hour", "INT", "int_domain { min: 0 max: 23 is_categorical: true }", categories),
        ("trip_start_day", "INT", "int_domain { min: 1 max: 7 is_categorical: true }", categories),
        ("trip_seconds", "INT", "int_domain { min: 0 }", numbers),
        ("trip_miles", "FLOAT", "float_domain { min: 0 }", numbers),
        ("pickup_census_tract", "INT", "int_domain { is_categorical: true }", categories),
        ("dropoff_census_tract", "INT", "int_domain { is_categorical: true }", categories),
        ("pickup_community_area", "INT", "int_domain { min: 1 max: 77 is_categorical: true }", categories),
        ("dropoff_community_area", "INT", "int_domain { min: 1 max: 77 is_categorical: true }", categories),
        ("fare", "FLOAT", "float_domain { min: 0 disallow_nan: true disallow_inf: true }", numbers),
        ("tips", "FLOAT", "float_domain { min: 0 disallow_nan: true disallow_inf: true }", numbers),
        ("payment_type", "BYTES", "", categories),
        ("company", "BYTES", "", categories),
        ("pickup_latitude", "FLOAT", latitude, numbers),
        ("pickup_longitude", "FLOAT", longitude, numbers),
        ("dropoff_latitude", "FLOAT", latitude, numbers),
        ("dropoff_longitude", "FLOAT", longitude, numbers),
    ]
    defaults = {"INT": "int_value: 0", "FLOAT": "float_value: 0", "BYTES": 'bytes_value: ""'}
    features = [_feature(*column) for column in columns]
    group = "".join(_default(name, defaults[kind]) for name, kind, _, _ in columns)
    return "".join(features) + f'\ntensor_representation_group {{\n  key: ""\n  value {{{group}\n  }}\n}}\n'


SCHEMA = _text()
