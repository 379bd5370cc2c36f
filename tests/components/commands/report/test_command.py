"""What the report command refuses, and runs that did not come to an end. Runs that did are in tests/e2e."""

import json
from pathlib import Path

import pytest
from kfp import dsl

from components.commands import report
from pipeline_tools.errors import InputError
from pipeline_tools.local import RunResult, run
from tests.components.lib.report.pages import Page

pytest.importorskip("jinja2")


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def fine(number: int) -> int:
    return number + 1


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def broken(number: int):
    raise ValueError(f"<b>{number}</b> is no good")


@dsl.pipeline(name="stumbles")
def stumbles(number: int = 1):
    broken(number=fine(number=number).output)


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    directory = tmp_path_factory.mktemp("runs") / "one"
    return run(stumbles, run_dir=directory, raise_on_error=False)


def test_a_failed_run_says_so_and_links_to_its_logs(failed: RunResult) -> None:
    path = report.write(failed)
    page = Page(path.read_text(encoding="utf-8"))
    assert "The run failed; broken failed: " in page.text
    assert "<b>2</b> is no good" in page.text
    assert "b" not in [tag for tag, _ in page.elements]
    assert "How to read this" in page.text
    links = [attributes["href"] or "" for attributes in page.all("a")]
    assert "logs/broken.log" in links
    assert (path.parent / "logs/broken.log").exists()


def test_a_view_has_no_links_that_would_lead_nowhere(failed: RunResult) -> None:
    view = report.view(failed.run_dir)
    assert [link["href"] for link in Page(view.html).all("a") if not (link["href"] or "").startswith("#")] == []
    assert repr(view).startswith("The run failed; broken failed: ")


def test_a_wrong_step_names_those_that_can_be_shown(failed: RunResult) -> None:
    with pytest.raises(InputError, match="step 'compare' has nothing to show; the steps that have are: none"):
        report.view(failed, step="compare")


def test_a_run_in_a_bucket_has_a_page_here(gcs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(stumbles, run_dir="gs://bucket/runs/two", raise_on_error=False)
    page = report.write("gs://bucket/runs/two/")
    assert page == tmp_path / "report.html"
    html = page.read_text(encoding="utf-8")
    assert "<title>stumbles: two</title>" in html
    assert "The run failed; broken failed: " in Page(html).text
    assert [link["href"] for link in Page(html).all("a") if not (link["href"] or "").startswith("#")] == []
    with pytest.raises(InputError, match=r"gs://bucket/runs/none: neither a run directory"):
        report.write("gs://bucket/runs/none")


def test_what_is_no_run_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "file").touch()
    for wrong, said in (
        (tmp_path / "gone", "no such directory"),
        (tmp_path / "file", "is a file; give a run directory"),
        (empty, r"neither a run directory \(it has no run.json\) nor a TFMA result directory"),
    ):
        with pytest.raises(InputError, match=said):
            report.write(wrong, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_a_directory_is_not_replaced_by_a_page(failed: RunResult, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory; name a file"):
        report.write(failed, tmp_path)


def test_where_nothing_can_be_written_is_said(failed: RunResult, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/page.html: cannot be written: .+; name another file"):
        report.write(failed, tmp_path / "file" / "page.html")


def test_an_artifact_that_is_gone_is_named(tmp_path: Path, failed: RunResult) -> None:
    record = failed.to_json()
    artifact = {"type": "system.Artifact", "path": "artifacts/gone", "metadata": {}, "name": "", "schema_version": "0"}
    record["steps"]["fine"] |= {"artifacts": {"statistics": artifact}, "component": "example_gen"}
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"artifacts/gone is gone; the run directory must be complete"):
        report.view(tmp_path)
