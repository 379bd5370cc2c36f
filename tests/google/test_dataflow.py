"""The real DataflowRunner submits jobs, and a worker that is not the launcher runs them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.google.fixtures import Google, services

pytestmark = pytest.mark.full

IMAGE = "example.com/taxis/worker:1"

WORDS = """
import sys
import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

PATTERN = r"[a-z]+"

class Split(beam.DoFn):
    def __init__(self):
        self.counter = beam.metrics.Metrics.counter("words", "lines")
        self.lengths = beam.metrics.Metrics.distribution("words", "lengths")

    def process(self, line):
        import re
        self.counter.inc()
        self.lengths.update(len(line))
        yield from re.findall(PATTERN, line)

def format_count(pair):
    return "%s %d" % pair

bucket, *flags = sys.argv[1:]
pipeline = beam.Pipeline(options=PipelineOptions(flags))
(
    pipeline
    | beam.io.ReadFromText(f"{bucket}/in/*.txt")
    | "Split" >> beam.ParDo(Split())
    | beam.combiners.Count.PerElement()
    | beam.Map(format_count)
    | beam.io.WriteToText(f"{bucket}/out/words")
)
result = pipeline.run()
print(result.wait_until_finish())
for kind, found in result.metrics().query(beam.metrics.MetricsFilter().with_namespace("words")).items():
    for metric in found:
        print(kind, metric.key.step, metric.key.metric.name, metric.committed, metric.attempted)
"""

TRANSFORM = """
import sys
import apache_beam as beam
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

def preprocessing_fn(columns):
    company = tft.compute_and_apply_vocabulary(columns["company"])
    return {"scaled": tft.scale_to_z_score(columns["fare"]), "company": company}

def main(bucket, *flags):
    spec = {"fare": tf.io.FixedLenFeature([], tf.float32), "company": tf.io.FixedLenFeature([], tf.string)}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    with beam.Pipeline(options=PipelineOptions(flags)) as pipeline, tft_beam.Context(temp_dir=f"{bucket}/temp/tft"):
        rows = pipeline | beam.Create([{"fare": float(n), "company": "ab"[n % 3 == 0]} for n in range(9)])
        fitted = (rows, metadata) | tft_beam.AnalyzeDataset(preprocessing_fn)
        _ = fitted | tft_beam.WriteTransformFn(f"{bucket}/graph")

main(*sys.argv[1:])  # TensorFlow's graphs must not live as long as this module: it crashes when they are collected last
"""

SLEEP = """
import sys
import time
import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.dataflow.internal.apiclient import DataflowJobAlreadyExistsError

def submit():
    pipeline = beam.Pipeline(options=PipelineOptions(sys.argv[1:]))
    _ = pipeline | beam.Create([600]) | beam.Map(time.sleep)
    return pipeline.run()

result = submit()
try:
    submit()
except DataflowJobAlreadyExistsError as error:
    print(error)
while result.state != "RUNNING":
    time.sleep(0.1)
