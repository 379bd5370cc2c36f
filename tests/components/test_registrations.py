"""A wrong or incomplete choice of Beam's engine is refused when it is given, not in a step."""

from pathlib import Path

import pytest
import yaml
from kfp import dsl

from components import tfma_analyze, tft_preprocess
from pipeline_tools.compiler import pipeline_yaml
from pipeline_tools.errors import InputError
from pipeline_tools.image import IMAGE
from pipeline_tools.spec.components import check_inputs
from taxi_pipeline.workflow1 import workflow1


@dsl.component(base_image="python:3.11")
def make(examples: dsl.Output[dsl.Dataset]):
    pass


def _pipeline(**options: object):
    @dsl.pipeline(name="fixed")
    def fixed(project: str = ""):
        with dsl.If(project != "nothing"):
            tft_preprocess(
                examples=make().outputs["examples"], preprocessing_module="m", **{"project": project, **options}
            )

    return fixed


def test_what_a_pipeline_fixes_is_checked_when_it_is_compiled() -> None:
    with pytest.raises(InputError) as caught:
        pipeline_yaml(_pipeline(preprocess_mode="cloud", region="moon", temp_location="gs://b-ucket/x"))
    assert str(caught.value) == (
        "preprocess_mode=cloud runs on Dataflow: region='moon': must be a region such as us-central1\n"
        f"preprocess_mode=cloud runs on Dataflow: worker_image={IMAGE!r}: names no registry to pull from; push the "
        "image, and compile with --image REGISTRY/… or give worker_image"
    )
    with pytest.raises(InputError, match="preprocess_mode='clod': must be one of local, cloud"):
        pipeline_yaml(_pipeline(preprocess_mode="clod"))


def test_what_is_a_parameter_is_checked_when_it_is_given() -> None:
    spec = yaml.safe_load(pipeline_yaml(_pipeline(preprocess_mode="cloud", beam_runner="FlinkRunner")))
    check_inputs(spec, {"project": ""})
    compiled = yaml.safe_load(pipeline_yaml(workflow1))
    defaults = {
        name: definition.get("defaultValue")
        for name, definition in compiled["root"]["inputDefinitions"]["parameters"].items()
    }
    check_inputs(compiled, defaults)
    with pytest.raises(InputError) as caught:
        check_inputs(compiled, {**defaults, "tfma_mode": "cloud", "project": "some-project", "worker_image": "r/i:1"})
    assert str(caught.value) == (
        "tfma_mode=cloud runs on Dataflow: temp_location='': must be a gs://bucket/folder that its workers can write "
        "to (working_dir of a workflow)"
    )
    with pytest.raises(InputError, match=r"labels=.*Team"):
        check_inputs(compiled, {**defaults, "preprocess_mode": "cloud", "labels": {"Team": "x"}})


def test_a_run_stops_before_its_first_step(tmp_path: Path) -> None:
    from pipeline_tools.local import run

    with pytest.raises(InputError, match="preprocess_mode=cloud runs on Dataflow: project='': is empty"):
        run(workflow1, {"preprocess_mode": "cloud"}, run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_components_agree_on_what_says_where_beam_runs() -> None:
    options = {
        name
        for name, spec in tft_preprocess.component_spec.inputs.items()
        if name not in ("examples", "preprocessing_module", "preprocess_mode")
    }
    assert options <= set(tfma_analyze.component_spec.inputs)
