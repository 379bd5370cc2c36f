"""What Beam is told."""

from __future__ import annotations

import pytest

pytest.importorskip("apache_beam", reason="needs taxi-pipeline[local]")

from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    PortableOptions,
    SetupOptions,
    StandardOptions,
    WorkerOptions,
)

from components.lib.beam.options import BeamOptions
from components.lib.beam.pipelines import flags, job_name, make_pipeline
from pipeline_tools.errors import InputError
from tests.components.lib.beam.test_options import GOOD


def test_dataflow_gets_every_parameter_where_it_reads_it() -> None:
    options = BeamOptions(
        **GOOD,
        machine_type="n2-standard-4",
        max_workers=7,
        network="regions/us-central1/subnetworks/workers",
        service_account="workers@some-project.iam.gserviceaccount.com",
        labels={"team": "trips", "cost": "low"},
        job_name="workflow1 run/7-preprocess1",
        flags=["--experiments=shuffle_mode=service", "--max_num_workers=9"],
    )
    read = PipelineOptions(flags(options))
    cloud, worker = read.view_as(GoogleCloudOptions), read.view_as(WorkerOptions)
    assert read.view_as(StandardOptions).runner == "DataflowRunner"
    assert (cloud.project, cloud.region) == ("some-project", "us-central1")
    assert (cloud.temp_location, cloud.staging_location) == ("gs://bucket/tmp", "gs://bucket/tmp/staging")
    assert cloud.job_name == "workflow1-run-7-preprocess1"
    assert cloud.service_account_email == "workers@some-project.iam.gserviceaccount.com"
    assert cloud.labels == ["cost=low", "team=trips"]
    assert worker.sdk_container_image == "europe-docker.pkg.dev/p/r/taxi:1"
    assert worker.machine_type == "n2-standard-4"
    assert (worker.network, worker.subnetwork) == (None, "regions/us-central1/subnetworks/workers")
    assert worker.max_num_workers == 9  # what the user writes in Beam's own words wins
    assert read.view_as(SetupOptions).sdk_location == "container"


def test_another_runner_gets_its_own_flags() -> None:
    options = BeamOptions(
        mode="cloud",
        runner="PortableRunner",
        project="some-project",
        flags=["--job_endpoint=localhost:8099", "--environment_type=LOOPBACK"],
    )
    read = PipelineOptions(flags(options))
    assert read.view_as(PortableOptions).job_endpoint == "localhost:8099"
    assert read.view_as(GoogleCloudOptions).project is None


def test_a_flag_with_a_typo_is_refused() -> None:
    with pytest.raises(InputError, match="beam_options.flags: Beam knows no flag --max_num_worker"):
        make_pipeline(BeamOptions(**GOOD, flags=["--max_num_worker=9", "--experiments=known"]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", ""),
        ("workflow1-20261124T161902Z-a21127-evaluate2", "workflow1-20261124t161902z-a21127-evaluate2"),
        ("7 trips", "job-7-trips"),
        ("x" * 200 + "-evaluate1", "x" * 90 + "-evaluate1"),
    ],
)
def test_job_names_are_such_as_dataflow_takes(name: str, expected: str) -> None:
    assert job_name(name) == expected
