"""A run that did not succeed goes on in its own directory."""

import json
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner
from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Output

from pipeline_tools.cli.main import cli
from pipeline_tools.compiler import compile_package
from pipeline_tools.errors import InputError
from pipeline_tools.local import RunResult, resume, run


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def count(place: str, name: str, data: Output[Dataset]) -> int:
    from pathlib import Path

    with Path(place, name).open("a") as calls:
        calls.write("x")
    Path(data.path).write_text(name)
    data.metadata["rows"] = 3
    return len(Path(place, name).read_text())


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def need(place: str, data: Input[Dataset], made: Output[Artifact]) -> str:
    import time
    from pathlib import Path

    Path(place, "needing").touch()
    while Path(place, "wait").exists():
        time.sleep(0.02)
    if not Path(place, "there").exists():
        raise ValueError("not yet there")
    Path(made.path).write_text(Path(data.path).read_text() + str(data.metadata["rows"]))
    return Path(made.path).read_text()


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def join(place: str, texts: list) -> str:
    return ",".join(texts)


@dsl.pipeline(name="going-on")
def going_on(place: str) -> str:
    with dsl.ParallelFor(["a", "b"]) as name:
        counted = count(place=place, name=name)
        needed = need(place=place, data=counted.outputs["data"])
    with dsl.If(place != ""):
        count(place=place, name="c")
    return join(place=place, texts=dsl.Collected(needed.outputs["Output"])).output


def calls(place):
    return {name: (place / name).read_text() for name in "abc"}


def test_what_succeeded_is_kept_and_the_rest_runs(tmp_path):
    failed = run(going_on, {"place": str(tmp_path)}, run_dir=tmp_path / "run", raise_on_error=False)
    assert failed.status == "failed"
    (tmp_path / "there").touch()

    done = resume(tmp_path / "run")
    assert done.status == "succeeded"
    assert done.outputs == {"Output": "a3,b3"}
    assert calls(tmp_path) == {"a": "x", "b": "x", "c": "x"}
    assert {name: step.attempts for name, step in done.steps.items()} == {
        **{f"count/{each}": 1 for each in (0, 1)},
        **{f"need/{each}": 2 for each in (0, 1)},
        "count-2": 1,
        "join": 1,
    }
    assert (done.started, done.steps["need/0"].error) == (failed.started, None)
    log = (tmp_path / "run/logs/need/0.log").read_text()
    assert "not yet there" in log
    assert "--- attempt 2 ---" in log
    assert RunResult.load(tmp_path / "run").to_json() == done.to_json()
    assert resume(tmp_path / "run").to_json() == done.to_json()  # nothing is left to do


def test_a_step_whose_artifact_is_gone_runs_again_and_so_does_what_depends_on_it(tmp_path):
    (tmp_path / "there").touch()
    run(going_on, {"place": str(tmp_path)}, run_dir=tmp_path / "run")
    record = tmp_path / "run/run.json"
    content = json.loads(record.read_text())
    content["status"] = content["steps"]["join"]["status"] = "failed"
    record.write_text(json.dumps(content))
    (tmp_path / "run/artifacts/count/0/data").unlink()

    done = resume(tmp_path / "run")
    assert calls(tmp_path) == {"a": "xx", "b": "x", "c": "x"}
    assert {name: step.attempts for name, step in done.steps.items() if step.attempts > 1} == {
        "count/0": 2,
        "need/0": 2,
        "join": 2,
    }


def test_a_run_that_was_killed_goes_on(tmp_path):
    (tmp_path / "there").touch()
    (tmp_path / "wait").touch()
    package = compile_package(going_on, tmp_path / "p.tar.gz")
    line = [sys.executable, "-m", "taxi_pipeline", "run", package, "--run-dir", tmp_path / "run"]
    process = subprocess.Popen([*map(str, line), "--param", f"place={tmp_path}"], stderr=subprocess.DEVNULL)
    try:
        while not (tmp_path / "needing").exists():
            assert process.poll() is None
        with pytest.raises(InputError, match="the run is still running; stop it before you resume it"):
            resume(tmp_path / "run")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    (tmp_path / "wait").unlink()

    done = CliRunner().invoke(cli, ["run", "--resume", str(tmp_path / "run"), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["outputs"] == {"Output": "a3,b3"}


def test_another_package_is_refused(tmp_path):
    failed = run(going_on, {"place": str(tmp_path)}, run_dir=tmp_path / "run", raise_on_error=False)
    failed.package.write_bytes(failed.package.read_bytes() + b" ")
    with pytest.raises(InputError, match="not the package that the run began with; start a new run"):
        resume(tmp_path / "run")
    failed.package.unlink()
    with pytest.raises(InputError, match="the package of the run is needed to resume it"):
        resume(tmp_path / "run")


@pytest.mark.parametrize("more", [["workflow1"], ["--param", "a=1"], ["--run-dir", "x"], ["--dry-run"]])
def test_a_run_is_resumed_with_what_it_began_with(tmp_path, more):
    done = CliRunner().invoke(cli, ["run", "--resume", str(tmp_path), *more])
    assert done.exit_code == 2
    assert "--resume takes what the run began with; leave out" in done.stderr
