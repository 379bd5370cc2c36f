"""The notebooks run as they are, on the bundled trips and without a network, and are kept without outputs."""

from __future__ import annotations

import ast
import importlib
import json
import os
import time
from pathlib import Path

import pytest

from pipeline_tools.local import RunResult
from tests.components.lib.report.pages import Page

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
OURS = ("components", "pipeline_tools", "taxi_pipeline")


def test_there_are_three() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["01_components", "02_analysis", "03_serve_and_predict"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert notebook.cells[0].source.startswith("# ")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_imports_of_ours_is_there(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OURS:
            module = importlib.import_module(node.module or "")
            for name in node.names:
                assert hasattr(module, name.name) or importlib.import_module(f"{node.module}.{name.name}")


def execute(path: Path, directory: Path):
    """Run a notebook in a directory, with no proxy to any network, and give it back with its outputs."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(directory)}})
    client.execute(env={**os.environ, "IPYTHONDIR": str(directory / "ipython")})
    return notebook


def results(notebook, kind: str) -> list[str]:
    """List the results of one MIME type."""
    return [
        output.data[kind]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "execute_result" and kind in output.data
    ]


def errors(notebook) -> str:
    """Give what the cells wrote to standard error."""
    return "".join(
        output.text
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stderr"
    )


def framed(notebook) -> list[Page]:
    """Read the reports that the notebook shows."""
    frames = [frame for html in results(notebook, "text/html") for frame in Page(html).all("iframe")]
    return [Page(frame["srcdoc"] or "") for frame in frames]


@pytest.fixture
def runs(workflow1_run: RunResult, tmp_path: Path) -> Path:
    """A directory in which a run of workflow1 has finished."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / f"workflow1-{time.strftime('%Y')}").symlink_to(workflow1_run.run_dir)
    return tmp_path


@pytest.mark.full
def test_each_component_on_its_own(tmp_path: Path) -> None:
    notebook = execute(NOTEBOOKS[0], tmp_path)
    assert any("blessed: " in text for text in results(notebook, "text/plain"))
    (page,) = framed(notebook)
    assert "The model reaches AUC" in page.text
    assert "Error" not in errors(notebook)


@pytest.mark.e2e
def test_the_analysis_of_a_finished_run(runs: Path) -> None:
    notebook = execute(NOTEBOOKS[1], runs)
    whole, mine = framed(notebook)
    assert "preprocessing1" in whole.text
    assert "payment_type" in mine.text
    tables = [Page(html).text for html in results(notebook, "text/html") if "<table" in html[:3000]]
    assert any("trip_start_hour = " in table for table in tables)
    assert any("payment_type = Credit Card" in table for table in tables)


@pytest.mark.full
def test_serving_from_a_run_that_the_notebook_makes_itself(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow_serving", reason="needs the extra [serve]")
    notebook = execute(NOTEBOOKS[2], tmp_path)
    printed = [
        output.text
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stdout"
    ]
    (rest,) = [text for text in printed if "by gRPC:" in text]
    by_rest, by_grpc = (ast.literal_eval(line.partition(": ")[2]) for line in rest.splitlines())
    assert len(by_grpc) == 5
    assert [row[0] for row in by_rest] == pytest.approx(by_grpc, rel=1e-5)
    paid = [float(text.split()[-1]) for text in printed[-2].splitlines()] if len(printed) > 1 else []
    assert len(paid) == 2
    assert paid[0] < 0.1 < paid[1], "a trip paid by card may well come with a tip"
