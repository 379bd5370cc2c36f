"""`taxi-pipeline run`, as a person calls it."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline_tools.compiler import compile_package
from pipeline_tools.local import RunInterruptedError, RunResult, resume, run
from tests.campaigns import seeds
from tests.command import taxi_pipeline
from tests.pipeline_tools.local import pipelines


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    where = tmp_path_factory.mktemp("packages")
    for pipeline in (pipelines.chain, pipelines.crashes, pipelines.typed, pipelines.waiting, pipelines.impossible):
        compile_package(pipeline, where / f"{pipeline.name}.tar.gz")
    return where


def command(*arguments, **options):
    line = [sys.executable, "-m", "taxi_pipeline", "run", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, **options)


def test_success(packages, tmp_path):
    done = command(packages / "chain.tar.gz", "--param", "text=abc", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (where,) = (tmp_path / "runs").iterdir()
    table = done.stdout.splitlines()
    assert table[0].split() == ["step", "status", "seconds", "metrics"]
    assert any(re.match(r"measure +✓ succeeded +\d+\.\d  auc 0\.75 +examples 12 *$", line) for line in table)
    assert f"everything is in runs/{where.name}: artifacts, logs, run.json, chain.tar.gz" in done.stdout
    assert "make started" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_json_is_the_only_thing_on_standard_output(packages, tmp_path):
    done = command(packages / "chain.tar.gz", "--json", "--run-dir", tmp_path / "run")
    assert json.loads(done.stdout) == json.loads((tmp_path / "run/run.json").read_text())


def test_parameters_file_gives_way_to_the_command_line(packages, tmp_path):
    file = tmp_path / "params.yaml"
    file.write_text("text: from the file\ncount: 5\n")
    done = command(
        packages / "chain.tar.gz", "--params-file", file, "-p", "count=6", "--json", "--run-dir", tmp_path / "run"
    )
    assert json.loads(done.stdout)["parameters"] == {"text": "from the file", "count": 6}


def test_failed_steps(packages, tmp_path):
    done = command(packages / "crashes.tar.gz", "--run-dir", "run", cwd=tmp_path)
    assert done.returncode == 1
    assert "half failed: ValueError: no good\nfull log: run/logs/half.log\n" in done.stdout
    # What a person can fix is said in one line; no log is needed to understand it.
    assert "bad-input failed: trips.csv, row 3, column fare: 'x' is not a number; fix the row\n\n" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["typed.tar.gz"], "parameter 'required' is required"),
        (["typed.tar.gz", "-p", "requird=1"], "no parameter 'requird'; did you mean required"),
        (["typed.tar.gz", "-p", "required=x"], "'required' takes a whole number (NUMBER_INTEGER), not 'x'"),
        (["typed.tar.gz", "--params-file", "none.yaml"], "none.yaml: No such file"),
        (["none.tar.gz"], "none.tar.gz: no such file"),
        (["impossible.tar.gz"], "task 'wants-package': it needs no-such-package-here==1.0"),
        (["workflow9"], "'workflow9' is not a workflow"),
        (["chain.tar.gz", "--run-dir", "."], "the run directory is not empty"),
        (["chain.tar.gz", "--run-dir", "chain.tar.gz/x"], "cannot use this as the run directory"),
    ],
)
def test_bad_input_ends_before_anything_starts(packages, arguments, message, monkeypatch):
    before = sorted(packages.iterdir())
    monkeypatch.chdir(packages)
    done = taxi_pipeline("run", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert (done.stdout, "Traceback" in done.stderr) == ("", False)
    assert sorted(packages.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_directory_without_permission(packages, tmp_path):
    tmp_path.chmod(0o500)
    done = command(packages / "chain.tar.gz", "--run-dir", tmp_path / "run")
    assert (done.returncode, "Permission denied" in done.stderr) == (2, True)


def test_read_only_disk(packages, tmp_path):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "none", str(tmp_path)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a read-only disk: {mounted.stderr.strip()}")
    try:
        done = command(packages / "chain.tar.gz", "--run-dir", tmp_path / "run")
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)
    assert (done.returncode, "Read-only file system" in done.stderr) == (2, True)


def test_full_disk_before_the_start(packages, tmp_path):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.strip()}")
    try:
        (tmp_path / "filler").write_bytes(b"\0" * 60_000)
        done = command(packages / "chain.tar.gz", "--run-dir", tmp_path / "run")
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)
    assert (done.returncode, "No space left on device" in done.stderr) == (2, True)


def alive(pid):
    """Whether a process is there and not just waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(condition, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


AT_WORK = {"make": "succeeded", "wait": "running", "wait-2": "running", "read": "pending"}


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("isolation", ["fork", "process"])
@pytest.mark.parametrize(
    ("signals", "code"),
    [
        ([signal.SIGINT], 130),
        ([signal.SIGTERM], 143),
        ([signal.SIGHUP], 129),
        ([signal.SIGINT] * 3, 130),
        ([signal.SIGKILL], -9),
    ],
    ids=["ctrl-c", "terminate", "hang-up", "ctrl-c-in-anger", "kill"],
)
def test_when_it_is_stopped_so_is_every_process(packages, tmp_path, signals, code, isolation):
    where = tmp_path / "run"
    line = [sys.executable, "-m", "taxi_pipeline", "run", packages / "waiting.tar.gz", "--run-dir", where]
    line += ["--param", f"place={tmp_path}", "--parallelism", "3", "--isolation", isolation]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    marks = [tmp_path / "mark", tmp_path / "other"]
    until(lambda: all(mark.exists() for mark in marks))
    started = [int(pid) for mark in marks for pid in mark.read_text().split()]
    assert all(alive(pid) for pid in started)
    until(lambda: {name: step.status for name, step in RunResult.load(where).steps.items()} == AT_WORK)
    for number in signals:
        process.send_signal(number)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == code
    if code == -9 and isolation == "process":
        started = started[::2]  # nobody is left to end what a step itself had started
    until(lambda: not any(alive(pid) for pid in started))
    result = RunResult.load(where)
    assert result.status == "interrupted"
    assert {name: step.status for name, step in result.steps.items()} == {
        "make": "succeeded",
        "wait": "interrupted",
        "wait-2": "interrupted",
        "read": "skipped",
    }
    if code == -9:
        assert json.loads((where / "run.json").read_text())["status"] == "running"  # nobody was left to write more
        return
    assert "Traceback" not in output
    assert json.loads((where / "run.json").read_text())["status"] == "interrupted"
    assert not (where / "partial").exists()
    assert (where / "artifacts/make/data").read_text() == "done"


def test_ctrl_c_in_python(tmp_path):
    seen = []

    def interrupt(result, step):
        if step is not None and step.status == "running" and step.name == "wait" and not seen:
            seen.append(step)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterruptedError) as caught:
        run(pipelines.waiting, {"place": str(tmp_path)}, run_dir=tmp_path / "run", parallelism=2, observer=interrupt)
    assert isinstance(caught.value, KeyboardInterrupt)
    assert caught.value.result.status == "interrupted"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize("seed", seeds(3, 200))
