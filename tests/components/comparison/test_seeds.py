"""What the training seed does to a comparison, with real SavedModels of several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.comparison.compare import compare, flat_metrics
from components.lib.artifacts.trainings import Training, seed_directory, write_trainings
from components.lib.report.page import render
from pipeline_tools.errors import InputError
from tests.components.lib.report.evaluations import make_evaluation
from tests.components.lib.report.pages import Page

ROWS = 1500
SCHEMA = """
feature { name: "x" type: FLOAT presence { min_fraction: 1 } }
feature { name: "noise" type: FLOAT presence { min_fraction: 1 } }
feature { name: "y" type: FLOAT presence { min_fraction: 1 } }
"""


def save_model(directory: Path, luck: float) -> None:
    """Save a model that hears the more noise, the worse its luck."""
    import tensorflow as tf

    spec = {name: tf.io.FixedLenFeature([], tf.float32) for name in ("x", "noise", "y")}
    text = tf.TensorSpec([None], tf.string, name="examples")

    class Model(tf.Module):
        @tf.function(input_signature=[text])
        def predict(self, examples):
            row = tf.io.parse_example(examples, spec)
            return {"probability": tf.sigmoid(row["x"] + luck * row["noise"])[:, None]}

        @tf.function(input_signature=[text])
        def transform(self, examples):
            return {"label": tf.io.parse_example(examples, spec)["y"]}

    model = Model()
    signatures = {"serving_default": model.predict, "transform_features": model.transform}
    tf.saved_model.save(model, str(directory), signatures)


def score(table: pa.Table, luck: float) -> np.ndarray:
    logits = table["x"].to_numpy() + np.float32(luck) * table["noise"].to_numpy()
    return (1 / (1 + np.exp(-logits))).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Examples, and SavedModels of every luck that the tests use."""
    folder = tmp_path_factory.mktemp("seeds")
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, ROWS)
    table = pa.table(
        {
            "x": (random.normal(size=ROWS) + 1.5 * labels).astype(np.float32),
            "noise": random.normal(size=ROWS).astype(np.float32),
            "y": labels.astype(np.float32),
            "kind": np.where(random.random(ROWS) < 0.6, labels, 1 - labels).astype(str),
            "example_key": [f"{at:05}" for at in range(ROWS)],
        }
    )
    (folder / "examples" / "eval").mkdir(parents=True)
    pq.write_table(table, folder / "examples" / "eval" / "data-00000-of-00001.parquet")
    (folder / "examples" / "schema.pbtxt").write_text(SCHEMA)
    return folder


def train(folder: Path, name: str, lucks: Sequence[float], *, epochs: float = 4.0, first_seed: int = 1) -> None:
    """Write what train and tfma_analyze would of a variant."""
    table = pq.read_table(folder / "examples" / "eval" / "data-00000-of-00001.parquet")
    predictions = {"example_key": table["example_key"], "label": table["y"], "probability": score(table, lucks[0])}
    (folder / name / "evaluation" / "predictions").mkdir(parents=True)
    pq.write_table(pa.table(predictions), folder / name / "evaluation" / "predictions" / "data.parquet")
    trainings = [
        Training(seed, train_steps=int(100 * epochs), batch_size=40, train_examples=4000, train_epochs=epochs)
        for seed in range(first_seed, first_seed + len(lucks))
    ]
    write_trainings(folder / name / "trainings", trainings)
    for training, luck in list(zip(trainings, lucks, strict=True))[1:]:
        save_model(seed_directory(folder / name / "trainings", training.seed), luck)


def compared(folder: Path, first: str, second: str, **changes) -> dict:
    names = (first, second)
    return compare(
        str(folder / "examples"),
        {name: str(folder / name / "evaluation") for name in names},
        label_key="label",
        rule_column="kind",
        rule_value="1",
        comparison=str(folder / f"comparison of {first} and {second}"),
        **{"trainings": {name: str(folder / name / "trainings") for name in names}} | changes,
    )


def test_a_difference_of_one_seed_that_others_do_not_repeat_is_noise(folder: Path) -> None:
    train(folder, "one lucky seed", [0.0, 1.1, 1.0, 1.2])
    train(folder, "steady", [1.0, 1.1, 1.1, 1.1])
    alone = compared(folder, "one lucky seed", "steady", trainings=None)
    assert alone["winner"] == "one lucky seed"
    assert "with one training seed: another seed" in alone["conclusion"]
    assert alone["seeds"] is None

    result = compared(folder, "one lucky seed", "steady")
    assert result["winner"] is None
    assert "No difference beyond noise between one lucky seed (mean AUC" in result["conclusion"]
    assert "over 4 training seeds" in result["conclusion"]
    seeds = result["seeds"]
    assert seeds["seeds"] == [1, 2, 3, 4]
    assert seeds["auc"]["one lucky seed"]["values"][0] == result["models"]["one lucky seed"]["auc"]["value"]
    deviation = np.std(seeds["difference"]["values"], ddof=1)
    assert seeds["difference"]["standard_deviation"] == pytest.approx(deviation)
    assert f"standard deviation of {deviation:.4f}" in result["conclusion"]
    assert flat_metrics(result)["difference of auc over seeds, standard deviation"] == pytest.approx(deviation)


def test_a_difference_that_every_seed_repeats_is_more_than_noise(folder: Path) -> None:
    train(folder, "good", [0.30, 0.35, 0.25])
    train(folder, "bad", [1.5, 1.6, 1.55])
    result = compared(folder, "bad", "good")
    assert result["winner"] == "good"
    both, rows = result["seeds"]["difference"], result["seeds"]["over_rows"]
    assert both["low"] < rows["low"] < both["value"] < rows["high"] < both["high"], "two sources are wider than one"
    assert result["conclusion"].startswith("good is better than bad: mean AUC 0.8")


def test_the_page_shows_each_seed(folder: Path) -> None:
    train(folder, "a", [0.3, 0.4])
    train(folder, "b", [0.5, 0.6])
    result = compared(folder, "a", "b")
    page = Page(render({"a": make_evaluation(), "b": make_evaluation(seed=2)}, title="t", comparison=result))
    assert "Training seeds" in page.text
    shown = {float(attributes["value"] or "nan") for attributes in page.all("data")}
    assert {*result["seeds"]["auc"]["b"]["values"], result["seeds"]["difference"]["value"]} <= shown
    assert page.open == []


def test_models_of_different_seeds_are_refused(folder: Path) -> None:
    train(folder, "from one", [0.3, 0.4])
    train(folder, "from two", [0.3, 0.4], first_seed=2)
    with pytest.raises(InputError, match=r"different seeds \(from one: 1, 2; from two: 2, 3\)"):
        compared(folder, "from one", "from two")
    with pytest.raises(InputError, match="trainings of from one alone"):
        compared(folder, "from one", "from two", trainings={"from one": str(folder / "from one" / "trainings")})


def test_the_conclusion_says_what_was_held_equal(folder: Path) -> None:
    train(folder, "four epochs", [0.3])
    train(folder, "four epochs too", [0.3])
    train(folder, "thirteen epochs", [0.3], epochs=13.0)
    assert (
        "Both were trained for 4.0 epochs (400 steps each)."
        in compared(folder, "four epochs", "four epochs too")["conclusion"]
    )
    unequal = compared(folder, "four epochs", "thirteen epochs")["conclusion"]
    assert "Epochs were not held equal: four epochs was trained for 4.0 and thirteen epochs for 13.0" in unequal
