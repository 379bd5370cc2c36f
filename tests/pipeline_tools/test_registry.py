"""What an installed package registers is found; what two packages register under one name is refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_tools.cli.pipelines import find_workflow
from pipeline_tools.errors import InputError
from pipeline_tools.registry import COMMANDS, PIPELINES, entry_points

MODULE = """
import click
from kfp import dsl

@dsl.component(base_image="python:3.11")
def step():
    pass

@dsl.pipeline(name="churn")
def churn():
    step()

@click.command("wave")
def wave():
    click.echo("hello")
"""


def install(root: Path, package: str, entry_points: str) -> None:
    """Lay out what pip leaves of an installed package."""
    info = root / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "churn_project.py").write_text(MODULE)
    install(
        tmp_path,
        "churn-project",
        f"[{PIPELINES}]\nchurn = churn_project:churn\n[{COMMANDS}]\nwave = churn_project:wave\n",
    )
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_what_another_package_registers_is_used_like_our_own(installed: Path) -> None:
    assert find_workflow("churn").name == "churn"  # type: ignore[union-attr]
    assert find_workflow("workflow1").name == "workflow1"  # type: ignore[union-attr]
    path = os.pathsep.join([str(installed), *sys.path])
    for arguments, said in ((["wave"], "hello\n"), (["--help"], "wave")):
        command = [sys.executable, "-m", "pipeline_tools.cli.main", *arguments]
        done = subprocess.run(command, env={"PYTHONPATH": path}, check=True, capture_output=True, text=True)
        assert said in done.stdout


def test_one_name_for_two_things_is_refused(installed: Path) -> None:
    install(installed, "other", f"[{PIPELINES}]\nchurn = other:churn\n")
    with pytest.raises(InputError, match=r"register 'churn' in pipeline_tools.pipelines: .*churn_project:churn"):
        entry_points(PIPELINES)


def test_a_name_that_nobody_registers_lists_those_that_are(installed: Path) -> None:
    with pytest.raises(InputError, match=r"'workflow3' is not a workflow\. Give one of churn, workflow1, workflow2,"):
        find_workflow("workflow3")


def test_running_a_command_of_the_toolkit_imports_no_other(tmp_path: Path) -> None:
    code = (
        "import sys; from pipeline_tools.cli.main import cli; cli(['diff', '--help'], standalone_mode=False); "
        "assert not [name for name in sys.modules if name.partition('.')[0] in ('components', 'taxi_pipeline')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
