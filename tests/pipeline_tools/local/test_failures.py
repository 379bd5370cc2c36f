"""A crash in one step is a failed step, not a dead run."""

import json
import subprocess

import pytest

from pipeline_tools.local import RunResult, run
from tests.pipeline_tools.local import pipelines


@pytest.fixture(scope="module", params=["fork", "process"])
def crashed(request, tmp_path_factory):
    return run(
        pipelines.crashes,
        run_dir=tmp_path_factory.mktemp("run"),
        raise_on_error=False,
        isolation=request.param,
        parallelism=4,
    )


@pytest.mark.parametrize(
    ("step", "error", "kind"),
    [
        ("half", "ValueError: no good", "ValueError"),
        ("bad-input", "trips.csv, row 3, column fare: 'x' is not a number; fix the row", "InputError"),
        ("segfault", "its process was ended by SIGSEGV", "SIGSEGV"),
        ("killed", "its process was ended by SIGKILL; the system ends processes so when memory runs out", "SIGKILL"),
        ("vanish", "its process ended with exit code 3", "exit"),
        ("fails", "its process ended with exit code 7", "exit"),
        (
            "not-finite",
            "metadata['auc'] of its output 'values' is nan: artifacts take finite numbers only",
            "InputError",
        ),
    ],
)
def test_a_failure_says_why(crashed, step, error, kind):
    failed = crashed.steps[step]
    assert (failed.status, failed.error, failed.error_type) == ("failed", error, kind)


def test_a_long_message_is_cut(crashed):
    lines = crashed.steps["verbose"].error.splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("RuntimeError: first", "…", 11)
    assert crashed.steps["verbose"].log.read_text().count("more") >= 99


def test_a_command_that_writes_nonsense(crashed):
    assert crashed.steps["writes-nonsense"].error.startswith("what it left in executor_output.json is not JSON")


def test_what_does_not_depend_on_it_goes_on(crashed):
    assert crashed.status == "failed"
    assert crashed.steps["read-2"].parameters == {"Output": "whole"}


def test_what_depends_on_it_is_skipped(crashed):
    assert (crashed.steps["read"].status, crashed.steps["read"].reason) == ("skipped", "half did not succeed")


def test_nothing_half_written_is_left(crashed):
    assert [path.name for path in (crashed.run_dir / "artifacts").iterdir()] == ["make"]
    assert not (crashed.run_dir / "partial").exists()


def test_logs_hold_the_traceback(crashed):
    assert "ValueError: no good" in crashed.steps["half"].log.read_text()
    assert "Segmentation fault" in crashed.steps["segfault"].log.read_text()
    assert crashed.steps["fails"].log.read_text() == "to the log\n"


def test_record_is_whole(crashed):
    assert RunResult.load(crashed.run_dir).to_json() == crashed.to_json()


def test_retries_until_it_works(tmp_path):
    result = run(pipelines.retries, {"counter": str(tmp_path / "counter"), "fail": 2}, run_dir=tmp_path / "run")
    assert (result.outputs["Output"], result.steps["flaky"].attempts) == (2, 3)
    assert result.steps["flaky"].error is None
    assert result.steps["flaky"].log.read_text().count("--- attempt") == 2


def test_retries_are_not_endless(tmp_path):
    arguments = {"counter": str(tmp_path / "counter"), "fail": 9}
    result = run(pipelines.retries, arguments, run_dir=tmp_path / "run", raise_on_error=False)
    assert (result.steps["flaky"].attempts, result.steps["flaky"].error) == (3, "RuntimeError: attempt 2")


def test_a_module_that_cannot_be_imported_fails_its_step_alone(tmp_path):
    result = run(pipelines.missing_module, run_dir=tmp_path, raise_on_error=False)
    assert result.steps["two-imports"].error == "ModuleNotFoundError: No module named 'colorsys_not_there'"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MB."""
    where = tmp_path / "disk"
    where.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(where)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.strip()}")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


def test_full_disk_fails_the_step_that_fills_it(small_disk):
    # One at a time: what the failed step had written is gone, and there is room again, when the next one starts.
    result = run(pipelines.full_disk, run_dir=small_disk / "run", raise_on_error=False, parallelism=1)
    assert result.steps["fill"].error.startswith("disk full")
    assert str(small_disk) in result.steps["fill"].error
    assert result.steps["measure"].status == "succeeded"
    assert json.loads((small_disk / "run/run.json").read_text())["status"] == "failed"
    assert not list((small_disk / "run/artifacts").iterdir())
