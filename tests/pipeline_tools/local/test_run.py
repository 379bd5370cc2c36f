"""What a run leaves behind, and what it looks like from outside."""

import json
import os
import shutil

import pytest
from kfp import dsl
from kfp.dsl import HTML, Output

from pipeline_tools.compiler import compile_package
from pipeline_tools.errors import InputError
from pipeline_tools.local import RunFailedError, RunResult, run
from tests.pipeline_tools.local import pipelines


def test_everything_lies_in_the_run_directory(tmp_path):
    result = run(pipelines.chain, {"text": "abc"}, run_dir=tmp_path / "run")
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert files == [
        "run/artifacts/make/data",
        "run/chain.tar.gz",
        "run/logs/_imports.log",
        "run/logs/make.log",
        "run/logs/measure.log",
        "run/logs/read.log",
        "run/run.json",
    ]
    assert result.run_dir == tmp_path / "run"
    assert result.outputs == {"Output": "abc"}


def test_record(tmp_path):
    result = run(pipelines.chain, {"text": "abc"}, run_dir=tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    assert record == result.to_json()
    assert (record["schema_version"], record["pipeline"], record["status"]) == (1, "chain", "succeeded")
    assert record["parameters"] == {"text": "abc", "count": 3}
    assert record["package"]["path"] == "chain.tar.gz"
    assert record["versions"]["kfp"].startswith("2.")
    assert str(tmp_path) not in json.dumps(record)  # nothing in it ties it to this place
    step = record["steps"]["make"]
    assert step["artifacts"]["data"] == {
        "type": "system.Dataset",
        "path": "artifacts/make/data",
        "metadata": {"length": 3},
        "name": "data",
        "schema_version": "0.0.1",
    }
    assert step["inputs"] == {"parameters": {"text": "abc"}, "artifacts": {}}
    assert step["log"] == "logs/make.log"
    assert step["cpu_seconds"] > 0
    assert step["peak_memory_bytes"] > 1 << 20
    measured = record["steps"]["measure"]
    assert (measured["metrics"], measured["parameters"]) == ({"auc": 0.75, "examples": 12}, {"Output": 0.5})


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def look_around(page: Output[HTML]) -> str:
    import os
    from pathlib import Path

    Path(page.path).write_text("<p>hello</p>")
    return os.environ["PIPELINE_PACKAGE_SHA256"]


@dsl.pipeline(name="looking")
def looking() -> str:
    return look_around().outputs["Output"]


def test_a_step_knows_its_package_and_a_page_is_named_as_one(tmp_path):
    result = run(looking, run_dir=tmp_path)
    assert result.outputs == {"Output": result.package_sha256}
    assert result.artifact("look-around", "page").path == tmp_path / "artifacts" / "look-around" / "page.html"
    assert (tmp_path / "artifacts" / "look-around" / "page.html").read_text() == "<p>hello</p>"


def test_what_is_uploaded_is_what_runs(tmp_path):
    package = compile_package(pipelines.chain, tmp_path / "chain.tar.gz")
    compiled = run(pipelines.chain, run_dir=tmp_path / "one")
    given = run(package, run_dir=tmp_path / "two")
    assert compiled.package.read_bytes() == package.read_bytes() == given.package.read_bytes()
    assert compiled.package_sha256 == given.package_sha256
    assert given.outputs == {"Output": "hello"}


def test_a_run_reads_back_after_it_was_moved(tmp_path):
    result = run(pipelines.chain, run_dir=tmp_path / "here")
    assert RunResult.load(result.run_dir) == result
    shutil.move(result.run_dir, tmp_path / "there")
    moved = RunResult.load(tmp_path / "there")
    assert moved.artifact("make", "data").path.read_text() == "hello"
    assert moved.steps["make"].log == tmp_path / "there/logs/make.log"
    assert moved.steps["read"].inputs["artifacts"] == {"data": [str(tmp_path / "there/artifacts/make/data")]}


def test_result_says_what_there_is(tmp_path):
    result = run(pipelines.chain, run_dir=tmp_path)
    with pytest.raises(KeyError, match="no step 'mak'; the steps are make, measure, read"):
        result.artifact("mak", "data")
    with pytest.raises(KeyError, match=r"'make' \(succeeded\) has no artifact 'model'; it has data"):
        result.artifact("make", "model")


@pytest.mark.parametrize(
    ("content", "message"), [(None, "not a run directory"), ("{", "not JSON"), ("{}", "layout None")]
)
def test_what_is_no_run(tmp_path, content, message):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(InputError, match=message):
        RunResult.load(tmp_path)


def test_steps_run_at_the_same_time(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    result = run(pipelines.together, {"place": str(place)}, run_dir=tmp_path / "run", parallelism=2)
    assert result.status == "succeeded"


def test_no_more_steps_at_a_time_than_the_loop_allows(tmp_path):
    result = run(pipelines.one_at_a_time, {"place": str(tmp_path)}, run_dir=tmp_path / "run", parallelism=3)
    assert [step.status for step in result.steps.values()] == ["succeeded"] * 3


@pytest.mark.parametrize("isolation", ["fork", "process"])
def test_each_step_is_a_process(tmp_path, isolation):
    result = run(pipelines.processes, run_dir=tmp_path, isolation=isolation)
    child, parent = result.steps["process-id"].parameters["Output"], result.steps["parent-id"].parameters["Output"]
    assert child not in (os.getpid(), parent)
    assert (parent == os.getpid()) == (isolation == "process")


def test_steps_that_end_together_share_one_fork_server(tmp_path):
    result = run(pipelines.many, run_dir=tmp_path, isolation="fork", parallelism=8)
    assert len({step.parameters["Output"] for step in result.steps.values()}) == 1


def test_environment_of_a_step(tmp_path):
    assert run(pipelines.greeting, run_dir=tmp_path).outputs == {"Output": "hello"}
    assert "GREETING" not in os.environ


def test_workspace(tmp_path):
    run(pipelines.shared_workspace, run_dir=tmp_path)
    assert (tmp_path / "workspace/counter").read_text() == "x"


def test_what_a_component_wants_installed_and_is(tmp_path):
    assert run(pipelines.installed, run_dir=tmp_path).outputs == {"Output": "x"}


def test_default_run_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one, two = run(pipelines.greeting), run(pipelines.greeting)
    assert one.run_dir != two.run_dir
    assert {one.run_dir.parent, two.run_dir.parent} == {tmp_path / "runs"}
    assert one.run_dir.name.startswith("greeting-")


def test_observer_sees_every_change(tmp_path):
    seen = []
    run(
        pipelines.greeting,
        run_dir=tmp_path,
        observer=lambda result, step: seen.append(step.status if step else result.status),
    )
    assert (seen[0], seen[-1]) == ("running", "succeeded")
    assert list(dict.fromkeys(seen)) == ["running", "succeeded"]


def test_works_inside_an_event_loop(tmp_path):
    import asyncio

    async def notebook():
        return run(pipelines.greeting, run_dir=tmp_path)

    assert asyncio.run(notebook()).status == "succeeded"


def test_failure_raises_with_the_result(tmp_path):
    with pytest.raises(RunFailedError, match="half: ValueError: no good") as caught:
        run(pipelines.crashes, run_dir=tmp_path)
    assert caught.value.result.steps["read-2"].parameters == {"Output": "whole"}
