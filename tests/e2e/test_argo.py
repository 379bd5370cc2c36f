"""The Argo Workflow of a package, executed as Argo would, gives what the local runner makes of the same package."""

from __future__ import annotations

import json

import pytest

from pipeline_tools.compiler import lower, pipeline_yaml
from pipeline_tools.local import run
from taxi_pipeline.workflow1 import workflow1
from tests.pipeline_tools.compiler.argo.interpreter import Interpreter
from tests.pipeline_tools.local import constructs
from tests.shared import SMALL

pytestmark = pytest.mark.e2e


def as_argo(arguments: dict) -> dict[str, str]:
    """Write arguments as `argo submit -p` takes them: texts as they are, everything else as JSON."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in arguments.items()}


@pytest.mark.parametrize(
    ("pipeline", "arguments"),
    [
        (constructs.types, {}),
        (constructs.returned, {"start": 3}),
        (constructs.artifacts, {"count": 6}),
        (constructs.nested, {"base": 2}),
        (constructs.branches, {"speed": "slow", "count": 10}),
        (constructs.artifact_of_a_branch, {"large": False}),
        (constructs.loops, {}),
        (constructs.loops_in_loops, {}),
        (constructs.no_items, {}),
        (constructs.tables, {}),
        (constructs.commands, {"words": 'it\'s {{x}} "q"\n'}),
        (constructs.for_a_cluster, {}),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else ",".join(value),
)
def test_constructs(pipeline, arguments, tmp_path):
    ours = run(pipeline, arguments, run_dir=tmp_path / "run")
    node = Interpreter(lower(pipeline_yaml(pipeline)), tmp_path / "argo", as_argo(arguments)).run()
    assert node.phase == "Succeeded", node.message
    assert {name: json.loads(text) for name, text in node.parameters.items()} == dict(ours.outputs)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_workflow1_has_equal_metrics(small_workflow1_run, tmp_path):
    interpreter = Interpreter(
        lower(pipeline_yaml(workflow1)),
        tmp_path / "argo",
        as_argo(SMALL),
        {"HOME": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    node = interpreter.run()
    assert node.phase == "Succeeded", node.message
    compared = 0
    for pod in interpreter.pods:
        output = json.loads((pod.directory / "outputs/executor_output.json").read_text())
        metrics = output.get("artifacts", {}).get("metrics", {}).get("artifacts", [])
        if metrics:
            task = pod.name.removeprefix("root-")
            assert metrics[0]["metadata"] == small_workflow1_run.artifact(task, "metrics").metadata, task
            compared += 1
    assert compared >= 5
