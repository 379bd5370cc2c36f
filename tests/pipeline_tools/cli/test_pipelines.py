"""The workflows' packages, and what importing them costs."""

import difflib
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from pipeline_tools.cli.pipelines import find_workflow
from pipeline_tools.compiler import compile_package, pipeline_yaml, read_documents
from pipeline_tools.compiler.diff import describe
from pipeline_tools.errors import InputError
from pipeline_tools.image import IMAGE

WORKFLOWS = ("workflow1", "workflow2")
HEAVY = ("tensorflow", "keras", "apache_beam", "tensorflow_model_analysis", "tensorflow_transform", "pyarrow", "duckdb")


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_pipeline_is_the_golden_one(golden, name: str) -> None:
    lines = describe(read_documents(find_workflow(name)))
    golden(f"{name}.txt", "\n".join([*lines, ""]).replace(IMAGE, IMAGE.rpartition(":")[0] + ":VERSION"))


def test_a_parameter_more_or_less_is_a_handful_of_lines_of_the_golden_file() -> None:
    documents = read_documents(find_workflow("workflow1"))
    before = describe(documents)
    documents[0]["root"]["inputDefinitions"]["parameters"]["train_steps"]["defaultValue"] = 2000
    for name in ("train", "train-2"):
        del documents[0]["root"]["dag"]["tasks"][name]["inputs"]["parameters"]["seed"]
    changed = [line for line in difflib.ndiff(before, describe(documents)) if line[0] in "+-"]
    assert changed == [
        "-   default: 1000",
        "+   default: 2000",
        "-   input seed: parameter seed",
        "-   input seed: parameter seed",
    ]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_text_of_each_step_stands_alone(name: str) -> None:
    """A step gets its function's text and nothing of the module around it: a default cannot name a constant there."""
    specification = next(yaml.safe_load_all(pipeline_yaml(find_workflow(name))))
    executors = specification["deploymentSpec"]["executors"]
    sources = {label: each["container"]["command"][-1] for label, each in executors.items()}
    assert sources
    for label, source in sources.items():
        exec(compile(source, label, "exec"), {})


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_package_holds_the_specification_and_is_the_same_every_time(tmp_path: Path, name: str) -> None:
    first = compile_package(find_workflow(name), tmp_path / "a.tar.gz").read_bytes()
    code = (
        "from pipeline_tools.compiler import compile_package; from pipeline_tools.cli.pipelines import find_workflow; "
        f"compile_package(find_workflow({name!r}), {str(tmp_path / 'b.tar.gz')!r})"
    )
    elsewhere = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "PATH": ""}
    subprocess.run([sys.executable, "-c", code], check=True, env=elsewhere)
    assert (tmp_path / "b.tar.gz").read_bytes() == first
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        assert "pipeline.yaml" in archive.getnames()
        for member in archive:
            assert (member.uid, member.gid, member.uname, member.mtime, member.mode) == (0, 0, "", 0, 0o644)


@pytest.mark.parametrize(
    "module", ["components", "taxi_pipeline.workflow1", "taxi_pipeline.workflow2", "pipeline_tools.cli.main"]
)
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_compiling_as_a_module(tmp_path: Path, name: str) -> None:
    command = [sys.executable, "-m", f"taxi_pipeline.{name}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert f"{name}.tar.gz" in done.stdout
    assert (tmp_path / f"{name}.tar.gz").is_file()
    refused = subprocess.run([*command, "-o", "x.zip"], capture_output=True, text=True, cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr == "error: x.zip: a package is a .tar.gz file; give a name that ends so\n"


OWN = """
from kfp import dsl

import own_helper


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def say() -> str:
    import own_helper

    return own_helper.TEXT


@dsl.pipeline
def mine() -> str:
    return say().output
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "own_pipelines_of_mine.py").write_text(OWN)
    (folder / "own_helper.py").write_text("TEXT = 'from beside the file'\n")
    return folder


def _command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as an installed one is run: the working directory is not on the path."""
    code = "import sys; sys.path.pop(0); from pipeline_tools.cli.main import main; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=cwd)


@pytest.mark.parametrize(
    ("name", "inside"),
    [("own_pipelines_of_mine:mine", True), ("own_pipelines_of_mine.py:mine", True), ("project/{}", False)],
)
def test_a_pipeline_of_ones_own_runs_as_it_is_named(project: Path, name: str, inside: bool) -> None:
    cwd = project if inside else project.parent
    done = _command("run", name.format("own_pipelines_of_mine.py:mine"), "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    assert '"from beside the file"' in done.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import os\n\nX = os.no_such_thing\n", r"broken.py, line 3: AttributeError: module 'os' has no attribute"),
        ("import gone_module\n", r"broken.py, line 1: ModuleNotFoundError: No module named 'gone_module'"),
        ("def f(:\n", r"broken.py, line 1: SyntaxError: invalid syntax"),
        ("raise SystemExit(3)\n", r"broken.py, line 1: SystemExit: 3"),
        (
            "from kfp import dsl\n\n\n@dsl.pipeline\ndef mine(x: int = 'a' + 1):\n    pass\n",
            r"broken.py, line 5: TypeError: can only concatenate str",
        ),
        ("from kfp import dsl\n\n\n@dsl.pipeline\ndef other():\n    unknown()\n", r"broken.py, line 6: NameError"),
    ],
    ids=["attribute", "module", "syntax", "exit", "default", "body"],
)
@pytest.mark.parametrize("name", ["broken:mine", "broken.py:mine"])
def test_a_module_that_fails_while_it_is_imported_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    (tmp_path / "broken.py").write_text(text)
    with pytest.raises(InputError, match=message):
        find_workflow(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere_at_all:mine", "no module 'nowhere_at_all' in the working directory or on the Python path"),
        ("pipeline_tools.nowhere:mine", "no module 'pipeline_tools.nowhere'"),
        ("nowhere.py:mine", r"nowhere.py: no such file"),
        ("pipeline_tools.errors:nothing", "module 'pipeline_tools.errors' has no 'nothing'"),
        ("pipeline_tools.errors:InputError", "is not a pipeline; decorate it"),
        ("nothing", "'nothing' is not a workflow. Give one of workflow1, workflow2"),
    ],
)
def test_a_name_that_means_nothing(monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(InputError, match=message):
        find_workflow(name)


def test_an_error_of_the_compiler_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "refused.py").write_text(
        "from kfp import dsl\n\n@dsl.pipeline(name='No Name!' * 30)\ndef mine():\n    dsl.importer('/x', dsl.Model)\n"
    )
    done = _command("compile", "refused.py:mine", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")
