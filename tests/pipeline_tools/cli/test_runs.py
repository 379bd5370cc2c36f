"""`taxi-pipeline runs` lists what was run, and how it ended."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from pipeline_tools.cli.main import cli
from pipeline_tools.errors import InputError
from pipeline_tools.local import run
from tests.pipeline_tools.local import pipelines


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    run(pipelines.chain, run_dir=folder / "whole")
    run(pipelines.chain, run_dir=folder / "killed")
    record = folder / "killed" / "run.json"
    content = json.loads(record.read_text())
    content |= {"status": "running", "ended": None, "seconds": None}
    content["process"]["started"] = "1"
    first, second, *_ = content["steps"].values()
    first["status"], second["status"] = "running", "pending"
    record.write_text(json.dumps(content))
    (folder / "broken").mkdir()
    (folder / "broken" / "run.json").write_text("{")
    (folder / "other").mkdir()
    return folder


def test_the_table_shows_how_each_run_ended(runs):
    done = CliRunner().invoke(cli, ["runs", str(runs)], catch_exceptions=False)
    assert done.exit_code == 0
    header, killed, whole = done.stdout.splitlines()
    assert header.split() == ["run", "pipeline", "status", "started", "seconds", "steps"]
    assert "killed" in killed
    assert "✗ interrupted" in killed
    assert "✓ succeeded" in whole
    assert "not listed: " in done.stderr
    assert "broken" in done.stderr


def test_json_is_one_object_a_run(runs):
    done = CliRunner().invoke(cli, ["runs", str(runs), "--json"], catch_exceptions=False)
    killed, whole = map(json.loads, done.stdout.splitlines())
    assert (killed["status"], whole["status"]) == ("interrupted", "succeeded")
    assert list(killed["steps"].values())[:2] == ["interrupted", "skipped"]


def test_no_runs_and_no_directory(tmp_path):
    done = CliRunner().invoke(cli, ["runs", str(tmp_path)], catch_exceptions=False)
    assert done.stdout == f"no runs in {tmp_path}\n"
    with pytest.raises(InputError, match="none: no such directory; name the one that holds your runs"):
        CliRunner().invoke(cli, ["runs", str(tmp_path / "none")], catch_exceptions=False)
