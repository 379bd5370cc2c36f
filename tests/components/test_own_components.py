"""Nothing is recognised by the name of a parameter or an output: components of a user's own run like any other."""

from pathlib import Path

import pytest
import yaml
from kfp.dsl.base_component import BaseComponent

from components.commands import report
from pipeline_tools.compiler import package_members, pipeline_yaml, read_spec
from pipeline_tools.errors import InputError
from pipeline_tools.image import IMAGE
from pipeline_tools.local import run
from pipeline_tools.local.dry_run import dry_run
from pipeline_tools.spec.components import check_inputs, find_registered
from taxi_pipeline.workflow1 import workflow1
from tests.components import own_pipelines as own

SCHEMA = """
feature { name: "k" type: BYTES presence { min_fraction: 1 } shape { dim { size: 1 } } }
feature { name: "n" type: INT presence { min_fraction: 1 } shape { dim { size: 1 } } }
"""


@pytest.fixture
def rows(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "rows.csv").write_text("k,n\n" + "".join(f"k{number},{number}\n" for number in range(60)))
    (tmp_path / "schema.pbtxt").write_text(SCHEMA)
    return {"path": str(tmp_path / "rows.csv"), "schema": str(tmp_path / "schema.pbtxt")}


@pytest.mark.parametrize("pipeline", [own.own_train_mode, own.own_comparison, own.own_worker_image, own.own_reader])
def test_a_pipeline_of_ones_own_runs_like_any_other(
    pipeline: BaseComponent, rows: dict[str, str], tmp_path: Path
) -> None:
    arguments = rows if pipeline is own.own_reader else {}
    members = package_members(pipeline, image="registry.example/image:1")
    assert members["pipeline.yaml"] == pipeline_yaml(pipeline)
    assert list(dry_run(pipeline, arguments)) == []
    result = run(pipeline, arguments, run_dir=tmp_path / "run")
    assert result.status == "succeeded"
    assert f"<title>{pipeline.name}: run</title>" in report.write(result).read_text(encoding="utf-8")
    if pipeline is own.own_train_mode:
        assert result.outputs == {"Output": "lora 3 40"}


def test_a_task_is_ours_whatever_image_resources_and_environment_it_has() -> None:
    spec = read_spec(own.ours_and_own)
    assert {label: name for label, (name, _) in find_registered(spec).items()} == {"exec-train": "train"}
    check_inputs(spec, {"worker_image": "", "train_mode": "lora"} | {"train_mode": "local"})
    with pytest.raises(InputError, match="train_mode='lora': must be one of local, cloud"):
        check_inputs(spec, {"worker_image": "", "train_mode": "lora"})


def test_another_source_is_another_component_even_under_the_same_name() -> None:
    spec = read_spec(own.ours_and_own)
    spec["deploymentSpec"]["executors"]["exec-train"]["container"]["command"][-1] += "\n"
    assert find_registered(spec) == {}
    check_inputs(spec, {"worker_image": "", "train_mode": "lora"})


def test_the_image_of_a_package_is_that_of_our_steps_and_of_nothing_else() -> None:
    spec, plain = (yaml.safe_load(pipeline_yaml(workflow1, image=image)) for image in ("registry/taxi:2", None))
    executors = spec["deploymentSpec"]["executors"]
    assert executors
    for executor in executors.values():
        container = executor["container"]
        assert (container.pop("image"), container.pop("env")) == (
            "registry/taxi:2",
            [{"name": "PIPELINE_IMAGE", "value": "registry/taxi:2"}],
        )
        container["image"] = IMAGE
    assert spec == plain
