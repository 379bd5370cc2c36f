"""The hooks of commits: subjects, and notebooks without outputs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[1]
HOOKS = ROOT / ".ci" / "hooks"


def run(hook: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(HOOKS / hook), *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("subject", "fits"),
    [
        ("compiler: refuse a workflow above 1 MB", True),
        ("cli, submit, doctor: say it in plain English", True),
        ("Merge branch main", True),
        ("Refuse a workflow above 1 MB", False),
        ("compiler: refuse it.", False),
        ("compiler: " + "x" * 63, False),
    ],
)
def test_a_subject_has_an_area_and_72_characters_at_most(subject: str, fits: bool, tmp_path: Path) -> None:
    (tmp_path / "message").write_text(subject + "\n\nA body of any length and form.\n")
    done = run("commit_subject.py", str(tmp_path / "message"))
    assert (done.returncode == 0) == fits
    assert bool(done.stderr.strip()) != fits


def test_outputs_of_notebooks_are_removed_with_a_message(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    output = nbformat.v4.new_output("stream", text="secret")
    cells = [nbformat.v4.new_code_cell("1", outputs=[output], execution_count=1), nbformat.v4.new_markdown_cell("text")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    done = run("strip_outputs.py", str(path))
    assert done.returncode == 1
    assert done.stdout == f"{path}: removed the outputs of 1 cells. Add the file again, and commit\n"
    assert "secret" not in path.read_text()
    before = path.read_bytes()
    assert run("strip_outputs.py", str(path)).returncode == 0
    assert path.read_bytes() == before


def test_the_hooks_use_local_tools_that_exist() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        for part in hook["entry"].split():
            if part.startswith(".ci/"):
                assert (ROOT / part).is_file()


def test_committed_notebooks_have_no_outputs() -> None:
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert all(not cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells), path
