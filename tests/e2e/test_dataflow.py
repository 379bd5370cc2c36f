"""The steps on Dataflow: real requests, and the staged jobs executed by a worker that is not the launcher.

What Dataflow itself would do with them is not shown here; see tests/google.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tensorflow", reason="needs taxi-pipeline[local]")

import pyarrow.parquet as pq

from tests.e2e.content import evaluated, transformed

pytestmark = pytest.mark.full

STEP = """
import json, sys
from components.lib.beam.options import BeamOptions
from pipeline_tools.errors import InputError

def main(step, bucket, project, region):
    options = BeamOptions(
        mode="cloud", mode_parameter="mode", project=project, region=region, temp_location=f"{bucket}/temp",
        worker_image="registry.example/taxi-pipeline:1", machine_type="n2-standard-4", max_workers=3,
        service_account="workers@test-project.iam.gserviceaccount.com", labels={"team": "trips"},
        network="regions/us-central1/subnetworks/workers", job_name=f"workflow1 run 7-{step}",
    )
    if step == "preprocess":
        from components.transform.preprocess import preprocess
        found = preprocess(
            f"{bucket}/examples", "taxi_pipeline.preprocessing", transform_graph=f"{bucket}/graph",
            transformed_examples=f"{bucket}/transformed", options=options,
        )
    else:
        from components.analysis.analyze import analyze
        from taxi_pipeline.schema import LABEL_KEY
        found = analyze(
            f"{bucket}/examples", f"{bucket}/model", "taxi_pipeline.eval_config", label_key=LABEL_KEY,
            evaluation=f"{bucket}/evaluation", report=sys.argv[5], rule_column="payment_type",
            rule_value="Credit Card", options=options,
        )["metrics"]
    print("found", json.dumps(found))

