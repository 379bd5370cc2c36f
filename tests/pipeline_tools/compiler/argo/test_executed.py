"""Lowered workflows, executed as Argo would, against what kfp.local makes of the same pipelines."""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline_tools.compiler import ArgoSettings, lower, pipeline_yaml
from tests.kfp_local import kfp_local
from tests.pipeline_tools.compiler.argo import pipelines
from tests.pipeline_tools.compiler.argo.interpreter import Interpreter, Node

pytestmark = pytest.mark.full


def execute(pipeline: Any, directory: Path, settings: ArgoSettings | None = None, **parameters: str):
    interpreter = Interpreter(lower(pipeline_yaml(pipeline), settings), directory, parameters)
    return interpreter, interpreter.run()


def value(node: Node, name: str = "Output") -> Any:
    return json.loads(node.parameters[name])


def results(directory: Path) -> Counter[str]:
    """What each step returned: parameters, and the metadata of artifacts, however often."""
    found: Counter[str] = Counter()
    for path in directory.rglob("executor_output.json"):
        output = json.loads(path.read_text())
        artifacts = {
            name: [a["metadata"] for a in one["artifacts"]] for name, one in output.get("artifacts", {}).items()
        }
        found[whole(json.dumps([output.get("parameterValues", {}), artifacts], sort_keys=True))] += 1
    return found


def whole(text: str) -> str:
    """Drop the `.0` that kfp.local puts on whole numbers where it reads them from protobuf; a cluster has none."""
    return re.sub(r"(\d)\.0\b", r"\1", text)


@pytest.fixture
def with_kfp_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run a pipeline with kfp.local; give its outputs and where its steps lie."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

    def run(pipeline: Any, **arguments: Any) -> tuple[dict[str, Any], Path]:
        root = tmp_path / "kfp-local"
        with kfp_local(root, raise_on_error=False):
            return pipeline(**arguments).outputs, root

    return run


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "name",
    [
        "outputs",
        "artifacts",
        "nested",
        "conditions",
        "loops",
        "nested_loops",
        "collected_artifacts",
        "exit_handler_fine",
        "settings",
    ],
)
def test_every_step_returns_what_it_returns_under_kfp_local(name, tmp_path, with_kfp_local):
    pipeline = pipelines.PIPELINES[name]
    outputs, root = with_kfp_local(pipeline)
    _, node = execute(pipeline, tmp_path / "argo")
    assert node.phase == "Succeeded", node.message
    assert {key: whole(str(json.loads(text))) for key, text in node.parameters.items()} == {
        key: whole(str(given)) for key, given in outputs.items()
    }
    assert results(tmp_path / "argo") == results(root)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("name", "parameters"),
    [("conditions", {"count": 2, "mode": "slow"}), ("conditions", {"count": 4, "mode": "x"}), ("nested", {"base": -3})],
)
def test_other_parameters_too(name, parameters, tmp_path, with_kfp_local):
    pipeline = pipelines.PIPELINES[name]
    outputs, root = with_kfp_local(pipeline, **parameters)
    _, node = execute(pipeline, tmp_path / "argo", **{key: str(given) for key, given in parameters.items()})
    assert {key: whole(str(json.loads(text))) for key, text in node.parameters.items()} == {
        key: whole(str(given)) for key, given in outputs.items()
    }
    assert results(tmp_path / "argo") == results(root)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_exit_handler_runs_after_a_failure_and_the_failure_stays(tmp_path, with_kfp_local):
    _, root = with_kfp_local(pipelines.exit_handler)
    interpreter, node = execute(pipelines.exit_handler, tmp_path / "argo")
    assert node.phase == "Failed"
    assert [pod.template for pod in interpreter.pods] == ["fail", "report"]
    assert results(tmp_path / "argo") == results(root)


def test_a_task_that_ignores_failures_runs_and_the_failure_stays(tmp_path):
    interpreter, node = execute(pipelines.ignored_failure, tmp_path)
    assert node.phase == "Failed"
    assert [(pod.template, pod.code) for pod in interpreter.pods] == [("fail", 1), ("echo", 0)]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_importer_hands_a_path_on(tmp_path, with_kfp_local):
    outside = tmp_path / "outside.txt"
    outside.write_text("from outside")
    outputs, _ = with_kfp_local(pipelines.importer, uri=str(outside))
    _, node = execute(pipelines.importer, tmp_path / "argo", uri=str(outside))
    assert value(node) == whole(outputs["Output"])


def test_importer_fails_on_an_address_that_argo_cannot_fetch(tmp_path):
    _, node = execute(pipelines.importer, tmp_path, uri="ftp://somewhere/file")
    assert node.phase == "Failed"
    assert "cannot fetch" in node.message


