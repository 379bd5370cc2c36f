"""Argo's own code about lowered workflows: its validator, its substitution of tags, its expressions, its schema."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline_tools import registry
from pipeline_tools.cli.pipelines import find_workflow
from pipeline_tools.compiler import ArgoSettings, compile_package, lower, pipeline_yaml, read_spec, workflow_yaml
from pipeline_tools.compiler.argo.expressions import Value, input_parameter
from taxi_pipeline.workflow1 import workflow1
from tests.pipeline_tools.cases.pipelines import loops_and_defaults, placeholders
from tests.pipeline_tools.compiler.argo import expr_lang, pipelines, substitution, test_cases
from tests.pipeline_tools.compiler.argo.interpreter import Interpreter
from tests.pipeline_tools.compiler.argo.schemas import SCHEMA, reachable
from tests.pipeline_tools.spec.test_text import RECORDED
from tests.tools import go, missing

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]

ALL = {**pipelines.PIPELINES, **{name: find_workflow(name) for name in registry.entry_points(registry.PIPELINES)}}
GOLDEN = Path(__file__).parents[1] / "golden" / "argo"


@pytest.fixture(scope="module")
def argo(go_program):
    return go_program("argo")


def ask(program: Path, command: str, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    lines = "\n".join(json.dumps(question) for question in questions)
    done = subprocess.run([program, command], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def lint(program: Path, *paths: Path) -> list[str]:
    done = subprocess.run([program, "lint", *paths], capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if not line.startswith("ok ")]


def test_argo_lints_every_golden_manifest(argo):
    manifests = sorted(GOLDEN.glob("*.yaml"))
    assert manifests
    assert lint(argo, *manifests) == []


@pytest.mark.parametrize("settings", [ArgoSettings(), ArgoSettings(memoize="24h")], ids=["plain", "memoized"])
def test_argo_lints_every_manifest_as_it_is_packed(argo, settings, tmp_path):
    for name, pipeline in ALL.items():
        (tmp_path / f"{name}.yaml").write_text(workflow_yaml(lower(pipeline_yaml(pipeline), settings)))
    assert lint(argo, *sorted(tmp_path.glob("*.yaml"))) == []


def test_argo_lints_the_argo_package(argo, tmp_path):
    """The member that the Pipelines backend hands to Argo's validator when an Argo package is uploaded."""
    import tarfile

    package = compile_package(workflow1, tmp_path / "workflow1.tar.gz", format="argo")
    with tarfile.open(package) as archive:
        assert archive.getnames() == ["pipeline.yaml"]
        archive.extractall(tmp_path, filter="data")
    assert lint(argo, tmp_path / "pipeline.yaml") == []


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda m: m["spec"]["templates"][0]["dag"]["tasks"][0].update(template="nowhere"), "undefined"),
        (lambda m: m["spec"].update(activeDeadlineSecond=1), "unknown field"),
        (lambda m: m["spec"]["templates"][0]["dag"]["tasks"][-1].update(dependencies=["nobody"]), "nobody"),
        (lambda m: m.update(apiVersion="argoproj.io/v1"), "apiVersion"),
    ],
)
def test_the_lint_can_fail(argo, broken, message, tmp_path):
    manifest = lower(pipeline_yaml(pipelines.artifacts))
    broken(manifest)
    (tmp_path / "broken.yaml").write_text(workflow_yaml(manifest))
    (problem,) = lint(argo, tmp_path / "broken.yaml")
    assert message in problem


TEXTS = ["plain", 'it\'s "q" \\ {{workflow.name}} {{=1+1}}\n', "ü 漢 🚕 \u2028 < > &", "\x07\x7f\U000e0001", ""]


