"""Columns of any name, from rows to a served signature: scikit-learn's wines under unkind names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_wine

from components.lib.artifacts.model_columns import safe_names
from tests.e2e.learning import Learning

pytestmark = pytest.mark.e2e

# Spaces, non-ASCII, Python's keywords, a leading underscore, parentheses, dots, slashes, only a difference of case.
NUMBERS = [
    "alcohol (% vol.)",
    "größe",
    "class",
    "from",
    "_ash",
    "a b",
    "a_b",
    "a(b",
    "1st",
    "価格",
    "X",
    "x",
    "examples",
]
TYPES = {**dict.fromkeys(NUMBERS, "FLOAT"), "hue: red?": "BYTES", "cultivar/kind": "INT"}

FEATURES = """
import tensorflow as tf
import tensorflow_transform as tft
def preprocessing_fn(inputs):
    outputs = {name + " (z)": tft.scale_to_z_score(inputs[name]) for name in inputs if inputs[name].dtype == tf.float32}
    outputs["hue: red?"] = tft.compute_and_apply_vocabulary(inputs["hue: red?"], num_oov_buckets=1)
    outputs["ist es größer?"] = tf.cast(inputs["cultivar/kind"] > 0, tf.int64)
    return outputs
"""

MODEL = """
import keras
import tensorflow as tf
class Linear(keras.Model):
    def __init__(self, features):
        super().__init__()
        self.names = [feature.name for feature in features if not feature.is_category]
        self.head = keras.layers.Dense(1, "sigmoid")
    def call(self, inputs):
        return self.head(tf.stack([inputs[name] for name in self.names], axis=1))
def build_model(features, **options):
    model = Linear(features)
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy")
    return model
"""

EVAL_CONFIG = """
slicing_specs {}
slicing_specs { feature_keys: "hue: red?" }
metrics_specs { metrics { class_name: "ExampleCount" } metrics { class_name: "AUC" } }
"""


@pytest.fixture(scope="module")
def wines(tmp_path_factory):
    data = load_wine()
    order = np.random.default_rng(0).permutation(len(data.target))
    rows = []
    for number in order:
        values = dict(zip(NUMBERS, map(float, data.data[number]), strict=True))
        rows.append(values | {"hue: red?": "ja" if number % 2 else "nein", "cultivar/kind": int(data.target[number])})
    learning = Learning(tmp_path_factory.mktemp("wines"), TYPES, FEATURES, "ist es größer?", model=MODEL)
    learning.write(train=rows[:120], eval=rows[120:])
    learning.transform()
    learning.train(train_steps=60)
    return learning, rows[120:]


def test_safe_names_are_few_and_different():
    assert safe_names(["fare", "trip_miles"]) == {"fare": "fare", "trip_miles": "trip_miles"}
    names = safe_names([*NUMBERS, "(", ")"])
    assert sorted(names.values()) == sorted([*NUMBERS, "(", ")"])
    assert all(name.isascii() and name.isidentifier() for name in names)
    assert len({name.lower() for name in names}) == len(names)


def test_the_signature_that_servers_read_has_the_columns_own_names(wines):
    from components.lib.serving.servable import Servable

    learning, rows = wines
    servable = Servable(learning.path("model"), "wines", 1)
    inputs = set(servable.signature("serving_raw").inputs)
    assert inputs == set(NUMBERS) | {"hue: red?"}
    columns = {name: np.array([[row[name]] for row in rows], np.float32) for name in NUMBERS}
    columns["hue: red?"] = np.array([[row["hue: red?"].encode()] for row in rows], object)
    by_column = servable.run("serving_raw", columns)["probability"]
    servable.close()

    learning.analyze(EVAL_CONFIG)
    np.testing.assert_allclose(by_column[:, 0], learning.predictions()["probability"].to_numpy(), atol=1e-6)


def test_the_mapping_is_kept_in_the_model_for_those_who_load_it_in_python(wines):
    import tensorflow as tf

    learning, rows = wines
    names = json.loads((Path(learning.path("model")) / "assets.extra" / "columns.json").read_text())["inputs"]
    loaded = tf.saved_model.load(learning.path("model"))
    signature = loaded.signatures["serving_raw"]
    specs = signature.structured_input_signature[1]
    assert set(specs) == set(names)
    one = {
        safe: tf.constant([[rows[0][name].encode() if specs[safe].dtype == tf.string else rows[0][name]]])
        for safe, name in names.items()
    }
    assert 0 <= float(signature(**one)["probability"][0, 0]) <= 1
    assert "größe (z)" in loaded.signatures["transform_features"].structured_outputs


def test_such_a_model_is_analyzed_by_slice(wines):
    learning, rows = wines
    analysis = learning.analyze(EVAL_CONFIG)
    assert analysis["metrics"]["auc"] > 0.9
    files = sorted((Path(learning.path("evaluation")) / "predictions").iterdir())
    assert pq.read_table(files)["hue: red?"].to_pylist() == [row["hue: red?"] for row in rows]