def test_parameters_of_every_type_with_and_without_values(tmp_path):
    interpreter, node = execute(pipelines.parameters, tmp_path, count="12", flag="True", table='{"k": {"x": null}}')
    text = 'it\'s "quoted"\nand {{workflow.name}} and {{=1+1}} ünïcödé \\ end'
    expected = [f"<{text}> 12", 1.5, 12, True, ["a", {"b": "{{c}}"}], {"k": {"x": None}}, "float", "int"]
    assert json.loads(value(node)) == expected
    returned = [
        json.loads((pod.directory / "outputs/executor_output.json").read_text())["parameterValues"]["Output"]
        for pod in interpreter.pods
        if pod.template.startswith("optional")
    ]
    assert sorted(returned) == ["'given' None", "None None"]


def test_one_of_artifacts_takes_the_branch_that_ran(tmp_path):
    for big, rows in (("true", 5), ("false", 1)):
        _, node = execute(pipelines.artifact_branches, tmp_path / big, big=big)
        assert value(node).count("x\n") + 1 == rows
        assert f"('rows', {rows})" in value(node)


def test_a_loop_over_nothing_collects_nothing(tmp_path):
    _, node = execute(pipelines.empty_loop, tmp_path)
    assert value(node) == 0


HOSTILE = [
    "",
    " ",
    "'\"`$(id)\\",
    "{{",
    "}}{{",
    "{{workflow.name}}",
    "{{=1+1}}",
    "{{{{inputs.parameters.text}}}}",
    "{{$.inputs.parameters['text']}}",
    "line\nline\r\n\ttab\n\n",
    "\x01\x07\x0b\x1b\x7f\x85\u200b\u2028\ufeff",
    "ünïcödé 漢字 🚕 \U0001fae9 \U000e0001",
    "null",
    "5",
    "true",
    '{"a": "{{b}}"}',
    "</script><&>",
    "%s %% \\0173 \\n \\\\",
    "$$ $(HOME) $$(HOME) $$$(HOME) $",
    "x" * 100_000,
    "\"'{{\n漢" * 9_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
@pytest.mark.parametrize("pipeline", [pipelines.through_steps, pipelines.through_containers])
def test_any_string_survives(pipeline, text, tmp_path):
    """From the workflow's arguments through a nested pipeline, a loop and steps, and back out."""
    _, node = execute(pipeline, tmp_path, text=text)
    assert node.phase == "Succeeded", node.message
    assert value(node) == text


def test_text_with_newlines_at_its_end_survives_a_container(tmp_path):
    text = 'it\'s {{workflow.name}} "x" $HOME `id` \\n %s\n\n'
    interpreter, node = execute(pipelines.containers, tmp_path, text=text)
    assert value(node) == f"{text}-end\n"
    flags = [pod for pod in interpreter.pods if pod.template.startswith("flags")]
    assert sorted((pod.directory / "outputs/parameters/out").read_text() for pod in flags) == [
        "m\n--level\n5\n--tag\nt {{x}}\n\n",
        "n\n--level\n3\n--no-tag\n\n",
    ]


def test_environment_and_late_resources_reach_the_pod(tmp_path):
    manifest = lower(pipeline_yaml(pipelines.environment))
    _, node = execute(pipelines.environment, tmp_path)
    assert value(node) == "plain|hello {{workflow.name}} 'x'"
    (template,) = [t for t in manifest["spec"]["templates"] if t["name"] == "shell-env"]
    assert template["container"]["command"][0] == "sh"


def test_retry_repeats_a_failing_step(tmp_path):
    marker = tmp_path / "tried"
    interpreter, node = execute(pipelines.flaky, tmp_path / "argo", marker=str(marker))
    assert value(node) == "third time"
    assert [pod.code for pod in interpreter.pods] == [1, 1, 0]


def test_memoized_steps_run_again_only_when_their_inputs_changed(tmp_path):
    manifest = lower(pipeline_yaml(pipelines.artifacts), ArgoSettings(memoize="24h"))
    first = Interpreter(manifest, tmp_path / "first")
    first.run()
    again = Interpreter(manifest, tmp_path / "first" / "again")
    again.memory, again.directory = first.memory, first.directory
    assert again.run().parameters == first.run().parameters
    assert not again.pods
    changed = Interpreter(manifest, tmp_path / "changed", {"rate": "2.0"})
    changed.memory, changed.directory = first.memory, first.directory
    assert value(changed.run()).startswith("6.0 ")
    assert [pod.template for pod in changed.pods] == ["fit", "inspect"]


def test_a_constant_command_reaches_the_process_as_it_is(tmp_path):
    interpreter, _ = execute(pipelines.constant_command, tmp_path)
    (pod,) = interpreter.pods
    assert pod.output == "$$|$(HOME)|$HOME"
