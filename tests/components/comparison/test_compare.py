"""Which of two models is better."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from components.comparison.compare import compare, flat_metrics
from pipeline_tools.errors import InputError

ROWS = 2000


@pytest.fixture
def evaluated(tmp_path: Path) -> Path:
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


def write_evaluation(
    directory: Path, keys: list[str], labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> None:
    (directory / "predictions").mkdir(parents=True)
    table = pa.table({"example_key": keys, "y": labels.astype(np.float32), "probability": scores.astype(np.float32)})
    if weights is not None:
        table = table.append_column("example_weight", pa.array(weights.astype(np.float32)))
    pq.write_table(table, directory / "predictions" / "data-00000-of-00001.parquet")


def compared(evaluated: Path, first: str, second: str, **changes) -> dict:
    arguments = {"label_key": "y", "rule_column": "kind", "rule_value": "yes"} | changes
    return compare(
        str(evaluated / "examples"),
        {first: str(evaluated / first), second: str(evaluated / second)},
        comparison=str(evaluated / "comparison"),
        **arguments,
    )


@pytest.mark.parametrize("order", [("good", "better"), ("better", "good")])
def test_the_better_model_wins_in_either_place(evaluated: Path, order: tuple[str, str]) -> None:
    result = compared(evaluated, *order)
    assert result["winner"] == "better"
    assert result["conclusion"].startswith("better is better than good: AUC 0.9")
    assert "more than the noise of the eval rows" in result["conclusion"]
    assert "over the 2,000 eval rows (1,000 resamples), with one training seed" in result["conclusion"]
    sign = 1 if order[1] == "better" else -1
    assert result["difference"]["auc"]["value"] * sign > 0


def test_two_equally_good_models_do_not_differ_beyond_noise(evaluated: Path) -> None:
    result = compared(evaluated, "good", "equal")
    assert result["winner"] is None
    assert result["conclusion"].startswith("No difference beyond noise between good")


def test_the_baselines_are_right(evaluated: Path) -> None:
    result = compared(evaluated, "good", "better")
    labels = pq.read_table(evaluated / "good" / "predictions")["y"].to_numpy()
    majority = result["baselines"]["majority class"]
    assert majority["accuracy"]["value"] == pytest.approx(max(labels.mean(), 1 - labels.mean()))
    assert majority["auc"]["value"] == 0.5
    assert result["baselines"]["kind is yes"]["accuracy"]["value"] == pytest.approx(0.7, abs=0.03)


def test_what_is_written_is_what_is_returned(evaluated: Path) -> None:
    result = compared(evaluated, "good", "better")
    assert json.loads((evaluated / "comparison" / "comparison.json").read_text()) == result
    assert all(np.isfinite(value) for value in flat_metrics(result).values())


def test_predictions_of_other_examples_are_refused(evaluated: Path) -> None:
    labels = np.arange(ROWS) % 2
    write_evaluation(evaluated / "foreign", [f"x{at}" for at in range(ROWS)], labels, labels * 0.9)
    with pytest.raises(InputError, match="the evaluations of 'good' and 'foreign' are not of the same examples"):
        compared(evaluated, "good", "foreign")
    assert not (evaluated / "comparison").exists()


def test_an_unknown_rule_column_is_named(evaluated: Path) -> None:
    with pytest.raises(InputError, match="rule_column=colour: the examples have no such column, only kind"):
        compared(evaluated, "good", "better", rule_column="colour")


def test_another_label_is_named(evaluated: Path) -> None:
    with pytest.raises(InputError, match="label_key=z: .*good is of the label y"):
        compared(evaluated, "good", "better", label_key="z")


def test_other_labels_are_refused(evaluated: Path) -> None:
    table = pq.read_table(evaluated / "good" / "predictions")
    labels = table["y"].to_numpy().copy()
    labels[:7] = 1 - labels[:7]
    write_evaluation(evaluated / "other", table["example_key"].to_pylist(), labels, labels * 0.9)
    with pytest.raises(InputError, match=r"different labels \('y'\) for 7 of 2,000 eval examples"):
        compared(evaluated, "good", "other")


def test_examples_without_a_label_are_left_out_of_the_rule_too(evaluated: Path) -> None:
    for name in ("good", "better"):
        table = pq.read_table(evaluated / name / "predictions").slice(1)
        columns = (table["example_key"].to_pylist(), table["y"].to_numpy(), table["probability"].to_numpy())
        write_evaluation(evaluated / f"{name}-part", *columns)
    result = compared(evaluated, "good-part", "better-part")
    table = pq.read_table(evaluated / "good-part" / "predictions")
    kinds = pq.read_table(evaluated / "examples" / "eval").slice(1)["kind"].to_pylist()
    labels = table["y"].to_pylist()
    right = np.mean([(kind == "yes") == (label == 1) for kind, label in zip(kinds, labels, strict=True)])
    assert result["examples"] == ROWS - 1
    assert result["baselines"]["kind is yes"]["accuracy"]["value"] == pytest.approx(right)


def test_weights_count_in_models_baselines_and_intervals(evaluated: Path) -> None:
    weights = np.random.default_rng(5).choice([0.25, 1.0, 4.0], size=ROWS)
    tables = {name: pq.read_table(evaluated / name / "predictions") for name in ("good", "better")}
    for name, table in tables.items():
        columns = (table["example_key"].to_pylist(), table["y"].to_numpy(), table["probability"].to_numpy())
        write_evaluation(evaluated / f"weighted {name}", *columns, weights)
    plain = compared(evaluated, "good", "better")
    weighted = compared(evaluated, "weighted good", "weighted better")
    labels, scores = tables["good"]["y"].to_numpy(), tables["good"]["probability"].to_numpy()
    auc = weighted["models"]["weighted good"]["auc"]
    assert auc["value"] == pytest.approx(roc_auc_score(labels, scores, sample_weight=weights), abs=1e-3)
    accuracy = weighted["models"]["weighted good"]["accuracy"]["value"]
    assert accuracy == pytest.approx(np.average((scores > 0.5) == (labels == 1), weights=weights))
    majority = weighted["baselines"]["majority class"]["accuracy"]["value"]
    share = np.average(labels, weights=weights)
    assert majority == pytest.approx(max(share, 1 - share))
    unweighted = plain["models"]["good"]["auc"]
    width = {"weighted": auc["high"] - auc["low"], "plain": unweighted["high"] - unweighted["low"]}
    assert width["weighted"] > 1.15 * width["plain"], "unequal weights are as sure as fewer examples"
    assert "2,000 weighted eval rows" in weighted["conclusion"]
    with pytest.raises(InputError, match="weight the examples differently"):
        compared(evaluated, "good", "weighted better")


def test_the_rule_is_beaten_where_the_paired_difference_says_so(evaluated: Path) -> None:
    """A model that is the rule, and a little more: its own interval overlaps the rule's."""
    random = np.random.default_rng(1)
    labels = pq.read_table(evaluated / "good" / "predictions")["y"].to_numpy()
    kinds = np.array(pq.read_table(evaluated / "examples" / "eval")["kind"].to_pylist()) == "yes"
    keys = [f"{at:05}" for at in range(ROWS)]
    write_evaluation(
        evaluated / "a", keys, labels, 0.4 * kinds + 0.3 + 0.2 * (random.random(ROWS) + 0.06 * labels - 0.53)
    )
    write_evaluation(evaluated / "b", keys, labels, np.where(kinds, 0.7, 0.3))
    result = compared(evaluated, "a", "b")
    rule, own = result["baselines"]["kind is yes"]["auc"], result["models"]["a"]["auc"]
    assert own["low"] < rule["high"], "by their own intervals nothing could be said"
    assert result["above_rule"]["a"]["low"] > 0
    assert "a beats the rule “kind is yes”" in result["conclusion"]
    assert result["above_rule"]["b"] == {"value": 0, "low": 0, "high": 0}
    write_evaluation(evaluated / "c", keys, labels, kinds * 0.4 + 0.3)
    assert "b is not clearly better than the rule" in compared(evaluated, "b", "c")["conclusion"]
