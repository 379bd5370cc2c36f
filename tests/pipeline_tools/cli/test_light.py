"""What the command line imports, and what it says where an extra is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_tools import extras

LOADED = "[name for name in ('kfp', 'yaml', 'rich', 'requests', 'pyarrow') if name in sys.modules]"

BLOCKED = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from pipeline_tools.cli.main import main
main()
"""


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_no_kfp(option: str) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from pipeline_tools.cli.main import cli\n"
        f"done = CliRunner().invoke(cli, [{option!r}]); assert done.exit_code == 0; print({LOADED})"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def without_extras(arguments: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as it is after `pip install taxi-pipeline`, without an extra."""
    blocked = {module for module, extra in extras.extras_by_module().items() if extra != "dev"}
    code = BLOCKED.format(blocked=blocked)
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=cwd)


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["run", "workflow1"], "local"),
        (["run", "workflow1", "--dry-run"], "local"),
        (["run", "workflow2", "--dry-run"], "local"),
        (["predict", "--server", "127.0.0.1:9", "--model-name", "x", "--examples-file", "sample://trips"], "local"),
        (["serve", "--model-base-path", "models"], "serve"),
        (["report", "runs/one"], "local"),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, list) else "",
)
def test_a_missing_extra_is_one_line(arguments: list[str], extra: str, tmp_path: Path) -> None:
    (tmp_path / "models" / "taxi" / "1").mkdir(parents=True)
    (tmp_path / "models" / "taxi" / "1" / "saved_model.pb").touch()
    (tmp_path / "runs" / "one").mkdir(parents=True)
    (tmp_path / "runs" / "one" / "eval_config.json").write_text("{}")
    done = without_extras(arguments, tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert f"Run: pip install 'taxi-pipeline[{extra}]'" in line


@pytest.mark.parametrize("arguments", [["compile", "workflow1"], ["--help"], ["report", "--help"], ["serve", "--help"]])
def test_what_needs_no_extra_works_without_one(arguments: list[str], tmp_path: Path) -> None:
    done = without_extras(arguments, tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_missing_module_that_no_extra_brings_is_raised_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import no_such_module_here\n")
    done = without_extras(["run", "broken:pipeline"], tmp_path)
    assert "no_such_module_here" in done.stderr
    assert "taxi-pipeline[" not in done.stderr
