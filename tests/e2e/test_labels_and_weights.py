"""A missing label is no label, weights count, and epochs are epochs: on scikit-learn's diabetes patients."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.metrics import log_loss, roc_auc_score

from pipeline_tools.errors import InputError
from tests.e2e.learning import EVAL_CONFIG, Learning

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
            train_steps=0,
            train_epochs=3,
            batch_size=len(train),
            hyperparameters={"hidden_units": [4], "learning_rate": 0.5},
            weight_key=weight_key,
        )
        assert metrics["train_steps"] == metrics["train_epochs"] == 3
        trained[name] = learning.weights()
    for name, value in trained["copied"].items():
        np.testing.assert_allclose(trained["weighted"][name], value, atol=1e-5, err_msg=name)


def test_metrics_of_training_are_weighted(rows, tmp_path):
    learning = Learning(tmp_path, TYPES, FEATURES, "worse")
    learning.write(**rows)
    learning.transform()
    metrics = learning.train(train_steps=0, train_epochs=2, weight_key="copies")
    assert (metrics["train_steps"], metrics["train_epochs"]) == (24, pytest.approx(480 / 233))
    learning.analyze()
    predictions = learning.predictions()
    weights = [row["copies"] for row in rows["eval"] if row["before"] is not None and row["after"] is not None]
    labels, scores = predictions["worse"].to_numpy(), predictions["probability"].to_numpy()
    assert metrics["eval_auc"] == pytest.approx(roc_auc_score(labels, scores, sample_weight=weights), abs=1e-6)
    assert metrics["eval_log_loss"] == pytest.approx(log_loss(labels, scores, sample_weight=weights), rel=1e-5)
    assert metrics["eval_auc"] != pytest.approx(roc_auc_score(labels, scores), abs=1e-4)


WEIGHTED = EVAL_CONFIG + 'model_specs { example_weight_key: "copies" signature_name: "serving_default" }'


def labelled_copies(rows: list[dict]) -> list[int]:
    return [row["copies"] for row in rows if row["before"] is not None and row["after"] is not None]


def test_weights_and_missing_labels_count_in_the_analysis(rows, tmp_path, caplog):
    learning = Learning(tmp_path, TYPES, FEATURES, "worse")
    learning.write(**rows)
    learning.transform()
    learning.train()
    plain = learning.analyze(rule_column="copies", rule_value="3")
    report = str(tmp_path / "report.html")
    analysis = learning.analyze(WEIGHTED, rule_column="copies", rule_value="3", report=report)
    left_out = unlabelled(rows["eval"])
    assert analysis["metrics"]["unlabelled_examples"] == left_out == 32
    assert json.loads((tmp_path / "evaluation" / "left_out.json").read_text()) == {
        "unlabelled": left_out,
        "columns": ["after", "before"],
    }
    warning = "32 of 142 eval rows have no label and are left out: after or before"
    assert warning in caplog.text
    assert warning in (tmp_path / "report.html").read_text()

    predictions = learning.predictions()
    weights = labelled_copies(rows["eval"])
    assert predictions.column_names[:4] == ["example_key", "worse", "probability", "example_weight"]
    assert predictions["example_weight"].to_pylist() == weights
    labels, scores = predictions["worse"].to_numpy(), predictions["probability"].to_numpy()
    assert analysis["metrics"]["auc"] == pytest.approx(roc_auc_score(labels, scores, sample_weight=weights), abs=2e-3)
    assert analysis["metrics"]["binary_crossentropy"] == pytest.approx(
        log_loss(labels, scores, sample_weight=weights), rel=1e-4
    )
    assert plain["metrics"]["binary_crossentropy"] == pytest.approx(log_loss(labels, scores), rel=1e-4)
    rule = json.loads((tmp_path / "evaluation" / "baselines.json").read_text())["copies is 3"]
    said = np.array(weights) == 3
    assert rule["accuracy"]["value"] == pytest.approx(np.average(said == (labels > 0.5), weights=weights))


def test_golden_requests_are_rows_with_a_label(rows, tmp_path):
    from components.lib.deploy.golden import choose_requests

    learning = Learning(tmp_path, TYPES, FEATURES, "worse")
    learning.write(**rows)
    learning.transform()
    learning.train()
    learning.analyze()
    requests = choose_requests(learning.path("examples"), learning.path("evaluation"), 1000)
    assert [request.key for request in requests] == learning.predictions()["example_key"].to_pylist()
    learning.write(eval=[*rows["eval"], rows["train"][1]])
    with pytest.raises(InputError, match="no prediction for 33 eval examples, of which 32 have no label"):
        choose_requests(learning.path("examples"), learning.path("evaluation"), 1000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('model_specs { example_weight_key: "colour" }', "example_weight_key=colour of eval_config: the schema has no"),
        ('model_specs { name: "m" }', "name in model_specs is not supported, and is 'm'"),
        ('model_specs { label_key: "other" }', "label_key in model_specs must be 'worse', or left out, and is 'other'"),
        ("model_specs { is_baseline: true }", "is_baseline in model_specs is not supported"),
        ('model_specs { example_weight_keys { key: "a" value: "b" } }', "example_weight_keys in model_specs is not"),
        ("model_specs {} model_specs {}", "2 model_specs; one model is evaluated"),
        ("metrics_specs { example_weights { unweighted: true } }", "example_weights is not supported"),
        ('slicing_specs { feature_keys: "worse" }', "eval_config slices by worse"),
    ],
)
def test_what_an_eval_config_asks_for_is_done_or_an_error(tmp_path, text, message):
    from components.analysis.config import load_eval_config, slice_columns
    from components.lib.artifacts.examples import parse_schema
    from components.lib.artifacts.labels import check_weight_column

    (tmp_path / "config.pbtxt").write_text(EVAL_CONFIG + text)
    types = TYPES | {"worse": "INT"}
    schema = parse_schema("".join(f'feature {{ name: "{name}" type: {kind} }}\n' for name, kind in types.items()))

    def check() -> None:
        config, weight_key = load_eval_config(str(tmp_path / "config.pbtxt"), "worse")
        slice_columns(config, list(types), "worse")
        check_weight_column(schema, weight_key, f"example_weight_key={weight_key} of eval_config")

    with pytest.raises(InputError, match=message):
        check()


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


def test_a_model_that_does_not_say_what_its_label_follows_from_is_only_evaluated_on_whole_rows(rows, tmp_path):
    learning = Learning(tmp_path, TYPES, FEATURES, "worse")
    learning.write(**rows)
    learning.transform()
    learning.train(train_steps=1)
    (tmp_path / "model" / "assets.extra" / "columns.json").unlink()
    with pytest.raises(InputError, match=r"whether these have a label is unknown\. Evaluate a model that train has"):
        learning.analyze()
    learning.write(eval=[row for row in rows["eval"] if None not in row.values()])
    assert learning.analyze()["metrics"]["example_count"] == 110
