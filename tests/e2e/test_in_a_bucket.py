"""workflow1 with everything in Cloud Storage that can lie there gives what it gives on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("tensorflow", reason="needs taxi-pipeline[local]")

import taxi_pipeline
from pipeline_tools import storage
from pipeline_tools.local import RunResult, run
from taxi_pipeline.workflow1 import workflow1

from .conftest import ROWS, STEPS

pytestmark = pytest.mark.full

PLACE = "gs://bucket/runs/small"


@pytest.fixture
def code(gcs, tmp_path) -> dict[str, str]:
    """The modules of the taxis in the bucket; any model meets the thresholds there."""
    package = Path(taxi_pipeline.__file__).parent
    config = (package / "eval_config.py").read_text().replace("value: 0.9", "value: 0.01").replace("0.85", "0.01")
    (tmp_path / "eval_config.py").write_text(config)
    files = {name: package / f"{name}.py" for name in ("preprocessing", "preprocessing2", "model")}
    for name, path in {**files, "eval_config": tmp_path / "eval_config.py"}.items():
        storage.upload(path, f"gs://bucket/code/{name}.py")
    return {
        "preprocessing_module1": "gs://bucket/code/preprocessing.py",
        "preprocessing_module2": "gs://bucket/code/preprocessing2.py",
        "model_module": "gs://bucket/code/model.py",
        "eval_config": "gs://bucket/code/eval_config.py",
    }


@pytest.mark.timeout(1800)
def test_workflow1_in_a_bucket_has_the_metrics_of_this_machine(gcs, code, chain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = {"max_rows": ROWS, "train_steps": STEPS, "model_base_path": "gs://bucket/models"}
    result = run(workflow1, {**small, **code}, run_dir=PLACE)

    assert result.artifact("train", "metrics").metadata == pytest.approx(chain.metrics, rel=1e-6)
    analyzed = dict(result.artifact("tfma-analyze", "metrics").metadata)
    assert analyzed == pytest.approx({name: chain.analysis["metrics"][name] for name in analyzed}, rel=1e-6)
    assert len(analyzed) > 3

    # All artifacts lie in the bucket, and what is there is what is here.
    for step in result.steps.values():
        for name, artifact in step.artifacts.items():
            assert artifact.uri.startswith(f"{PLACE}/artifacts/{step.name}/{name}"), (step.name, name)
            if artifact.path.is_dir():
                here = {str(path.relative_to(artifact.path)) for path in artifact.path.rglob("*") if path.is_file()}
                assert set(storage.objects(artifact.uri)) == here
            elif artifact.path.exists():
                assert storage.read_bytes(artifact.uri) == artifact.path.read_bytes()

    provenance = json.loads(storage.read_text("gs://bucket/models/taxi1/1/assets.extra/provenance.json"))
    assert set(provenance["code_modules_sha256"]) == {code["preprocessing_module1"], code["model_module"]}
    assert "saved_model.pb" in storage.objects("gs://bucket/models/taxi2/1")

    storage.download(PLACE, tmp_path / "copy")
    copy = RunResult.load(tmp_path / "copy")
    assert copy.status == "succeeded"
    from components.commands import report

    # The page says the same, whether it is made from the bucket, from a copy, or from what stayed on this machine.
    there = report.view(PLACE)
    assert len(there.html) > 100_000
    assert repr(there) == repr(report.view(result)) == repr(report.view(tmp_path / "copy"))
    assert "AUC" in repr(report.view(result.artifact("tfma-analyze", "evaluation").uri))


def test_a_schema_in_a_bucket_reads_the_same_examples(gcs, code, examples, tmp_path):
    from components.example_generation.read import read_examples
    from components.example_generation.request import ReadParameters
    from taxi_pipeline.schema import DERIVED_COLUMNS, KEY_COLUMN, SCHEMA, TIME_COLUMN

    storage.write_bytes("gs://bucket/code/schema.pbtxt", SCHEMA.encode())
    parameters = ReadParameters(
        input_handle_train="sample://trips",
        input_handle_eval="sample://trips",
        schema="gs://bucket/code/schema.pbtxt",
        key_column=KEY_COLUMN,
        derived_columns=DERIVED_COLUMNS,
        time_column=TIME_COLUMN,
        max_rows=ROWS,
    )
    places = {name: tmp_path / name for name in ("examples", "statistics", "anomalies")}
    read_examples(parameters, **places)
    there = {str(path.relative_to(places["examples"])): path.read_bytes() for path in places["examples"].rglob("*.*")}
    assert there == {str(path.relative_to(examples)): path.read_bytes() for path in Path(examples).rglob("*.*")}
