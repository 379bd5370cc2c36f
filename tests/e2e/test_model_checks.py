"""What cannot be trained, served or exported is refused before training: on scikit-learn's irises."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.datasets import load_iris

from pipeline_tools.errors import InputError
from tests.e2e.learning import Learning

pytestmark = pytest.mark.e2e

TYPES = {"petal_length": "FLOAT", "petal_width": "FLOAT", "shop": "BYTES", "kind": "INT"}

FEATURES = """
import tensorflow as tf
import tensorflow_transform as tft
def preprocessing_fn(inputs):
    return {
        "length": tft.scale_to_z_score(inputs["petal_length"]),
        "width": tft.scale_to_z_score(inputs["petal_width"]),
        "shop_id": tft.compute_and_apply_vocabulary(inputs["shop"], OOV),
        "is_virginica": tf.cast(inputs["kind"] == 2, tf.int64),
    }
"""

MODEL = """
import keras
import tensorflow as tf
class Linear(keras.Model):
    def __init__(self):
        super().__init__()
        self.head = keras.layers.Dense(UNITS)
        TABLE
    def call(self, inputs):
        scores = self.head(tf.stack([inputs["length"], inputs["width"]], axis=1))
        return RETURNED
def build_model(features, **options):
    model = Linear()
    model.compile("sgd", LOSS)
    return model
"""


def irises(tmp_path: Path, oov: str = "num_oov_buckets=1", **parts: str) -> Learning:
    data = load_iris()
    shops = ["east", "west", ""]
    rows = [
        {"petal_length": row[2], "petal_width": row[3], "shop": shops[number % 3], "kind": int(kind)}
        for number, (row, kind) in enumerate(zip(data.data, data.target, strict=True))
    ]
    text = MODEL
    defaults = {"UNITS": "1", "TABLE": "", "RETURNED": "tf.sigmoid(scores)", "LOSS": "'binary_crossentropy'"}
    for name, part in {**defaults, **parts}.items():
        text = text.replace(name, part)
    learning = Learning(tmp_path, TYPES, FEATURES.replace("OOV", oov), "is_virginica", model=text)
    learning.write(train=rows[::2], eval=rows[1::2])
    learning.transform()
    return learning


@pytest.mark.parametrize("oov", ["num_oov_buckets=0", "default_value=-1"])
def test_a_vocabulary_that_gives_minus_one_is_refused_with_the_fix(tmp_path, oov):
    with pytest.raises(InputError, match=r"feature 'shop_id' may be the id -1.*Set num_oov_buckets=1"):
        irises(tmp_path, oov).train()


def test_a_vocabulary_whose_unknown_values_share_an_id_is_trained(tmp_path):
    assert irises(tmp_path, "default_value=0").train()["train_examples"] == 75


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"RETURNED": "scores"}, r"which is not a probability \(a logit\?\); let it return the probability of label 1"),
        ({"LOSS": "keras.losses.BinaryCrossentropy(from_logits=True)"}, r"takes logits \(from_logits=True\)"),
        (
            {"UNITS": "2", "RETURNED": "tf.nn.softmax(scores)"},
            r"a tensor of shape \(64, 2\) for 64 rows; let it return",
        ),
        ({"RETURNED": "tf.sigmoid(scores)[:, 0]"}, r"a tensor of shape \(64,\) for 64 rows; let it return"),
        ({"RETURNED": "{'p': tf.sigmoid(scores)}"}, r"returns a dict for 64 rows"),
        ({"RETURNED": "tf.sigmoid(scores) / 0.0 * 0.0"}, r"returns nan for 64 of 64 rows"),
        ({"RETURNED": "tf.sigmoid(inputs['colour'])"}, r"fails on 64 rows at model\.py, line 11: KeyError: .*colour"),
        (
            {"RETURNED": "tf.constant(tf.sigmoid(scores).numpy())"},
            r"cannot be exported as a SavedModel \(model\.py, line 11\)",
        ),
        (
            {
                "TABLE": "self.table = {'t': tf.Variable(1.0)}; self.hidden = lambda: self.table['t']",
                "RETURNED": "tf.sigmoid(scores * self.hidden())",
            },
            "cannot be exported as a SavedModel",
        ),
    ],
)
def test_a_model_that_is_no_probability_or_cannot_be_exported_is_refused_before_training(
    tmp_path, capsys, parts, message
):
    learning = irises(tmp_path, **parts)
    with pytest.raises(InputError, match=message) as caught:
        learning.train()
    assert str(caught.value).startswith(f"model_module={tmp_path / 'model.py'}: the model")
    assert "step " not in capsys.readouterr().out
    assert not Path(learning.path("model")).exists()


def test_a_logit_that_training_moves_out_of_range_is_not_exported(tmp_path):
    """Zero weights give the logit 0 for every row: only the trained model tells."""
    learning = irises(tmp_path, RETURNED="scores", LOSS="'mse'")
    text = Path(learning.path("model.py")).read_text()
    Path(learning.path("model.py")).write_text(text.replace("Dense(1)", "Dense(1, kernel_initializer='zeros')"))
    with pytest.raises(InputError, match="the trained model returns .* which is not a probability"):
        learning.train(train_steps=200)
    assert not Path(learning.path("model")).exists()
