"""A wrong or incomplete choice of Beam's engine is refused when it is given, not in a step."""

from pathlib import Path

import pytest
import yaml
from kfp import dsl

from components import tft_preprocess
from pipeline_tools.compiler import pipeline_yaml
from pipeline_tools.errors import InputError
from pipeline_tools.image import IMAGE
from pipeline_tools.spec.components import check_inputs
from taxi_pipeline.workflow1 import workflow1


@dsl.component(base_image="python:3.11")
def make(examples: dsl.Output[dsl.Dataset]):
    pass


def _pipeline(mode: str, **options: object):
    @dsl.pipeline(name="fixed")
    def fixed(project: str = ""):
        with dsl.If(project != "nothing"):
            tft_preprocess(
                examples=make().outputs["examples"],
                preprocessing_module="m",
                preprocess_mode=mode,
                beam_options={name: project if value is None else value for name, value in options.items()},
            )

    return fixed


def test_what_a_pipeline_fixes_is_checked_when_it_is_compiled() -> None:
    with pytest.raises(InputError) as caught:
        pipeline_yaml(_pipeline("cloud", project="some-project", region="moon", temp_location="gs://b-ucket/x"))
    assert str(caught.value) == (
        "preprocess_mode=cloud runs on Dataflow: beam_options.region='moon': must be a region such as us-central1\n"
        f"preprocess_mode=cloud runs on Dataflow: beam_options.worker_image={IMAGE!r}: must name the registry to pull "
        "from; push the image, and compile with --image REGISTRY/… or give worker_image"
    )
    with pytest.raises(InputError, match="preprocess_mode='clod': must be one of local, cloud"):
        pipeline_yaml(_pipeline("clod"))
    with pytest.raises(InputError, match=r"beam_options.regoin: there is no such key; did you mean region\?"):
        pipeline_yaml(_pipeline("local", regoin="moon"))


def test_the_image_of_the_package_is_that_of_its_workers() -> None:
    fixed = _pipeline("cloud", project="some-project", region="us-east1", temp_location="gs://b-ucket/x")
    with pytest.raises(InputError, match="worker_image"):
        pipeline_yaml(fixed)
    assert pipeline_yaml(fixed, image="registry.example/trips:7")


def test_what_is_a_parameter_is_checked_when_it_is_given() -> None:
    spec = yaml.safe_load(pipeline_yaml(_pipeline("cloud", project=None, runner="FlinkRunner")))
    check_inputs(spec, {"project": ""})
    spec = yaml.safe_load(
        pipeline_yaml(
            _pipeline("cloud", project=None, region="us-east1", temp_location="gs://b-ucket/x", worker_image="r/i:1")
        )
    )
    check_inputs(spec, {"project": "some-project"})
    with pytest.raises(
        InputError, match="^preprocess_mode=cloud runs on Dataflow: beam_options.project='x': must be the id"
    ):
        check_inputs(spec, {"project": "x"})
    compiled = yaml.safe_load(pipeline_yaml(workflow1))
    defaults = {
        name: definition.get("defaultValue")
        for name, definition in compiled["root"]["inputDefinitions"]["parameters"].items()
    }
    check_inputs(compiled, defaults)
    options = {"project": "some-project", "region": "us-east1", "worker_image": "r/i:1"}
    with pytest.raises(InputError) as caught:
        check_inputs(compiled, {**defaults, "tfma_mode": "cloud", "beam_options": options})
    assert str(caught.value) == (
        "tfma_mode=cloud runs on Dataflow: beam_options.temp_location='': must be a gs://bucket/folder that its "
        "workers can write to"
    )
    with pytest.raises(InputError, match=r"beam_options.labels=.*Team"):
        check_inputs(compiled, {**defaults, "preprocess_mode": "cloud", "beam_options": {"labels": {"Team": "x"}}})
    with pytest.raises(InputError, match=r"train_job.nmespace: there is no such key; did you mean namespace\?"):
        check_inputs(compiled, {**defaults, "train_job": {"nmespace": "x"}})


def test_a_run_stops_before_its_first_step(tmp_path: Path) -> None:
    from pipeline_tools.local import run

    with pytest.raises(InputError, match="preprocess_mode=cloud runs on Dataflow: beam_options.project='': is empty"):
        run(workflow1, {"preprocess_mode": "cloud"}, run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()
