"""The command: what it asks for, what it prints, how it ends."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from pipeline_tools.cli.main import cli


@pytest.fixture(autouse=True)
def healthy(monkeypatch, tmp_path):
    """A machine with room and with credentials, whatever this one is like."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setattr("pipeline_tools.doctor.machine.DISK", 0)
    monkeypatch.setattr("pipeline_tools.doctor.machine.MEMORY", 0)
    monkeypatch.chdir(tmp_path)


def doctor(*arguments):
    return CliRunner().invoke(cli, ["doctor", *arguments])


def test_every_line_says_ok_or_what_to_do(service):
    service.answers["GET", "/apis/v2beta1/healthz"] = (200, {"apiServerTagName": "2.17.0"})
    done = doctor("--endpoint", f"http://{service.address}")
    lines = done.output.splitlines()
    assert done.exit_code == 0, done.output
    assert lines[-1].endswith("0 wrong")
    for line, after in itertools.pairwise(lines):
        if not line.startswith(("ok ", " ")):
            assert after.strip().startswith("-> "), line
    assert any("endpoint" in line and line.startswith("ok") for line in lines)


def test_what_is_wrong_decides_the_exit_code_and_json_holds_it_all():
    done = doctor("--image", "taxi-pipeline-python:1", "--json")
    assert done.exit_code == 1
    found = json.loads(done.output)
    assert set(found[0]) == {"area", "subject", "level", "text", "remedy"}
    assert [each["area"] for each in found if each["level"] == "wrong"] == ["image"]


def test_a_token_is_sent_and_not_shown(service, tmp_path):
    service.answers["GET", "/apis/v2beta1/healthz"] = (401, {})
    (tmp_path / "token").write_text("made-up-token\n")
    done = doctor("--endpoint", service.address, "--token-file", str(tmp_path / "token"))
    assert done.exit_code == 1
    assert service.asked[0]["headers"]["Authorization"] == "Bearer made-up-token"
    assert "made-up-token" not in done.output


def test_nothing_heavy_is_loaded():
    heavy = ("tensorflow", "apache_beam", "google.cloud.aiplatform", "pyarrow", "sqlglot")  # kfp brings its clients
    code = (
        "import sys; from click.testing import CliRunner; from pipeline_tools.cli.main import cli; "
        f"CliRunner().invoke(cli, ['doctor']); print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
