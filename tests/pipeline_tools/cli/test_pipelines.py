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
