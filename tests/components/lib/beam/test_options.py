"""Where Beam work runs: what is wrong shows before anything starts."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from components.lib.beam.options import BeamOptions, check_inputs
from pipeline_tools.errors import InputError
from pipeline_tools.image import IMAGE

GOOD: dict[str, Any] = {
    "mode": "cloud",
    "mode_parameter": "preprocess_mode",
    "project": "some-project",
    "region": "us-central1",
    "temp_location": "gs://bucket/tmp",
    "worker_image": "europe-docker.pkg.dev/p/r/taxi:1",
}
GIVEN = {name: GOOD[name] for name in ("project", "region", "temp_location")}


def test_what_dataflow_needs_is_enough() -> None:
    BeamOptions(**GOOD).check()
    assert BeamOptions(**GOOD).is_dataflow


def test_local_mode_asks_for_nothing() -> None:
    BeamOptions().check()
    BeamOptions(project="?", flags=["nonsense"]).check()
    assert not BeamOptions().is_dataflow


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mode": "remote"}, "preprocess_mode='remote': must be one of local, cloud"),
        ({"project": ""}, "preprocess_mode=cloud runs on Dataflow: beam_options.project='': is empty; give"),
        ({"project": "My Project"}, "project='My Project': must be the id"),
        ({"region": "here"}, "region='here': must be a region"),
        ({"temp_location": ""}, r"temp_location='': must be a gs://bucket/folder"),
        ({"temp_location": "/tmp/x"}, "temp_location='/tmp/x': must be a gs://bucket/folder"),
        ({"temp_location": "s3://bucket/x"}, "temp_location='s3://bucket/x': must be gs://"),
        ({"temp_location": "gs://YOUR_BUCKET/x"}, "temp_location='gs://YOUR_BUCKET/x': must be gs://"),
        ({"worker_image": "taxi:1"}, "worker_image='taxi:1': must name the registry"),
        ({"max_workers": -1}, "beam_options.max_workers=-1: must be at least 0"),
        ({"service_account": "worker"}, "service_account='worker': must be the e-mail"),
        ({"labels": {"Team": "x"}}, 'labels={"Team": "x"}: keys and values'),
        ({"labels": {"team": "X"}}, 'labels={"team": "X"}: keys and values'),
        ({"flags": ["max_workers=3"]}, "beam_options.flags=.*'max_workers=3' must have the form"),
        ({"runner": "Flink Runner"}, "beam_options.runner='Flink Runner': must be the name"),
    ],
)
def test_what_cannot_be_is_named_with_its_parameter(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        BeamOptions(**{**GOOD, **wrong}).check()


def test_all_that_is_missing_is_said_at_once() -> None:
    with pytest.raises(InputError) as caught:
        BeamOptions(mode="cloud", mode_parameter="tfma_mode").check()
    assert str(caught.value).count("tfma_mode=cloud runs on Dataflow: ") == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"temp_locatoin": "gs://b/x"},
            "beam_options.temp_locatoin: there is no such key; did you mean temp_location?",
        ),
        ({"zone": "a"}, "beam_options.zone: there is no such key. The keys are runner, flags, project, region, "),
        ({"max_workers": "7"}, "beam_options.max_workers='7': must be a whole number"),
        ({"max_workers": 1.5}, "beam_options.max_workers=1.5: must be a whole number"),
        ({"max_workers": True}, "beam_options.max_workers=True: must be a whole number"),
        ({"flags": "--a=b"}, "beam_options.flags='--a=b': must be a list of texts"),
        ({"labels": {"team": 3}}, "beam_options.labels={'team': 3}: must be a mapping of texts to texts"),
        ({"project": None}, "beam_options.project=None: must be text"),
        (["--a=b"], r"beam_options=\['--a=b'\]: must be a mapping, with keys among runner, "),
    ],
)
@pytest.mark.parametrize("mode", ["local", "cloud"])
def test_a_key_or_a_type_that_cannot_be_is_refused_in_either_mode(options: Any, message: str, mode: str) -> None:
    with pytest.raises(InputError, match=message):
        BeamOptions.from_mapping(options, mode=mode, mode_parameter="tfma_mode")
    assert re.search(
        message, "\n".join(check_inputs({"beam_options": options, "tfma_mode": mode}, "tfma_mode", "r/i:1"))
    )


def test_a_mapping_that_went_through_json_is_read_as_it_was_meant() -> None:
    options = BeamOptions.from_mapping(
        {**GIVEN, "max_workers": 7.0}, mode="cloud", mode_parameter="read_mode", job_name="j", image="r/i:2"
    )
    assert (options.max_workers, type(options.max_workers)) == (7, int)
    assert (options.worker_image, options.runner, options.job_name) == ("r/i:2", "DataflowRunner", "j")


def test_workers_run_in_the_image_of_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_IMAGE", "registry.example/trips:7")
    assert BeamOptions().worker_image == "registry.example/trips:7"
    monkeypatch.delenv("PIPELINE_IMAGE")
    assert BeamOptions().worker_image == IMAGE
    assert BeamOptions(worker_image="r/i:1").worker_image == "r/i:1"


def test_of_what_is_not_known_nothing_is_said() -> None:
    assert check_inputs({"tfma_mode": "cloud"}, "tfma_mode", "r/i:1") == []
    assert check_inputs({"beam_options": {"region": "nowhere"}}, "tfma_mode", "r/i:1") == []
    found = check_inputs({"beam_options": {**GIVEN, "region": "nowhere"}, "tfma_mode": "cloud"}, "tfma_mode", "r/i:1")
    assert found == [
        "tfma_mode=cloud runs on Dataflow: beam_options.region='nowhere': must be a region such as us-central1"
    ]


def test_another_runner_needs_no_google() -> None:
    options = BeamOptions(mode="cloud", runner="FlinkRunner", flags=["--flink_master=localhost:8081"])
    options.check()
    assert not options.is_dataflow
    assert BeamOptions(**GOOD, runner="apache_beam.runners.DataflowRunner").is_dataflow


def test_artifacts_are_named_as_whoever_works_on_them_reaches_them() -> None:
    artifact = SimpleNamespace(path="/gcs/b/x", uri="gs://b/x")
    assert BeamOptions().address(artifact) == "/gcs/b/x"
    assert BeamOptions(**GOOD).address(artifact) == "gs://b/x"