"""

LOAD = """
import sys
import tensorflow as tf
import tensorflow_transform as tft
layer = tft.TFTransformOutput(sys.argv[1]).transform_features_layer()
found = layer({"fare": tf.constant([4.0, 8.0]), "company": tf.constant(["a", "b"])})
print(*(round(float(each), 4) for each in found["scaled"]), found["company"].numpy().tolist())
"""


@pytest.fixture
def flags(google) -> list[str]:
    return [
        "--runner=DataflowRunner",
        f"--project={google.project}",
        f"--region={google.region}",
        f"--temp_location={google.bucket.uri}/temp",
        "--sdk_location=container",
        f"--sdk_container_image={IMAGE}",
    ]


@pytest.fixture
def launch(google, tmp_path) -> Callable[..., subprocess.Popen[str]]:
    """Run a script in a process of its own."""

    def start(script: str, *arguments: str) -> subprocess.Popen[str]:
        path = tmp_path / "launch.py"
        path.write_text(script)
        return subprocess.Popen(
            [sys.executable, str(path), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **google.env},
        )

    return start


def test_a_job_is_recorded_and_executed(google, launch, flags):
    google.bucket.write("in/one.txt", "the tip of the trip\nthe fare\n")
    google.bucket.write("in/two.txt", "the trip\n")
    more = ["--job_name=words-1", "--machine_type=n2-standard-4", "--max_num_workers=3", "--labels=run=r-1"]
    launched = launch(WORDS, google.bucket.uri, *flags, *more)
    printed, errors = launched.communicate(timeout=300)
    assert launched.returncode == 0, errors
    lines = sorted(google.bucket.read(google.bucket.names("out/")[0]).decode().splitlines())
    assert lines == ["fare 1", "of 1", "the 4", "tip 1", "trip 2"]

    (job,) = google.jobs()
    assert (job.project, job.region, job.state) == ("test-project", "us-central1", "JOB_STATE_DONE")
    assert job.body["name"] == "words-1"
    assert job.body["labels"] == {"run": "r-1"}
    (pool,) = job.body["environment"]["workerPools"]
    assert pool["machineType"] == "n2-standard-4"
    assert pool["autoscalingSettings"]["maxNumWorkers"] == 3
    assert [image["containerImage"] for image in pool["sdkHarnessContainerImages"]] == [IMAGE]
    assert job.options["machine_type"] == "n2-standard-4"
    names = {transform.unique_name for transform in job.pipeline.components.transforms.values()}
    assert "Split" in names

    assert printed.splitlines()[0] == "DONE"
    assert "counters Split lines 3 3" in printed
    assert "DistributionResult(sum=35, count=3, min=8, max=19" in printed


def test_a_worker_has_not_what_the_launcher_has(google, launch, flags, tmp_path):
    google.bucket.write("in/one.txt", "the fare\n")
    (tmp_path / "helpers.py").write_text("def shout(word):\n    return word.upper()\n")
    script = WORDS.replace("import sys\n", "import sys\nimport helpers\n", 1).replace(
        "beam.Map(format_count)", "beam.Map(helpers.shout)"
    )
    launched = launch(script, google.bucket.uri, *flags)
    _, errors = launched.communicate(timeout=300)
    assert launched.returncode == 1
    assert "DataflowRuntimeException: Dataflow pipeline failed. State: FAILED, Error:\nTraceback (most recent" in errors
    assert "ModuleNotFoundError: No module named 'helpers'" in errors
    (job,) = google.jobs()
    assert f"https://console.cloud.google.com/dataflow/jobs/us-central1/{job.id}?project=test-project" in errors
    assert job.state == "JOB_STATE_FAILED"
    assert [importance for importance, _ in job.messages].count("JOB_MESSAGE_ERROR") == 2
    assert not google.bucket.names("out/")


def test_a_file_of_the_launchers_is_not_there(google, launch, flags, tmp_path):
    (tmp_path / "pattern.txt").write_text("[a-z]+")
    google.bucket.write("in/one.txt", "the fare\n")
    script = WORDS.replace("re.findall(PATTERN", f"re.findall(open({str(tmp_path / 'pattern.txt')!r}).read()")
    launched = launch(script, google.bucket.uri, *flags)
    _, errors = launched.communicate(timeout=300)
    assert launched.returncode == 1
    assert f"FileNotFoundError: [Errno 2] No such file or directory: '{tmp_path}/pattern.txt'" in errors


def test_transform_on_a_bucket(google, launch, flags):
    launched = launch(TRANSFORM, google.bucket.uri, *flags)
    _, errors = launched.communicate(timeout=600)
    assert launched.returncode == 0, errors
    (job,) = google.jobs()
    assert job.state == "JOB_STATE_DONE"
    assert job.options["sdk_container_image"] == IMAGE
    assert job.options["sdk_location"] == "container"
    assert "graph/transform_fn/saved_model.pb" in google.bucket.names("graph/")

    loaded = launch(LOAD, f"{google.bucket.uri}/graph")
    printed, errors = loaded.communicate(timeout=300)
    assert loaded.returncode == 0, errors
    assert printed == "0.0 1.5492 [0, 1]\n"


def test_a_worker_that_lacks_a_package(google, launch, flags):
    google.hide("cityhash")
    google.bucket.write("in/one.txt", "the fare\n")
    launched = launch(WORDS.replace("import re\n", "import re, cityhash\n"), google.bucket.uri, *flags)
    _, errors = launched.communicate(timeout=300)
    assert launched.returncode == 1
    assert "DataflowRuntimeException" in errors
    assert "ModuleNotFoundError: No module named 'cityhash'" in errors.rpartition("DataflowRuntime")[2]
    assert not google.bucket.names("out/")


def test_a_job_is_cancelled_and_its_name_is_used_once_at_a_time(google, launch, flags):
    script = f"{SLEEP}\nprint(result.cancel())\nprint(submit().cancel())\n"
    launched = launch(script, *flags, "--job_name=sleep")
    printed, errors = launched.communicate(timeout=300)
    assert launched.returncode == 0, errors
    first, second = google.jobs()
    told, *states = printed.splitlines()
    assert told.startswith(f"There is already active job named sleep with id: {first.id}.")
    assert states == ["CANCELLED", "CANCELLED"]
    assert (first.state, second.state) == ("JOB_STATE_CANCELLED", "JOB_STATE_CANCELLED")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--job_name=Sleep_1"], "Invalid job_name"),
        (["--labels=run=R-1"], "The label 'R-1' is invalid"),
    ],
)
def test_what_the_service_refuses(more, told, google, launch, flags):
    launched = launch(SLEEP, *flags, *more)
    _, errors = launched.communicate(timeout=300)
    assert launched.returncode == 1
    assert told in errors
    assert not google.jobs()


def test_no_worker_outlives_the_services(google_folder, launch, flags, tmp_path):
    folder = tmp_path / "services"
    folder.mkdir()
    with services(folder) as process:
        google = Google(folder, "another")
        variables = [f"{name}={value}" for name, value in google.env.items()]
        given = [*flags[:3], "--temp_location=gs://another/temp", "--job_name=sleep"]
        command = ["env", *variables, sys.executable, "-c", SLEEP, *given]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        (job,) = google.jobs()
        assert job.state == "JOB_STATE_RUNNING"
        worker = Path(f"/proc/{(folder / 'jobs' / job.id / 'pid').read_text()}/cmdline")
        assert "worker.py" in worker.read_text()
        process.kill()
        process.wait()
        deadline = time.monotonic() + 120
        while worker.exists() and worker.read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not worker.exists() or not worker.read_text()