main(*sys.argv[1:5])
"""


def start(google: Any, tmp_path: Path, step: str) -> subprocess.Popen[str]:
    """Run a step in a process of its own, which reaches Google's stand-ins."""
    command = [sys.executable, "-c", STEP, step, google.bucket.uri, google.project, google.region]
    return subprocess.Popen(
        [*command, str(tmp_path / "report.html")],
        env={**os.environ, **google.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def found(process: subprocess.Popen[str]) -> dict[str, float]:
    printed, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors[-3000:]
    [line] = [line for line in printed.splitlines() if line.startswith("found ")]
    return json.loads(line.removeprefix("found "))


def request_of(job: Any, google: Any) -> str:
    """What is asked of Dataflow, without what differs from run to run, machine to machine and Beam to Beam."""
    body = json.loads(json.dumps(job.body).replace(google.bucket.name, "BUCKET"))
    environment = body["environment"]
    pool = environment["workerPools"][0]
    options = job.options
    kept = {
        "name": body["name"],
        "type": body["type"],
        "labels": body.get("labels", {}),
        "experiments": sorted(each for each in environment["experiments"] if "beam_plugin" not in each),
        "tempStoragePrefix": environment["tempStoragePrefix"],
        "serviceAccountEmail": environment.get("serviceAccountEmail"),
        "worker": {
            "machineType": pool["machineType"],
            "maxNumWorkers": pool["autoscalingSettings"]["maxNumWorkers"],
            "network": pool.get("network"),
            "subnetwork": pool.get("subnetwork"),
            "images": sorted({each["containerImage"] for each in pool["sdkHarnessContainerImages"]}),
        },
        "options": {
            name: options[name].replace(google.bucket.name, "BUCKET")
            for name in ("project", "region", "job_name", "temp_location", "sdk_location", "sdk_container_image")
        },
    }
    return re.sub(r"\.\d{8,}\.\d+", ".TIME", json.dumps(kept, indent=2, sort_keys=True)) + "\n"


def test_both_steps_give_the_content_of_local_mode(chain, google, golden, tmp_path: Path) -> None:
    google.bucket.upload(Path(chain.examples), "examples")
    google.bucket.upload(Path(chain.model), "model")
    steps = [start(google, tmp_path, step) for step in ("preprocess", "analyze")]
    counts, metrics = (found(step) for step in steps)

    there = google.bucket.download("graph", tmp_path / "graph"), google.bucket.download("transformed", tmp_path / "t")
    here = transformed(chain.transformed, chain.graph)
    assert transformed(str(there[1]), str(there[0])) == here
    assert counts == {"train": len(here["train"]), "eval": len(here["eval"]), "features": len(here["train"][0])}

    evaluation = google.bucket.download("evaluation", tmp_path / "evaluation")
    own = Path(chain.evaluation)
    assert pq.read_table(evaluation / "predictions").equals(pq.read_table(own / "predictions"))
    assert evaluated(evaluation) == pytest.approx(evaluated(own), rel=1e-9, nan_ok=True)
    assert metrics == pytest.approx(chain.analysis["metrics"], rel=1e-9)
    assert (evaluation / "verdict.json").read_bytes() == (own / "verdict.json").read_bytes()
    assert "payment_type is Credit Card" in (evaluation / "baselines.json").read_text()
    assert (tmp_path / "report.html").stat().st_size > 10_000

    # Beside what was staged for the workers, which Beam leaves there, nothing is left.
    assert {name.split("/")[1] for name in google.bucket.names("temp/") if name != "temp/"} == {"staging"}
    for job in sorted(google.jobs(), key=lambda job: job.body["name"]):
        assert job.state == "JOB_STATE_DONE", job.log
        golden(f"dataflow/{job.body['name'].rpartition('-')[2]}.json", request_of(job, google))


def test_what_a_worker_lacks_is_told_with_the_jobs_address_and_leaves_nothing(chain, google, tmp_path: Path) -> None:
    google.bucket.upload(Path(chain.examples), "examples")
    google.hide("components")
    step = start(google, tmp_path, "preprocess")
    _, errors = step.communicate(timeout=600)
    assert step.returncode == 1
    [job] = google.jobs()
    last = errors[errors.rindex("BeamJobError") :]
    console = f"https://console.cloud.google.com/dataflow/jobs/us-central1/{job.id}?project=test-project"
    assert f"DataflowRunner: job workflow1-run-7-preprocess ({console}) failed: " in last
    assert "No module named 'components'" in last
    assert google.bucket.names("graph") == google.bucket.names("transformed") == []


def test_a_run_in_a_bucket_sends_its_steps_to_dataflow(google, tmp_path: Path) -> None:
    """Everything together: the local runner, artifacts in Cloud Storage, workers that reach them by their URIs."""

    def run(*more: str, **environment: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "taxi_pipeline", "run", "tests.e2e.one_variant:one_variant", "--json", *more]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, timeout=900)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    options = {
        "project": google.project,
        "region": google.region,
        "temp_location": f"{google.bucket.uri}/work",
        "worker_image": "registry.example/taxi-pipeline:1",
    }
    parameters = {"mode": "cloud", "beam_options": json.dumps(options)}
    given = [word for name, value in parameters.items() for word in ("--param", f"{name}={value}")]
    there = run("--run-dir", f"{google.bucket.uri}/runs/one", *given, **google.env)
    here = run("--run-dir", str(tmp_path / "here"))

    assert {job.state for job in google.jobs()} == {"JOB_STATE_DONE"}
    names = sorted(job.body["name"] for job in google.jobs())
    assert [re.fullmatch(r"(one-variant|one)-?.*-(evaluate1|preprocess1)", name)[2] for name in names] == [
        "evaluate1",
        "preprocess1",
    ]
    assert "runs/one/artifacts/tft-preprocess/transform_graph/transform_fn/saved_model.pb" in google.bucket.names(
        "runs"
    )
    for step in ("train", "tfma-analyze"):
        assert there["steps"][step]["metrics"] == pytest.approx(here["steps"][step]["metrics"], rel=1e-9)
