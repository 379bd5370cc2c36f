"""Vertex AI Pipelines: Google's own SDK, in a process of its own that knows of no stand-in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_tools.compiler import compile_package
from pipeline_tools.errors import InputError
from pipeline_tools.submit import Target, submit_to_vertex
from taxi_pipeline.workflow1 import workflow1
from tests.pipeline_tools.submit.test_submit import two_steps

IMAGE = "us-central1-docker.pkg.dev/test-project/taxi/steps:1"


@pytest.fixture
def fake(google):
    pytest.importorskip("google.cloud.aiplatform", reason="needs taxi-pipeline[cloud]")
    from .fake_vertex import Fake, serve

    service = Fake()
    server, port = serve(service)
    google.route("us-central1-aiplatform.googleapis.com", grpc=port)
    google.route("cloudresourcemanager.googleapis.com", grpc=port)
    yield service
    server.stop(0).wait()


@pytest.fixture
def command(google, fake, tmp_path):
    package = compile_package(two_steps, tmp_path / "two-steps.tar.gz")

    def call(*arguments, workflow=package):
        line = [sys.executable, "-m", "taxi_pipeline", "submit", workflow, "--vertex", *map(str, arguments)]
        line += ["--project", google.project, "--pipeline-root", f"{google.bucket.uri}/runs", "--poll", "0.1"]
        root = str(Path(__file__).parents[3])
        environment = {**os.environ, **google.env, "PYTHONPATH": root}
        return subprocess.run(line, capture_output=True, text=True, timeout=300, env=environment)

    return call


@pytest.mark.full
def test_workflow1_is_accepted_and_followed(command, fake, google):
    fake.script = [("PENDING", {}), ("RUNNING", {"example-gen": "RUNNING"}), ("SUCCEEDED", None)]
    done = command("--image", IMAGE, "-p", "train_steps=2000", "--service-account", "runner@test-project.iam",
                   "--no-cache", "--wait", "--json", workflow="workflow1")  # fmt: skip
    assert done.returncode == 0, done.stderr
    ((name, job),) = fake.jobs.items()
    told = json.loads(done.stdout)
    assert (told["status"], told["ids"]["run"], told["service"]) == ("succeeded", name, "vertex")
    assert re.fullmatch(r"projects/test-project/locations/us-central1/pipelineJobs/workflow1-\d{14}-[0-9a-f]{6}", name)
    page = "https://console.cloud.google.com/vertex-ai/locations/us-central1/pipelines/runs"
    assert told["links"]["run"] == f"{page}/{name.rpartition('/')[2]}?project=test-project"
    assert {step["status"] for step in told["steps"].values()} <= {"succeeded", "skipped"}
    assert job.runtime_config.gcs_output_directory == f"{google.bucket.uri}/runs"
    assert dict(job.runtime_config.parameter_values) == {"train_steps": 2000}
    assert job.service_account == "runner@test-project.iam"
    assert job.labels["package-sha256"] == told["sha256"][:32]
    executors = job.pipeline_spec["deploymentSpec"]["executors"]
    assert {each["container"]["image"] for each in executors.values() if "container" in each} == {IMAGE}
    tasks = job.pipeline_spec["root"]["dag"]["tasks"]
    assert not any(task["cachingOptions"].get("enableCache") for task in tasks.values())


@pytest.mark.full
def test_a_failure_says_which_step_and_why(command, fake):
    fake.script = [("FAILED", {"first": "FAILED: The replica workerpool0-0 exited with a non-zero status of 1."})]
    done = command("--wait")
    assert done.returncode == 1
    assert "first failed: The replica workerpool0-0 exited with a non-zero status of 1." in done.stdout
    assert re.search(r"second +- skipped", done.stdout)
    assert "Creating PipelineJob" not in done.stdout + done.stderr  # the SDK's own words


@pytest.mark.full
def test_a_schedule(command, fake):
    done = command("--recurring", "TZ=Europe/Berlin 0 6 * * 1", "--max-concurrency", "2", "-p", "count=4")
    assert done.returncode == 0, done.stderr
    (schedule,) = fake.schedules
    assert (schedule.cron, schedule.max_concurrent_run_count) == ("TZ=Europe/Berlin 0 6 * * 1", 2)
    job = schedule.create_pipeline_job_request.pipeline_job
    assert dict(job.runtime_config.parameter_values) == {"count": 4}
    assert "/pipelines/schedules/1?project=test-project" in done.stdout
    again = command("--recurring", "TZ=Europe/Berlin 0 6 * * 1")
    assert again.returncode == 2
    assert "Europe/Berlin 0 6 * * 1': https://console.cloud.google.com/vertex-ai" in again.stderr
    assert len(fake.schedules) == 1


@pytest.mark.full
def test_a_refusal(command, fake):
    import grpc

    fake.refuse = (grpc.StatusCode.PERMISSION_DENIED, "Permission 'aiplatform.pipelineJobs.create' denied")
    done = command()
    assert (done.returncode, done.stdout) == (2, "")
    assert "starting the run" in done.stderr
    assert (
        "needs the role Vertex AI User on the project (Permission 'aiplatform.pipelineJobs.create' denied)"
        in done.stderr
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"project": "X"}, "--project 'X'"),
        ({"region": "europe"}, "--region 'europe'"),
        ({"pipeline_root": "/tmp/runs"}, "--pipeline-root '/tmp/runs': artifacts are stored in Cloud Storage"),
        ({"pipeline_root": "gs://"}, "--pipeline-root 'gs://'"),
    ],
)
def test_where_it_cannot_run(options, text):
    target = Target(**{"project": "my-project", "pipeline_root": "gs://bucket/runs", **options})
    with pytest.raises(InputError, match=text):
        submit_to_vertex(two_steps, target=target)


def test_an_image_that_no_registry_has():
    with pytest.raises(InputError, match="which is in no registry; build and push an image, and name it with --image"):
        submit_to_vertex(workflow1, target=Target("my-project", "gs://bucket/runs"))
