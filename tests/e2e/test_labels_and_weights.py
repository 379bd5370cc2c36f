"""A missing label is no label, weights count, and epochs are epochs: on scikit-learn's diabetes patients."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from pipeline_tools.errors import InputError
from tests.e2e.learning import Learning

pytestmark = pytest.mark.e2e

TYPES = {"bmi": "FLOAT", "bp": "FLOAT", "before": "FLOAT", "after": "FLOAT", "copies": "INT"}

FEATURES = """
import tensorflow as tf
def preprocessing_fn(inputs):
    worse = inputs["after"] - inputs["before"] > 140.0
    return {"bmi": inputs["bmi"], "bp": inputs["bp"], "worse": tf.cast(worse, tf.int64)}
"""

SGD = """
import keras
from tests.e2e.tumours import model as plain
def build_model(features, *, learning_rate=0.02, **options):
    model = plain.build_model(features, learning_rate=learning_rate, **options)
    model.compile(keras.optimizers.SGD(learning_rate), "binary_crossentropy")
    return model
"""


def patients() -> list[dict]:
    data = load_diabetes(as_frame=True, scaled=False).frame
    return [
        {
            "bmi": row.bmi / 30,
            "bp": row.bp / 100,
            "before": 0.0,
            "after": row.target,
            "copies": int(row.age) % 4,
        }
        for row in data.itertuples()
    ]


@pytest.fixture
def rows() -> dict[str, list[dict]]:
    everyone = patients()
    for number, row in enumerate(everyone):
        if number % 7 == 0:
            row["after"] = None
        if number % 11 == 0:
            row["before"] = None
    return {"train": everyone[:300], "eval": everyone[300:]}


def unlabelled(rows: list[dict]) -> int:
    return sum(row["before"] is None or row["after"] is None for row in rows)


def test_a_row_whose_label_follows_from_a_missing_value_is_left_out_and_counted(rows, tmp_path):
    learning = Learning(tmp_path, TYPES, FEATURES, "worse")
    rows["eval"][5]["bmi"] = None  # a missing feature is no missing label
    learning.write(**rows)
    learning.transform()
    metrics = learning.train()
    assert unlabelled(rows["train"]) == 67
    assert (metrics["train_examples"], metrics["train_unlabelled"]) == (300 - 67, 67)
    left_out = unlabelled(rows["eval"])
    assert (metrics["eval_examples"], metrics["eval_unlabelled"]) == (142 - left_out, left_out)


def test_a_split_without_any_label_is_refused(rows, tmp_path):
    learning = Learning(tmp_path, TYPES, FEATURES, "worse")
    for row in rows["train"]:
        row["before"] = None
    learning.write(**rows)
    learning.transform()
    with pytest.raises(InputError, match=r"no row of split 'train' has a label: in all 300 of them after or before"):
        learning.train()


def test_examples_that_were_not_transformed_are_refused(rows, tmp_path):
    learning = Learning(tmp_path, TYPES, FEATURES, "worse")
    learning.write(**rows)
    learning.transform()
    learning.write(train=rows["train"][:-1])
    with pytest.raises(InputError, match=r"its split 'train' was not made from examples=.*give the examples that were"):
        learning.train()


def test_a_row_of_weight_three_is_three_rows(rows, tmp_path):
    """One step on all rows moves the weights of the model as one step on each row, as often as it weighs."""
    labelled = [row for row in rows["train"] if None not in row.values()]
    copied = [row for row in labelled for _ in range(row["copies"])]
    trained = {}
    for name, train, weight_key in (("weighted", labelled, "copies"), ("copied", copied, "")):
        (tmp_path / name).mkdir()
        learning = Learning(tmp_path / name, TYPES, FEATURES, "worse", model=SGD)
        learning.write(train=train, eval=rows["eval"])
        learning.transform()
        metrics = learning.train(
            train_steps=0, train_epochs=3, batch_size=len(train), learning_rate=0.5, weight_key=weight_key
        )
        assert metrics["train_steps"] == metrics["train_epochs"] == 3
        trained[name] = learning.weights()
    for name, value in trained["copied"].items():
        np.testing.assert_allclose(trained["weighted"][name], value, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    ("weight", "message"),
    [(None, "1 rows have no weight"), (-1, "a finite number of at least 0; 1 are not, for example -1")],
)
def test_weights_that_cannot_be_used_are_refused(rows, tmp_path, weight, message):
    learning = Learning(tmp_path, TYPES, FEATURES, "worse")
    rows["train"][3]["copies"] = weight
    learning.write(**rows)
    learning.transform()
    with pytest.raises(InputError, match=f"weight_key=copies: split 'train': .*{message}"):
        learning.train(weight_key="copies")
