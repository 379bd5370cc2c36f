"""workflow2 on the bundled trips."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline_tools.local import RunFailedError, run
from taxi_pipeline.workflow2 import workflow2

pytestmark = pytest.mark.e2e

TRAIN = ("train", "train-2")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory):
    return run(workflow2, {"train_epochs": 2}, run_dir=tmp_path_factory.mktemp("runs") / "workflow2")


def rows(result, step: str, split: str):
    directory = Path(result.artifact(step, "examples").path) / split
    return pq.read_table(sorted(directory.iterdir()), columns=["example_key", "trip_start_timestamp"])


def named(result, display_name: str) -> str:
    return next(name for name, step in result.steps.items() if step.display_name == display_name)


def test_the_question_is_answered_in_one_sentence_with_its_interval(result) -> None:
    conclusion = result.steps["compare"].parameters["conclusion"]
    assert "window 1" in conclusion
    assert "window 2" in conclusion
    assert "95 % interval" in conclusion


def test_both_windows_were_trained_for_the_same_number_of_epochs(result) -> None:
    epochs, steps = zip(
        *((result.steps[name].metrics["train_epochs"], result.steps[name].metrics["train_steps"]) for name in TRAIN),
        strict=True,
    )
    assert epochs == pytest.approx((2, 2), rel=0.01)
    assert steps[1] > 2 * steps[0], "the longer window has more batches an epoch"
    assert "Both were trained for 2.0 epochs" in result.steps["compare"].parameters["conclusion"]


def test_no_eval_trip_is_a_train_trip_of_either_branch(result) -> None:
    judged = set(rows(result, named(result, "eval-trips"), "eval")["example_key"].to_pylist())
    assert judged
    for number in (1, 2):
        trained = set(rows(result, named(result, f"train-trips{number}"), "train")["example_key"].to_pylist())
        assert trained
        assert not judged & trained
    recorded = json.loads((result.run_dir / "run.json").read_text())["steps"]
    planned = (
        recorded["plan-windows"]
        if isinstance(recorded, dict)
        else next(step for step in recorded if step["name"] == "plan-windows")
    )
    assert planned["parameters"]["disjoint"].startswith("split rule: ")


def test_windows_are_half_open_and_the_eval_window_is_the_recent_half_of_the_first(result) -> None:
    def seconds(*day: int) -> float:
        return datetime(*day, tzinfo=timezone.utc).timestamp()

    for step, split, begin, end in (
        ("train-trips1", "train", (2015, 1, 1), (2016, 1, 1)),
        ("train-trips2", "train", (2013, 1, 1), (2016, 1, 1)),
        ("eval-trips", "eval", (2015, 7, 2, 12), (2016, 1, 1)),
    ):
        times = rows(result, named(result, step), split)["trip_start_timestamp"].to_pylist()
        assert seconds(*begin) <= min(times)
        assert max(times) < seconds(*end)
        assert min(times) - seconds(*begin) < 3 * 86400  # the window is used up to its edges
        assert seconds(*end) - max(times) < 3 * 86400


def test_the_matrix_judges_each_model_on_the_trips_of_each_window(result) -> None:
    matrix = json.loads((result.artifact("cross-evaluate", "matrix").path / "matrix.json").read_text())
    assert matrix["models"] == ["window 1", "window 2"]
    assert matrix["examples"] == ["rows of window 1", "rows of window 2"]
    for row in matrix["cells"]:
        for cell in row:
            assert 0.9 < cell["low"] <= cell["value"] <= cell["high"] <= 1
    assert matrix["rows"]["rows of window 2"] > matrix["rows"]["rows of window 1"] > 1000
    assert len(result.steps["cross-evaluate"].metrics) == 4


def test_drift_between_the_windows_is_told(result) -> None:
    drift = json.loads((result.artifact("drift", "drift").path / "drift.json").read_text())
    assert "company" in json.dumps(drift)
    assert result.steps["drift"].metrics


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ts1_1": "2016-01-01", "ts2_1": "2015-01-01"}, "ts1_1='2016-01-01', ts2_1='2015-01-01': the window is over"),
        ({"ts2_2": "soon"}, "ts2_2='soon': no ISO 8601 time"),
        ({"ts1_2": "2001-01-01", "ts2_2": "2002-01-01"}, "no train row is in the window .*goes from 2013-01-01"),
        ({"eval_ts1": "2020-01-01"}, "no eval row is in the window"),
        ({"ts1_1": ""}, "ts1_1, ts2_1: without both ends"),
    ],
)
def test_windows_that_cannot_be_read_stop_the_run_before_anything_is_read(
    tmp_path: Path, changes: dict, message: str
) -> None:
    with pytest.raises(RunFailedError, match=message) as caught:
        run(workflow2, changes, run_dir=tmp_path / "run")
    statuses = {name: step.status for name, step in caught.value.result.steps.items()}
    assert statuses.pop("plan-windows") == "failed"
    assert set(statuses.values()) == {"skipped"}


def test_a_run_that_cannot_prove_disjointness_stops(tmp_path: Path) -> None:
    import shutil

    from taxi_pipeline.data import TRIPS

    copy = shutil.copy(TRIPS, tmp_path / "copy.parquet")
    with pytest.raises(RunFailedError, match="nothing shows that no eval row of .* is a train row of"):
        run(workflow2, {"input_handle_eval": str(copy)}, run_dir=tmp_path / "run")
