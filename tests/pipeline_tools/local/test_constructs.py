"""Every construct of a specification, executed: what a cluster would do."""

import pytest

from pipeline_tools.local import run

from . import constructs


def returned(result):
    return {name: step.parameters.get("Output") for name, step in result.steps.items() if step.status == "succeeded"}


def skipped(result):
    return sorted(name for name, step in result.steps.items() if step.status == "skipped")


def test_parameters_of_every_type(tmp_path):
    result = run(constructs.types, {"items": ("a", 1.0)}, run_dir=tmp_path)
    assert result.outputs["Output"] == "str:plain 3 float:2.0 int:3 bool:False list:['a', 1] dict:{'k': 1.5}"
    assert returned(result)["unset"] == "None None None"


def test_outputs_of_every_type(tmp_path):
    result = run(constructs.returned, {"start": 3}, run_dir=tmp_path)
    assert result.steps["every-kind"].parameters == {"word": "w3", "share": 0.375, "table": {"at": 3}, "even": False}
    assert result.steps["to-files"].parameters == {"text": "a\nb\n", "length": 4}
    assert result.outputs["Output"] == "str:w3 float:0.375 int:7 bool:False list:['x'] dict:{'at': 3}"


def test_artifacts_with_their_metadata(tmp_path):
    result = run(constructs.artifacts, run_dir=tmp_path)
    assert result.outputs["Output"] == "2.0 {'by': 'hand'} 4 system.Model"
    model = result.artifact("learn", "model")
    assert (model.type, model.metadata, model.name) == ("system.Model", {"by": "hand"}, "model")
    assert (model.path / "weight").read_text() == "2.0"
    assert result.steps["learn"].metrics == {"rows": 4}
    assert result.steps["learn"].inputs["artifacts"] == {"table": [str(tmp_path / "artifacts/rows/table")]}
    assert result.artifact("learn", "roc").metadata["confidenceMetrics"][1]["recall"] == 1


def test_nested_pipelines(tmp_path):
    result = run(constructs.nested, {"base": 2}, run_dir=tmp_path)
    outputs = returned(result)
    assert (outputs["inside/plus"], outputs["inside-2/plus"], outputs["say"]) == (102, 202, "total 202")
    assert result.outputs["Output"] == "5 of 5"
    assert (tmp_path / "logs/inside-2/plus.log").is_file()


@pytest.mark.parametrize(
    ("given", "chosen", "not_taken"),
    [
        ({}, "quick", ["say-2", "say-3", "say-5"]),
        ({"speed": "slow", "count": 10}, "tardy", ["say", "say-3"]),
        ({"speed": "it's", "count": 1}, "odd", ["say", "say-2", "say-4", "say-5"]),
    ],
)
def test_branches(tmp_path, given, chosen, not_taken):
    result = run(constructs.branches, given, run_dir=tmp_path)
    assert result.outputs["Output"] == chosen
    assert skipped(result) == not_taken
    assert result.steps[not_taken[0]].reason.startswith("its condition is false: ")


@pytest.mark.parametrize(("large", "count"), [(True, 9), (False, 1)])
def test_artifact_of_the_branch_that_was_taken(tmp_path, large, count):
    result = run(constructs.artifact_of_a_branch, {"large": large}, run_dir=tmp_path)
    assert result.outputs["Output"] == f"{count} of {count}"


def test_loops(tmp_path):
    result = run(constructs.loops, run_dir=tmp_path)
    outputs = returned(result)
    assert (outputs["add-up"], outputs["concatenate"], result.outputs["Output"]) == (330 - 100, "Ada+Bob {{x}}", "12")
    assert [outputs[f"plus/{index}"] for index in range(2)] == [110, 120]
    assert [outputs[f"say-3/{index}"] for index in range(2)] == ["1", "2"]  # a number becomes text where text is wanted
    assert outputs["say-5/1"] == 'so"uth'
    assert skipped(result) == ["say/0", "say/1"]
    assert outputs["say/2"] == "large 6"


def test_loops_in_loops(tmp_path):
    result = run(constructs.loops_in_loops, run_dir=tmp_path)
    assert result.outputs["Output"] == "['n1', 'n2']+['s1', 's2']"
    assert returned(result)["say/1/0"] == "s1"


def test_loop_over_nothing(tmp_path):
    assert run(constructs.no_items, run_dir=tmp_path).outputs["Output"] == 0


def test_collected_artifacts(tmp_path):
    result = run(constructs.tables, run_dir=tmp_path)
    assert result.outputs["Output"] == "3,1,2"
    assert result.artifact("rows/1", "table").path == tmp_path / "artifacts/rows/1/table"


def test_exit_handler_learns_of_the_failure(tmp_path):
    result = run(constructs.guarded, {"reason": "enough"}, run_dir=tmp_path, raise_on_error=False)
    assert result.status == "failed"
    assert returned(result)["finish"] == "exit-handler-1 FAILED stop: RuntimeError: enough bye"
    assert returned(result)["say"] == "in any case"


def test_exit_handler_learns_of_success(tmp_path):
    result = run(constructs.guarded, run_dir=tmp_path)
    assert returned(result)["finish"] == "exit-handler-1 SUCCEEDED None bye"


def test_a_step_may_ignore_that_another_failed(tmp_path):
    result = run(constructs.undeterred, run_dir=tmp_path, raise_on_error=False)
    assert (result.status, returned(result)) == ("failed", {"say": "still"})


def test_importer(tmp_path):
    source = tmp_path / "outside.txt"
    source.write_text("abc")
    result = run(constructs.imported, {"uri": str(source), "origin": "sea"}, run_dir=tmp_path / "run")
    assert result.outputs["Output"] == "3 of 3"
    brought = result.artifact("importer", "artifact")
    assert (brought.path, brought.type, brought.metadata) == (source, "system.Dataset", {"rows": 3, "from": "sea"})


def test_importer_of_a_missing_file(tmp_path):
    result = run(constructs.imported, {"uri": "/nowhere/x"}, run_dir=tmp_path, raise_on_error=False)
    assert result.steps["importer"].error == "/nowhere/x: no such file or directory to import"
    assert result.steps["size"].status == "skipped"


def test_container_components_run_as_commands(tmp_path):
    result = run(constructs.commands, {"words": "it's $HOME `id` \\n %s"}, run_dir=tmp_path)
    assert result.outputs["Output"] == "<it's $HOME `id` \\n %s>;--mark;m m;--not;given;"
    assert result.artifact("copy", "table").path.read_text() == result.outputs["Output"]
    assert result.steps["copy-2"].label == "copy-2 (less)"
    assert result.steps["copy-2"].parameters == {"text": "<x>;--mark;;--not;given;"}  # an empty default is a value


def test_settings_that_concern_a_cluster_do_no_harm(tmp_path):
    assert run(constructs.for_a_cluster, run_dir=tmp_path).outputs == {"Output": 4}


def test_any_string_survives(tmp_path):
    text = 'it\'s "quoted"\nand {{workflow.name}} {{$.pipeline_job_name}} {{$}} ünïcödé \\ ' + "x" * 100_000
    result = run(constructs.types, {"text": text}, run_dir=tmp_path)
    assert result.steps["say"].parameters["Output"] == text
    assert result.outputs["Output"].startswith(f"str:{text} 3 float")
    assert result.parameters["text"] == text
