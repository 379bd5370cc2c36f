"""Pipelines whose texts must be the same on this machine, on Argo and in Kubeflow Pipelines."""

import json

import pytest

from pipeline_tools.compiler import lower, pipeline_yaml
from pipeline_tools.local import run
from tests.pipeline_tools.cases.pipelines import loops_and_defaults, metadata_placeholder, placeholders
from tests.pipeline_tools.compiler.argo.interpreter import Interpreter

pytestmark = pytest.mark.e2e

_EVERY = 'ü <&>|20|1e-05|true|[1,"a b",1.2345675e+06]|{"a":"ü","b":{"c":0.5}}|3|'.replace("1.2345675e+06", "1234567.5")

TEXTS = [
    (placeholders.if_present, {}, "--anonymous,"),
    (placeholders.if_present, {"name": "a b"}, "--name,a b,"),
    (placeholders.if_present, {"name": ""}, "--name,,"),
    (placeholders.if_present_in_concat, {}, "x=nobody;,"),
    (placeholders.if_present_in_concat, {"name": "a"}, "x=a;,"),
    (placeholders.number_in_text, {}, "model-20.bin"),
    (placeholders.number_in_text, {"rate": 1234567.5}, "model-1.2345675e+06.bin"),
    (placeholders.number_in_text, {"rate": 0.1}, "model-0.1.bin"),
    (placeholders.null_in_text, {}, "model"),
    (placeholders.null_in_text, {"suffix": "null"}, "modelnull"),
    (placeholders.null_to_default, {}, "default"),
    (placeholders.null_to_default, {"given": "x"}, "x"),
    (placeholders.every_type, {}, _EVERY * 2),
    (metadata_placeholder.p, {}, "projects/1/models/2 3"),
]
"""A pipeline, its parameters, and the text that KFP's rules give."""
TEXTS_ON_ARGO = [each for each in TEXTS if each[1] != {"name": ""}]
"""The same without empty text for an optional parameter, which is how a workflow's arguments say that it has none."""


def on_argo(pipeline, arguments, directory):
    given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in arguments.items()}
    interpreter = Interpreter(lower(pipeline_yaml(pipeline)), directory, given)
    return interpreter, interpreter.run()


@pytest.mark.parametrize(("pipeline", "arguments", "text"), TEXTS)
def test_the_text_on_this_machine(pipeline, arguments, text, tmp_path):
    result = run(pipeline, arguments, run_dir=tmp_path / "run")
    assert list(result.outputs.values()) == [text]


@pytest.mark.parametrize(("pipeline", "arguments", "text"), TEXTS_ON_ARGO)
def test_the_text_on_argo(pipeline, arguments, text, tmp_path):
    _, node = on_argo(pipeline, arguments, tmp_path)
    assert node.phase == "Succeeded", node.message
    assert [json.loads(value) for value in node.parameters.values()] == [text]


def test_a_task_that_ignores_a_failure_gets_its_default(tmp_path):
    result = run(placeholders.ignore_with_data, run_dir=tmp_path / "run", raise_on_error=False)
    assert (result.status, result.steps["after-fail"].parameters) == ("failed", {"Output": "default"})
    interpreter, node = on_argo(placeholders.ignore_with_data, {}, tmp_path / "argo")
    assert node.phase == "Failed"
    assert [(pod.template, pod.code) for pod in interpreter.pods] == [("boom", 1), ("after-fail", 0)]
    written = json.loads((interpreter.pods[1].directory / "outputs/executor_output.json").read_text())
    assert written["parameterValues"] == {"Output": "default"}


@pytest.mark.parametrize(
    ("pipeline", "texts"),
    [
        (loops_and_defaults.loop, ["<a>", "<b>"]),
        (loops_and_defaults.loop_in_exit_handler, ["<a w>", "<b w>", "bye"]),
        (loops_and_defaults.inner_item, ["<a w>", "<b w>"]),
        (loops_and_defaults.outer_item, ["<a w>", "<b w>"]),
        (loops_and_defaults.line_separator, ["a\u2028b\x0cc"]),
        (loops_and_defaults.line_of_yaml, ["a\ncomponents:\nb"]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_loops_and_defaults(pipeline, texts, tmp_path):
    result = run(pipeline, run_dir=tmp_path / "run")
    assert sorted(step.parameters["Output"] for step in result.steps.values()) == texts
    interpreter, node = on_argo(pipeline, {}, tmp_path / "argo")
    assert node.phase == "Succeeded", node.message
    written = [json.loads((pod.directory / "outputs/executor_output.json").read_text()) for pod in interpreter.pods]
    assert sorted(each["parameterValues"]["Output"] for each in written) == texts


def test_metadata_that_an_artifact_does_not_have_fails_the_step(tmp_path):
    result = run(metadata_placeholder.missing, run_dir=tmp_path / "run", raise_on_error=False)
    assert "refers to something that the step does not have" in (result.steps["show-missing"].error or "")
    _, node = on_argo(metadata_placeholder.missing, {}, tmp_path / "argo")
    assert node.phase != "Succeeded"


def test_a_pipeline_has_its_deadline(tmp_path):
    result = run(loops_and_defaults.deadline, run_dir=tmp_path / "run", raise_on_error=False)
    step = result.steps["nap"]
    assert (result.status, step.status) == ("failed", "failed")
    assert step.error == "the pipeline took longer than its limit of 2 s"
    assert lower(pipeline_yaml(loops_and_defaults.deadline))["spec"]["activeDeadlineSeconds"] == 2
