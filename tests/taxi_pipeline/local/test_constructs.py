"""Every construct of a specification, executed: what a cluster would do."""

import pytest

from taxi_pipeline.local import run

from ..compiler.argo import pipelines


def parameters(result):
    return {name: step.parameters.get("Output") for name, step in result.steps.items() if step.status == "succeeded"}


def skipped(result):
    return sorted(name for name, step in result.steps.items() if step.status == "skipped")


def test_outputs_of_every_type(tmp_path):
    result = run(pipelines.outputs, {"seed": 3}, run_dir=tmp_path)
    assert result.steps["several"].parameters == {"name": "n3", "ratio": 0.75, "flags": {"seed": 3}, "ok": True}
    assert result.steps["write-path"].parameters == {"where": "two\nlines\n", "how_many": 10}
    assert result.outputs["Output"] == '["n3", 0.75, 3, true, [1, "a"], {"seed": 3}, "float", "int"]'


def test_artifacts_with_their_metadata(tmp_path):
    result = run(pipelines.artifacts, {"rows": 4}, run_dir=tmp_path)
    assert result.outputs["Output"] == "2.0 [('framework', 'none')] 4 system.Model"
    model = result.artifact("fit", "model")
    assert (model.type, model.metadata) == ("system.Model", {"framework": "none"})
    assert (model.path / "weights").read_text() == "2.0"
    assert result.steps["fit"].metrics == {"rows": 4}
    assert result.steps["fit"].inputs["artifacts"] == {"data": [str(tmp_path / "artifacts/make/data")]}
    assert result.artifact("fit", "curve").metadata["confidenceMetrics"][0]["recall"] == 0


def test_nested_pipelines(tmp_path):
    result = run(pipelines.nested, {"base": 2}, run_dir=tmp_path)
    outputs = parameters(result)
    assert (outputs["inner/add"], outputs["inner-2/add"], outputs["echo"]) == (7, 12, "sum is 12")
    assert outputs["read"].startswith("x\nx\nx\nx ")
    assert (tmp_path / "logs/inner-2/add.log").is_file()


@pytest.mark.parametrize(
    ("given", "chosen", "also", "not_taken"),
    [
        ({}, "fast", {"echo-4", "echo-5"}, ["echo-2", "echo-3", "echo-6"]),
        ({"mode": "slow", "count": 4}, "slow", {"echo-4"}, ["echo", "echo-3", "echo-5", "echo-6"]),
        ({"mode": "it's", "count": 1}, "neither", {"echo-6"}, ["echo", "echo-2", "echo-4", "echo-5"]),
    ],
)
def test_conditions(tmp_path, given, chosen, also, not_taken):
    result = run(pipelines.conditions, given, run_dir=tmp_path)
    assert result.outputs["Output"] == chosen
    assert also < set(parameters(result))
    assert skipped(result) == not_taken
    assert result.steps[not_taken[0]].reason.startswith("its condition is false: ")


@pytest.mark.parametrize(("big", "rows"), [(True, 5), (False, 1)])
def test_artifacts_of_the_branch_that_was_taken(tmp_path, big, rows):
    result = run(pipelines.artifact_branches, {"big": big}, run_dir=tmp_path)
    assert result.outputs["Output"].endswith(f"('rows', {rows})]")


def test_loops(tmp_path):
    result = run(pipelines.loops, {"count": 3}, run_dir=tmp_path)
    outputs = parameters(result)
    assert (outputs["total"], outputs["total-2"], outputs["join"]) == (306, 6, "ann {{item}}|bo")
    assert [outputs[f"add/{index}"] for index in range(3)] == [101, 102, 103]
    assert outputs["echo-3/1"] == "2"  # a number becomes text where text is wanted
    assert outputs["echo-5/1"] == 'Lyon\n"x"'
    assert skipped(result) == ["echo/0", "echo/1"]
    assert outputs["echo/2"] == "big 4"


def test_loops_in_loops(tmp_path):
    result = run(pipelines.nested_loops, run_dir=tmp_path)
    assert result.outputs["Output"] == "['a1', 'a2']|['b1', 'b2']"
    assert parameters(result)["echo/1/0"] == "b1"


def test_loop_over_nothing(tmp_path):
    assert run(pipelines.empty_loop, run_dir=tmp_path).outputs["Output"] == 0


def test_collected_artifacts(tmp_path):
    result = run(pipelines.collected_artifacts, run_dir=tmp_path)
    assert result.outputs["Output"] == "1/1 4/4 2/2"
    assert result.artifact("make/1", "data").path == tmp_path / "artifacts/make/1/data"


def test_exit_handler_learns_of_the_failure(tmp_path):
    result = run(pipelines.exit_handler, run_dir=tmp_path, raise_on_error=False)
    assert result.status == "failed"
    assert result.steps["report"].parameters["Output"] == "exit-handler-1 FAILED the end"
    assert result.steps["echo"].reason == "fail did not succeed"


def test_exit_handler_learns_of_success(tmp_path):
    result = run(pipelines.exit_handler_fine, run_dir=tmp_path)
    assert result.steps["report"].parameters["Output"] == "exit-handler-1 SUCCEEDED the end"


def test_a_step_may_ignore_that_another_failed(tmp_path):
    result = run(pipelines.ignored_failure, run_dir=tmp_path, raise_on_error=False)
    assert (result.status, parameters(result)) == ("failed", {"echo": "after all"})


def test_importer(tmp_path):
    source = tmp_path / "outside.csv"
    source.write_text("content\n")
    result = run(pipelines.importer, {"uri": str(source)}, run_dir=tmp_path / "run")
    assert result.outputs["Output"] == "content [('from', 'outside'), ('n', 1)]"
    assert result.artifact("importer", "artifact").path == source


def test_importer_of_a_missing_file(tmp_path):
    result = run(pipelines.importer, {"uri": "/nowhere/x"}, run_dir=tmp_path, raise_on_error=False)
    assert result.steps["importer"].error == "/nowhere/x: no such file or directory to import"
    assert result.steps["read"].status == "skipped"


def test_settings_that_concern_a_cluster_do_no_harm(tmp_path):
    assert parameters(run(pipelines.settings, run_dir=tmp_path)) == {"add": 11, "add-2": 21}


def test_container_components_run_as_commands(tmp_path):
    result = run(pipelines.containers, {"text": "it's $HOME `id` \\n %s"}, run_dir=tmp_path)
    assert result.outputs["Output"] == "it's $HOME `id` \\n %s-end\n"
    assert result.steps["flags"].parameters["out"] == "n\n--level\n3\n--tag\n\n"  # an empty default is a value
    assert result.steps["flags-2"].parameters["out"] == "m\n--level\n5\n--tag\nt {{x}}\n"


def test_any_string_survives(tmp_path):
    text = 'it\'s "quoted"\nand {{workflow.name}} {{$.pipeline_job_name}} ünïcödé \\ ' + "x" * 100_000
    result = run(pipelines.parameters, {"text": text}, run_dir=tmp_path)
    assert result.steps["echo"].parameters["Output"] == text
    assert result.parameters["text"] == text
