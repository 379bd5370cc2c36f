"""The page of a real run: the numbers are TFMA's, the steps' own pages are there, and it opens anywhere."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from components.commands import report
from pipeline_tools.local import RunResult
from tests.browser import chromium
from tests.components.lib.report.looks import check_looks
from tests.components.lib.report.pages import Page, slice_numbers

pytestmark = pytest.mark.e2e

METRICS = {"auc": "AUC", "binary_accuracy": "accuracy", "binary_crossentropy": "log loss"}


@pytest.fixture(scope="module")
def page(workflow1_run: RunResult) -> Path:
    return report.write(workflow1_run)


def tfma_numbers(evaluation: Path) -> dict[str, dict[str, float]]:
    """Read every number again, by TFMA itself, and nothing of ours."""
    import tensorflow_model_analysis as tfma

    result = tfma.load_eval_result(str(evaluation))
    return {
        ", ".join(f"{column} = {value if value != '' else '(empty)'}" for column, value in key): {
            name: float(value["doubleValue"]) for name, value in metrics[""][""].items()
        }
        for key, metrics in result.slicing_metrics
    }


def test_every_number_of_a_model_is_tfmas(workflow1_run: RunResult) -> None:
    html = workflow1_run.artifact("tfma-analyze", "report").path.read_text(encoding="utf-8")
    page = Page(html)
    expected = tfma_numbers(workflow1_run.artifact("tfma-analyze", "evaluation").path)
    overall = expected.pop("")
    shown = slice_numbers(page)
    assert set(shown) == set(expected)
    labels = {
        **METRICS,
        "auc_precision_recall": "AUC of precision-recall",
        "calibration": "calibration",
        "example_count": "examples",
    }
    for name, metrics in expected.items():
        for metric, label in labels.items():
            value = shown[name][label]
            # Of slices of one class TFMA gives areas of 0 (ROC), 0 or 1 (precision-recall), and the page a dash.
            undefined = math.isnan(metrics[metric]) or (metric.startswith("auc") and metrics["auc"] == 0)
            assert value == metrics[metric] or (value is None and undefined), (name, metric)
    values = {float(attributes["value"] or "") for attributes in page.all("data")}
    assert {overall[metric] for metric in labels if metric != "example_count"} <= values


def test_every_number_of_two_models_is_tfmas(workflow1_run: RunResult, page: Path) -> None:
    shown = slice_numbers(Page(page.read_text(encoding="utf-8")))
    for name, step in (("preprocessing1", "tfma-analyze"), ("preprocessing2", "tfma-analyze-2")):
        expected = tfma_numbers(workflow1_run.artifact(step, "evaluation").path)
        expected.pop("")
        assert set(shown) == set(expected)
        for of, metrics in expected.items():
            for metric, label in METRICS.items():
                value = shown[of][f"{label}, {name}"]
                undefined = math.isnan(metrics[metric]) or (metric == "auc" and metrics[metric] == 0)
                assert value == metrics[metric] or (value is None and undefined)


def test_our_area_under_the_curve_is_tfmas_so_that_intervals_are_around_it(workflow1_run: RunResult) -> None:
    from components.lib.artifacts.evaluation import read_evaluation
    from components.lib.report.measures import interval_of
    from components.lib.stats.scores import auc, tfma_levels

    evaluation = read_evaluation(workflow1_run.artifact("tfma-analyze", "evaluation").path)
    assert evaluation.predictions
    levels = tfma_levels(evaluation.predictions.scores)
    bounded = 0
    for key, rows in evaluation.predictions.groups.items():
        ours, tfmas = auc(evaluation.predictions.labels[rows], levels[rows]), evaluation.metrics[key]["auc"]
        if min(evaluation.classes[key]) == 0:
            assert math.isnan(tfmas), "TFMA gives 0, which is not an area"
            continue
        assert ours == pytest.approx(tfmas, abs=1e-12)
        if interval := interval_of(evaluation, key, "auc"):
            assert interval.low < tfmas < interval.high
            bounded += 1
    assert len(evaluation.predictions.groups) == len(evaluation.metrics)
    assert bounded > 100
    comparison = json.loads((workflow1_run.artifact("compare", "comparison").path / "comparison.json").read_text())
    assert comparison["models"]["preprocessing1"]["auc"]["value"] == pytest.approx(evaluation.overall["auc"], abs=1e-12)


def test_the_page_of_a_run_shows_everything(workflow1_run: RunResult, page: Path) -> None:
    assert page == workflow1_run.run_dir / "report.html"
    read = Page(page.read_text(encoding="utf-8"))
    sections = [attributes["id"] for attributes in read.all("section")]
    assert sections == ["metrics", "curves", "slices", "data", "features", "run", "reading"]
    assert "preprocessing1" in read.text
    assert "payment_type is Credit Card" in read.text
    assert "category of" in read.text
    assert "9,948 train examples, 5,052 eval examples" in read.text
    links = [attributes["href"] or "" for attributes in read.all("a")]
    files = [link for link in links if not link.startswith("#")]
    assert len(files) > 15
    assert all((page.parent / link).exists() for link in files)
    assert page.stat().st_size < 2_000_000


def test_links_follow_the_page(workflow1_run: RunResult, tmp_path: Path) -> None:
    page = report.write(workflow1_run.run_dir, tmp_path / "elsewhere" / "page.html")
    links = [attributes["href"] or "" for attributes in Page(page.read_text(encoding="utf-8")).all("a")]
    files = [link for link in links if not link.startswith("#")]
    assert all((page.parent / link).exists() for link in files)


@pytest.mark.full
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_and_the_pages_of_its_steps_are_drawn(
    workflow1_run: RunResult, page: Path, width: int, tmp_path: Path
) -> None:
    pages = [page]
    for step in ("tfma-analyze", "compare"):
        # The Pipelines UI gives the content to a frame that may run scripts and nothing else; here it is a file.
        copy = tmp_path / f"{step}.html"
        shutil.copy(workflow1_run.artifact(step, "report").path, copy)
        pages.append(copy)
    with chromium(tmp_path / "profile") as browser:
        for each in pages:
            browser.open(each, width=width)
            check_looks(browser, each, width=width, dark=False)


def test_one_step_of_several_can_be_shown(workflow1_run: RunResult) -> None:
    view = report.view(workflow1_run, step="evaluate2")
    assert repr(view).startswith("The model reaches AUC 0.9")
    assert 'id="run"' in view.html


def test_the_command_draws_a_run_and_any_tfma_result(workflow1_run: RunResult, tmp_path: Path) -> None:
    # What another's TFMA left: none of the files that tfma_analyze adds.
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    evaluation = workflow1_run.artifact("tfma-analyze", "evaluation").path
    for file in ("eval_config.json", *(path.name for path in evaluation.glob("*.tfrecord"))):
        shutil.copy(evaluation / file, foreign / file)
    for directory in (workflow1_run.run_dir, foreign):
        done = subprocess.run(
            [sys.executable, "-m", "taxi_pipeline", "report", str(directory), "-o", "out.html"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, str(tmp_path / "out.html"), "")
    page = Page((tmp_path / "out.html").read_text(encoding="utf-8"))
    assert "no verdict" in page.text
    shown, expected = slice_numbers(page), tfma_numbers(evaluation)
    for name in set(expected) - {""}:
        assert shown[name]["AUC"] in (expected[name]["auc"], None)
    # The predictions are gone, but the curves still tell how many labels there were, and so give intervals.
    assert sum(row["95 % interval"] is not None for row in shown.values()) > 90
