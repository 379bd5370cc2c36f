import pytest

from pipeline_tools.errors import InputError
from pipeline_tools.local.placeholders import expand, fill, fill_all
from pipeline_tools.spec.placeholders import check_placeholders

STEP = {
    "inputs": {
        "parameterValues": {"text": 'a "b" {{$.pipeline_job_name}}', "n": 3, "items": [1, "x"]},
        "artifacts": {"data": {"artifacts": [{"uri": "/in/data", "metadata": {"rows": 3}, "name": "d"}]}},
    },
    "outputs": {
        "parameters": {"out": {"outputFile": "/out/out"}},
        "artifacts": {"model": {"artifacts": [{"uri": "/out/model", "metadata": {}}]}},
        "outputFile": "/out/executor_output.json",
    },
}
FACTS = {".pipeline_job_name": "run-1", ".workspace_path": "/w"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain {{x}} {{ $.y }}", "plain {{x}} {{ $.y }}"),
        ("{{$.inputs.parameters['n']}}", "3"),
        ("<{{$.inputs.parameters['items']}}>", '<[1,"x"]>'),
        # What a value brings in is text, never a placeholder.
        ("{{$.inputs.parameters['text']}}!", 'a "b" {{$.pipeline_job_name}}!'),
        ("{{$.inputs.parameters['absent']}}", ""),
        ("{{$.inputs.artifacts['data'].path}} {{$.inputs.artifacts['data'].uri}}", "/in/data /in/data"),
        ("{{$.inputs.artifacts['data'].metadata}}", '{"rows":3}'),
        ("{{$.inputs.artifacts['data'].name}}", "d"),
        ("{{$.outputs.parameters['out'].output_file}}", "/out/out"),
        ("{{$.outputs.artifacts['model'].path}}", "/out/model"),
        ("{{$.outputs.output_file}}", "/out/executor_output.json"),
        ("{{$.pipeline_job_name}}/{{$.workspace_path}}", "run-1//w"),
    ],
)
def test_fill(text, expected):
    assert fill(text, STEP, FACTS) == expected


def test_whole_input_as_json():
    import json

    assert json.loads(fill("{{$}}", STEP, FACTS)) == STEP


@pytest.mark.parametrize(
    "text", ["{{$.inputs.artifacts['none'].path}}", "{{$.outputs.parameters['none'].output_file}}"]
)
def test_reference_to_nothing(text):
    with pytest.raises(InputError, match="does not have"):
        fill(text, STEP, FACTS)


def test_unknown_placeholder_is_found_before_the_run():
    check_placeholders("{{$.inputs.parameters['x']}} {{$}} {{$.pipeline_root}}")
    with pytest.raises(InputError, match=r"json_escape"):
        check_placeholders("{{$.json_escape[1].inputs.parameters['x']}}")


def test_nested_values():
    assert fill_all({"{{$.pipeline_job_name}}": ["{{$.inputs.parameters['n']}}", 1]}, STEP, FACTS) == {
        "run-1": ["3", 1]
    }


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("x", ["x"]),
        ('{"Concat": ["a-", "{{$.inputs.parameters[\'n\']}}"]}', ["a-3"]),
        ('{"IfPresent": {"InputName": "n", "Then": ["--n", "{{$.inputs.parameters[\'n\']}}"]}}', ["--n", "3"]),
        ('{"IfPresent": {"InputName": "gone", "Then": ["--gone"]}}', []),
        ('{"IfPresent": {"InputName": "gone", "Then": "x", "Else": ["--no", "y"]}}', ["--no", "y"]),
        (
            '{"IfPresent": {"InputName": "data", "Then": {"Concat": ["d=", "{{$.inputs.artifacts[\'data\'].path}}"]}}}',
            ["d=/in/data"],
        ),
        ('{"Concat": ["a", {"IfPresent": {"InputName": "gone", "Then": "b", "Else": "c"}}]}', ["ac"]),
        ('{"other": 1}', ['{"other": 1}']),
    ],
)
def test_expand(argument, expected):
    assert expand(argument, STEP, FACTS) == expected
