"""Where Beam work runs: what is wrong shows before anything starts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from components.lib.beam.options import BeamOptions
from pipeline_tools.errors import InputError

GOOD: dict[str, Any] = {
    "mode": "cloud",
    "mode_parameter": "preprocess_mode",
    "project": "some-project",
    "region": "us-central1",
    "temp_location": "gs://bucket/tmp",
    "worker_image": "europe-docker.pkg.dev/p/r/taxi:1",
}


def test_what_dataflow_needs_is_enough() -> None:
    BeamOptions(**GOOD).check()
    assert BeamOptions(**GOOD).is_dataflow


def test_local_mode_asks_for_nothing() -> None:
    BeamOptions().check()
    BeamOptions(project="?", beam_flags=["nonsense"]).check()
    assert not BeamOptions().is_dataflow


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mode": "remote"}, "preprocess_mode='remote': must be one of local, cloud"),
        ({"project": ""}, "preprocess_mode=cloud runs on Dataflow: project='': is empty; give"),
        ({"project": "My Project"}, "project='My Project': is no id"),
        ({"region": "here"}, "region='here': must be a region"),
        ({"temp_location": ""}, r"temp_location='': must be a gs://bucket/folder .*working_dir"),
        ({"temp_location": "/tmp/x"}, "temp_location='/tmp/x': must be a gs://bucket/folder"),
        ({"temp_location": "s3://bucket/x"}, "temp_location='s3://bucket/x': must be gs://"),
        ({"temp_location": "gs://YOUR_BUCKET/x"}, "temp_location='gs://YOUR_BUCKET/x': must be gs://"),
        ({"worker_image": "taxi:1"}, "worker_image='taxi:1': names no registry"),
        ({"max_workers": -1}, "max_workers=-1: must be a whole number"),
        ({"max_workers": 1.5}, "max_workers=1.5: must be a whole number"),
        ({"service_account": "worker"}, "service_account='worker': must be the e-mail"),
        ({"labels": {"Team": "x"}}, 'labels={"Team": "x"}: keys and values'),
        ({"labels": {"team": "X"}}, 'labels={"team": "X"}: keys and values'),
        ({"beam_flags": ["max_workers=3"]}, "beam_flags=.*'max_workers=3' must have the form"),
        ({"beam_runner": "Flink Runner"}, "beam_runner='Flink Runner': must be the name"),
    ],
)
def test_what_cannot_be_is_named_with_its_parameter(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        BeamOptions(**{**GOOD, **wrong}).check()


def test_all_that_is_missing_is_said_at_once() -> None:
    with pytest.raises(InputError) as caught:
        BeamOptions(mode="cloud", mode_parameter="tfma_mode").check()
    assert str(caught.value).count("tfma_mode=cloud runs on Dataflow: ") == 4


def test_of_what_is_not_known_nothing_is_said() -> None:
    options = BeamOptions(mode="cloud", mode_parameter="tfma_mode", project="", region="nowhere")
    assert options.problems({"mode", "region"}) == []  # the runner may be another than Dataflow
    [only] = options.problems({"mode", "region", "beam_runner"})
    assert "region='nowhere'" in only


def test_another_runner_needs_no_google() -> None:
    options = BeamOptions(mode="cloud", beam_runner="FlinkRunner", beam_flags=["--flink_master=localhost:8081"])
    options.check()
    assert not options.is_dataflow
    assert BeamOptions(**GOOD, beam_runner="apache_beam.runners.DataflowRunner").is_dataflow


def test_artifacts_are_named_as_whoever_works_on_them_reaches_them() -> None:
    artifact = SimpleNamespace(path="/gcs/b/x", uri="gs://b/x")
    assert BeamOptions().place(artifact) == "/gcs/b/x"
    assert BeamOptions(**GOOD).place(artifact) == "gs://b/x"
