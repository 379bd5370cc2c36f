from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.lib.deploy.blessing import Blessing
from components.lib.deploy.golden import (
    GoldenRequest,
    PredictionMismatchError,
    choose_requests,
    compare_predictions,
    read_requests,
    write_requests,
)
from components.lib.deploy.provenance import hash_tree, write_provenance
from pipeline_tools.errors import InputError

SCHEMA = """
feature { name: "fare" type: FLOAT }
feature { name: "hour" type: INT }
feature { name: "company" type: BYTES }
"""
ROWS = 100


@pytest.fixture
def examples(tmp_path) -> str:
    split = tmp_path / "examples" / "eval"
    split.mkdir(parents=True)
    (tmp_path / "examples" / "schema.pbtxt").write_text(SCHEMA)
    for part, keys in enumerate((range(33), range(33, ROWS))):
        table = pa.table(
            {
                "fare": pa.array([key / 3 for key in keys], pa.float32()),
                "hour": pa.array([key % 24 for key in keys], pa.int64()),
                "company": pa.array([None if key % 2 else f"C{key}" for key in keys], pa.string()),
                "example_key": pa.array([f"k{key}" for key in keys], pa.string()),
            }
        )
        pq.write_table(table, split / f"data-0000{part}-of-00002.parquet")
    return str(tmp_path / "examples")


@pytest.fixture
def evaluation(tmp_path) -> str:
    predictions = tmp_path / "evaluation" / "predictions"
    predictions.mkdir(parents=True)
    table = pa.table(
        {
            "example_key": [f"k{key}" for key in range(ROWS)],
            "big_tip": pa.array([0.0] * ROWS, pa.float32()),
            "probability": pa.array([key / ROWS for key in range(ROWS)], pa.float32()),
        }
    )
    pq.write_table(table, predictions / "data-00000-of-00001.parquet")
    return str(tmp_path / "evaluation")


def test_requests_are_spread_over_the_split_across_its_files(examples, evaluation):
    requests = choose_requests(examples, evaluation, 10)

    assert [request.key for request in requests] == [f"k{key}" for key in range(0, ROWS, 10)]
    assert [request.probability for request in requests] == pytest.approx([key / ROWS for key in range(0, ROWS, 10)])


def test_a_split_that_is_smaller_gives_all_it_has(examples, evaluation):
    assert len(choose_requests(examples, evaluation, 1000)) == ROWS


def test_a_missing_value_is_left_out_and_a_number_is_exact(examples, evaluation):
    requests = choose_requests(examples, evaluation, 100)

    assert "company" not in requests[1].columns
    assert requests[2].columns["company"] == "C2"
    assert requests[1].columns["fare"] == pytest.approx(1 / 3, abs=1e-7)
    assert isinstance(requests[1].columns["hour"], int)


def test_predictions_of_other_examples_are_refused(examples, evaluation):
    path = Path(evaluation) / "predictions" / "data-00000-of-00001.parquet"
    pq.write_table(pq.read_table(path).slice(0, 50), path)

    with pytest.raises(InputError, match="no prediction for 50 eval examples, of which 0 have no label"):
        choose_requests(examples, evaluation, 100)


def test_no_predictions_and_no_requests_are_refused(examples, evaluation, tmp_path):
    with pytest.raises(InputError, match="contains no predictions"):
        choose_requests(examples, str(tmp_path), 10)
    with pytest.raises(InputError, match="golden_requests=0"):
        choose_requests(examples, evaluation, 0)


def test_what_is_written_into_a_model_reads_back_the_same(examples, evaluation, tmp_path):
    requests = choose_requests(examples, evaluation, 100)
    write_requests(tmp_path, requests)

    assert read_requests(tmp_path) == requests
    with pytest.raises(InputError, match="no golden requests"):
        read_requests(tmp_path / "examples")


def answers_to(*differences: float) -> tuple[list[GoldenRequest], list[float]]:
    requests = [GoldenRequest(f"k{at}", {}, 0.5) for at in range(len(differences))]
    return requests, [0.5 + difference for difference in differences]


def test_answers_within_the_tolerance_agree():
    assert compare_predictions(*answers_to(0, 9e-7, -4e-7), "x") == pytest.approx(9e-7)


def test_a_disagreement_names_the_rows_and_how_far_off_they_are():
    with pytest.raises(PredictionMismatchError) as caught:
        compare_predictions(*answers_to(0, 0.25, 0, 2e-6), "localhost:8500 (gRPC)")

    message = str(caught.value)
    assert "localhost:8500 (gRPC) disagrees with the evaluation on 2 of 4 golden requests" in message
    assert "example k1: 0.75, must be 0.5 (differs by 0.25)" in message
    assert "example k3" in message
    assert "k0" not in message


def test_many_disagreements_are_counted():
    with pytest.raises(PredictionMismatchError, match="and 7 more"):
        compare_predictions(*answers_to(*[0.1] * 12), "x")


def test_nan_and_a_missing_answer_disagree():
    requests, answers = answers_to(0, 0)
    with pytest.raises(PredictionMismatchError, match="example k1: nan"):
        compare_predictions(requests, [0.5, float("nan")], "x")
    with pytest.raises(PredictionMismatchError, match="returned 1 predictions for 2"):
        compare_predictions(requests, answers[:1], "x")


def test_the_receipt_tells_what_the_model_was_made_of(examples, evaluation, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "saved_model.pb").write_bytes(b"graph")
    before = hash_tree(model)
    write_requests(model, choose_requests(examples, evaluation, 10))
    provenance = write_provenance(
        model, examples, Blessing(True, "good", False), {"auc": 0.95}, ["pipeline_tools.errors"]
    )

    assert json.loads((model / "assets.extra" / "provenance.json").read_text()) == provenance
    assert provenance["model_sha256"] == before == hash_tree(model)
    assert provenance["metrics"] == {"auc": 0.95}
    assert provenance["verdict"] == {"blessed": True, "reason": "good", "overridden": False}
    assert set(provenance["code_modules_sha256"]) == {"pipeline_tools.errors"}
    hashes = {provenance[name] for name in provenance if name.endswith("_sha256") and isinstance(provenance[name], str)}
    assert len(hashes) == 5
    assert (
        write_provenance(model, examples, Blessing(True, "good", False), {"auc": 0.95}, ["pipeline_tools.errors"])
        == provenance
    )


def test_other_rows_are_another_receipt(examples, evaluation, tmp_path):
    before = hash_tree(examples, suffix=".parquet")
    path = Path(examples) / "eval" / "data-00000-of-00002.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)

    assert hash_tree(examples, suffix=".parquet") != before


def test_a_module_that_is_not_there_is_refused(examples, evaluation, tmp_path):
    write_requests(tmp_path, choose_requests(examples, evaluation, 10))

    for name in ("no_such_module", "components.no_such", "no/such/file.py"):
        with pytest.raises(InputError, match=f"no module '{name}'"):
            write_provenance(tmp_path, examples, Blessing(True, "good", False), {}, [name])
