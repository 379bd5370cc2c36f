"""Which of two models is better."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.comparison.compare import compare, flat_metrics
from pipeline_tools.errors import InputError

ROWS = 2000


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """Examples, and the evaluations of a good, a better and an equally good model."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, ROWS)
    keys = [f"{at:05}" for at in range(ROWS)]
    (tmp_path / "examples" / "eval").mkdir(parents=True)
    kinds = np.where(random.random(ROWS) < 0.7, labels, 1 - labels)
    table = pa.table({"kind": np.array(["no", "yes"])[kinds], "example_key": keys})
    pq.write_table(table, tmp_path / "examples" / "eval" / "data-00000-of-00001.parquet")
    noise = random.random(ROWS)
    for name, share in {"good": 0.2, "better": 0.4, "equal": 0.2}.items():
        scores = share * labels + (1 - share) * (noise if name != "equal" else random.random(ROWS))
        write_evaluation(tmp_path / name, keys, labels, scores)
    return tmp_path


def write_evaluation(directory: Path, keys: list[str], labels: np.ndarray, scores: np.ndarray) -> None:
    (directory / "predictions").mkdir(parents=True)
    table = pa.table({"example_key": keys, "y": labels.astype(np.float32), "probability": scores.astype(np.float32)})
    pq.write_table(table, directory / "predictions" / "data-00000-of-00001.parquet")


def compared(judged: Path, first: str, second: str, **changes: str) -> dict:
    arguments = {"label_key": "y", "rule_column": "kind", "rule_value": "yes"} | changes
    return compare(
        str(judged / "examples"),
        {first: str(judged / first), second: str(judged / second)},
        comparison=str(judged / "comparison"),
        **arguments,
    )


@pytest.mark.parametrize("order", [("good", "better"), ("better", "good")])
def test_the_better_model_wins_in_either_place(judged: Path, order: tuple[str, str]) -> None:
    found = compared(judged, *order)
    assert found["winner"] == "better"
    assert found["conclusion"].startswith("better is better than good: AUC 0.9")
    assert "more than noise" in found["conclusion"]
    sign = 1 if order[1] == "better" else -1
    assert found["difference"]["auc"]["value"] * sign > 0


def test_two_equally_good_models_do_not_differ_beyond_noise(judged: Path) -> None:
    found = compared(judged, "good", "equal")
    assert found["winner"] is None
    assert found["conclusion"].startswith("No difference beyond noise between good")


def test_the_baselines_are_right(judged: Path) -> None:
    found = compared(judged, "good", "better")
    labels = pq.read_table(judged / "good" / "predictions")["y"].to_numpy()
    majority = found["baselines"]["majority class"]
    assert majority["accuracy"]["value"] == pytest.approx(max(labels.mean(), 1 - labels.mean()))
    assert majority["auc"]["value"] == 0.5
    assert found["baselines"]["kind is yes"]["accuracy"]["value"] == pytest.approx(0.7, abs=0.03)


def test_what_is_written_is_what_is_returned(judged: Path) -> None:
    found = compared(judged, "good", "better")
    assert json.loads((judged / "comparison" / "comparison.json").read_text()) == found
    assert all(np.isfinite(value) for value in flat_metrics(found).values())


def test_predictions_of_other_examples_are_refused(judged: Path) -> None:
    labels = np.arange(ROWS) % 2
    write_evaluation(judged / "foreign", [f"x{at}" for at in range(ROWS)], labels, labels * 0.9)
    with pytest.raises(InputError, match="the predictions of 'foreign' are not of the eval split"):
        compared(judged, "good", "foreign")
    assert not (judged / "comparison").exists()


def test_an_unknown_rule_column_is_named(judged: Path) -> None:
    with pytest.raises(InputError, match="rule_column=colour: the examples have no such column, only kind"):
        compared(judged, "good", "better", rule_column="colour")


def test_another_label_is_named(judged: Path) -> None:
    with pytest.raises(InputError, match="label_key=z: .*good is of the label y"):
        compared(judged, "good", "better", label_key="z")
