"""What was uploaded, executed with what was sent: the service's run is one of this machine."""

import pytest
from kfp import dsl

from pipeline_tools.local import run
from pipeline_tools.submit import Access, submit

STATES = {
    "pending": "PENDING",
    "running": "RUNNING",
    "succeeded": "SUCCEEDED",
    "failed": "FAILED",
    "skipped": "SKIPPED",
}


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def count_up(count: int) -> int:
    return count + 1


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def refuse(count: int, limit: float, names: list):
    if count > limit:
        raise ValueError(f"{count} is over {limit}, {names}")


@dsl.pipeline(name="executed")
def executed(count: int = 1, limit: float = 3.5, names: list = ["a"]):  # noqa: B006
    refuse(count=count_up(count=count).output, limit=limit, names=names).set_display_name("check")


@pytest.mark.parametrize(
    ("arguments", "status", "error"),
    [({}, "succeeded", None), ({"count": 3, "names": ["b"]}, "failed", "ValueError: 4 is over 3.5, ['b']")],
)
def test_what_was_submitted_runs(double, tmp_path, arguments, status, error):
    submission = submit(executed, arguments, access=Access(double.url))
    package = tmp_path / "uploaded.tar.gz"
    package.write_bytes(double.files[submission.ids["version"]])
    sent = double.runs[submission.ids["run"]]["runtime_config"].get("parameters", {})
    told = []

    def observe(result, _step):
        steps = {}
        for name, step in result.steps.items():
            if step.status != "pending":
                steps[name] = {"state": STATES[step.status], **({"error": step.error} if step.error else {})}
        told.append((STATES[result.status], steps))

    result = run(package, sent, run_dir=tmp_path / "run", raise_on_error=False, isolation="process", observer=observe)
    double.script = told
    ended = submission.wait(poll_seconds=0.01)
    assert ended.status == result.status == status
    assert {name: step.status for name, step in ended.steps.items()} == {
        name: step.status for name, step in result.steps.items()
    }
    assert ended.steps["refuse"].error == error
    assert submission.sha256 == result.package_sha256
