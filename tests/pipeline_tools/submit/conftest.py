"""A Kubeflow Pipelines service on this machine, and the command in a process or here."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
from collections.abc import Iterator

import pytest

from pipeline_tools.cli.main import cli, run_reporting_errors

from .double import Double, serve


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing of the person who runs the tests: no context of kfp's, no endpoint, no credentials."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("kfp.Client._LOCAL_KFP_CONTEXT", str(home / "context.json"))
    for name in list(os.environ):
        if name.startswith(("KF_PIPELINES_", "TAXI_PIPELINE_", "KUBERNETES_")):
            monkeypatch.delenv(name)


@pytest.fixture
def double() -> Iterator[Double]:
    service = Double()
    server, stop = serve(service)
    service.url = f"http://127.0.0.1:{server.server_port}"
    yield service
    stop()
    assert service.problems == []


@pytest.fixture
def command(double, monkeypatch):
    """Call `taxi-pipeline submit` as its script does, but in this process, which is quicker."""

    def call(*arguments, variables=None):
        line = ["submit", *map(str, arguments)]
        if not {"--endpoint", "--help"} & set(line) and ("--vertex" not in line or "--experiment" in line):
            line += ["--endpoint", double.url]
        for name, value in (variables or {}).items():
            monkeypatch.setenv(name, value)
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors), pytest.raises(SystemExit) as ended:
            run_reporting_errors(lambda: cli(line, "taxi-pipeline"))
        return subprocess.CompletedProcess(line, ended.value.code, output.getvalue(), errors.getvalue())

    return call