def test_killed_at_any_moment_a_run_claims_no_more_than_there_is_and_goes_on(packages, tmp_path, seed):
    where = tmp_path / "run"
    line = [sys.executable, "-m", "taxi_pipeline", "run", packages / "chain.tar.gz", "--run-dir", where]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: (where / "run.json").exists() or process.poll() is not None)
    time.sleep(random.Random(seed).uniform(0, 0.5))
    process.kill()
    process.wait()
    record = json.loads((where / "run.json").read_text())
    for step in record["steps"].values():
        for artifact in step["artifacts"].values() if step["status"] == "succeeded" else ():
            assert (where / artifact["path"]).exists() or artifact["type"] == "system.Metrics"  # which have no file
    statuses = {step["status"] for step in record["steps"].values()}
    assert record["status"] == ("succeeded" if record["ended"] else "running")
    assert statuses == {"succeeded"} or not record["ended"]

    undisturbed = run(pipelines.chain, run_dir=tmp_path / "undisturbed")
    resumed = resume(where)
    assert resumed.outputs == undisturbed.outputs
    for name, step in undisturbed.steps.items():
        assert resumed.steps[name].parameters == step.parameters
        for output, artifact in step.artifacts.items():
            assert resumed.artifact(name, output).metadata == artifact.metadata
            assert resumed.artifact(name, output).path.exists() == artifact.path.exists()
            if artifact.path.exists():
                assert resumed.artifact(name, output).path.read_bytes() == artifact.path.read_bytes()
