"""References of a specification: repaired where what is meant is certain, else refused with task and reference."""

import copy

import pytest

from pipeline_tools.compiler import lower, pipeline_yaml, read_spec
from pipeline_tools.errors import InputError
from pipeline_tools.spec.graph import read_plan
from pipeline_tools.spec.references import resolve_references
from tests.pipeline_tools.cases.pipelines import loops_and_defaults
from tests.pipeline_tools.local import constructs, pipelines


@pytest.mark.parametrize("name", ["loop", "loop_in_exit_handler", "inner_item", "outer_item"])
def test_a_field_of_the_item_is_taken_from_the_item(name):
    spec = read_spec(getattr(loops_and_defaults, name))
    before = copy.deepcopy(spec)
    repaired = resolve_references(spec)
    assert spec == before
    assert "parseJson(string_value)" in str(repaired)
    assert resolve_references(repaired) == repaired


@pytest.mark.parametrize("name", ["nested", "branches", "loops", "loops_in_loops", "tables", "commands"])
def test_whole_specifications_are_accepted(name):
    resolve_references(read_spec(getattr(constructs, name)))


def test_a_reference_that_the_compiler_leaves_in_a_text_is_refused_by_both_engines():
    message = r"task 'for-loop-\d/condition-\d/say.*': input 'message': KFP's compiler left \{\{channel:"
    with pytest.raises(InputError, match=message):
        read_plan([read_spec(loops_and_defaults.whole_item)])
    with pytest.raises(InputError, match=message):
        lower(pipeline_yaml(loops_and_defaults.whole_item))


def _source(spec, task="read"):
    return spec["root"]["dag"]["tasks"][task]["inputs"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda spec: _source(spec, "make")["parameters"].update(text={"componentInputParameter": "nobody"}),
            "task 'make': input 'text' refers to 'nobody', which no pipeline or loop around it has",
        ),
        (
            lambda spec: _source(spec, "make")["parameters"].clear(),
            "task 'make': its component needs the input 'text', which it is not given",
        ),
        (
            lambda spec: _source(spec, "make")["parameters"].update(
                text={"runtimeValue": {"constant": "{{$.inputs.parameters['gone']}}"}}
            ),
            "task 'make': input 'text': .* refers to an input that the task does not have",
        ),
        (
            lambda spec: next(iter(_source(spec)["artifacts"].values()))["taskOutputArtifact"].update(
                outputArtifactKey="gone"
            ),
            "refers to the output 'gone' of the task 'make', which has none of this name",
        ),
        (
            lambda spec: spec["deploymentSpec"]["executors"]["exec-make"]["container"]["args"].append(
                "{{$.outputs.artifacts['gone'].uri}}"
            ),
            "task 'make': .* refers to an output that its component does not have",
        ),
    ],
)
def test_a_reference_to_nothing_is_refused(change, message):
    spec = read_spec(pipelines.chain)
    change(spec)
    with pytest.raises(InputError, match=message):
        resolve_references(spec)