def test_the_interpreter_substitutes_and_evaluates_as_argo_does(argo, tmp_path, monkeypatch):
    """Run pipelines in the interpreter of the tests, then put each of its questions to Argo's own engine."""
    replaced: list[tuple[dict[str, Any], Any]] = []
    evaluated: list[tuple[dict[str, Any], Any]] = []
    substitute, evaluate = substitution.substitute, expr_lang.evaluate

    def recorded_substitute(document: Any, variables: dict[str, str]) -> Any:
        answer = substitute(document, variables)
        replaced.append(({"document": document, "variables": dict(variables)}, answer))
        return answer

    def recorded_evaluate(expression: str, variables: dict[str, Any]) -> Any:
        answer = evaluate(expression, variables)
        evaluated.append(({"expression": expression, "variables": dict(variables)}, answer))
        return answer

    monkeypatch.setattr("tests.pipeline_tools.compiler.argo.interpreter.substitute", recorded_substitute)
    monkeypatch.setattr("tests.pipeline_tools.compiler.argo.interpreter.evaluate", recorded_evaluate)
    for name, pipeline in pipelines.PIPELINES.items():
        arguments = {"marker": str(tmp_path / "marker")} if name == "flaky" else {}
        Interpreter(lower(pipeline_yaml(pipeline)), tmp_path / name, arguments).run()
    for at, text in enumerate(TEXTS):
        for name in ("through_steps", "through_containers", "parameters"):
            pipeline = pipelines.PIPELINES[name]
            Interpreter(lower(pipeline_yaml(pipeline)), tmp_path / f"{name}-{at}", {"text": text}).run()
    memoized = lower(pipeline_yaml(pipelines.artifacts), ArgoSettings(memoize="24h"))
    Interpreter(memoized, tmp_path / "memoized").run()
    cases = [(pipeline, arguments) for pipeline, arguments, _ in test_cases.TEXTS_ON_ARGO]
    cases += [(placeholders.ignore_with_data, {}), (loops_and_defaults.loop_in_exit_handler, {})]
    for at, (pipeline, arguments) in enumerate(cases):
        test_cases.on_argo(pipeline, arguments, tmp_path / f"case-{at}")

    assert len(replaced) > 500
    for (question, ours), theirs in zip(replaced, ask(argo, "replace", [q for q, _ in replaced]), strict=True):
        assert theirs.get("value") == ours, (question, theirs.get("error"))
    files = [(q, a) for q, a in evaluated if isinstance(a, str) and not a.startswith("\0")]
    assert len(files) > 30
    for (question, ours), theirs in zip(files, ask(argo, "evaluate", [q for q, _ in files]), strict=True):
        assert theirs.get("value") == ours, (question, theirs.get("error"))


def test_argo_writes_values_into_text_as_the_backend_does(argo):
    expression = Value(input_parameter("x")).text
    questions = [{"expression": expression, "variables": {"inputs.parameters.x": value}} for value, _ in RECORDED]
    for (value, text), theirs in zip(RECORDED, ask(argo, "evaluate", questions), strict=True):
        assert theirs.get("value") == text, (value, theirs.get("error"))


def test_our_part_of_argos_schema_is_that_of_its_module():
    import gzip

    module = Path(__file__).parent / "argo"
    command = [go(), "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", "github.com/argoproj/argo-workflows/v3"]
    folder = subprocess.run(command, cwd=module, capture_output=True, text=True, check=True).stdout.strip()
    if not folder:
        missing("the module of Argo Workflows is not in the module cache")
    source = json.loads((Path(folder) / "api/jsonschema/schema.json").read_text())
    assert json.loads(gzip.decompress(SCHEMA.read_bytes())) == reachable(source)


def test_both_members_of_a_package_are_what_they_say(tmp_path):
    """What reads the package on the other side: a KFP specification by KFP's own protobuf, strictly, and a Workflow."""
    import tarfile

    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    for name, pipeline in ALL.items():
        package = compile_package(pipeline, tmp_path / f"{name}.tar.gz")
        json_format.ParseDict(read_spec(package), pipeline_spec_pb2.PipelineSpec())
        with tarfile.open(package) as archive:
            assert archive.getnames() == ["pipeline.yaml", "workflow.yaml"]
            member = archive.extractfile("workflow.yaml")
            assert member is not None
            assert yaml.safe_load(member)["kind"] == "Workflow"
