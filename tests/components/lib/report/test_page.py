from __future__ import annotations

import re
from dataclasses import replace

import pytest

from components.lib.report.data import Data
from components.lib.report.page import render
from components.lib.report.run import Link, Run, RunStep
from components.lib.report.view import View
from tests.components.lib.report.evaluations import EVIL, make_evaluation
from tests.components.lib.report.pages import Page, slice_numbers

STATISTICS = {
    "train": {
        "rows": 100,
        "columns": {
            "fare": {
                "type": "FLOAT", "count": 98, "missing": 2, "unique": 40, "not_finite": 0, "min": 0.5, "max": 80.0,
                "mean": 12.5, "std": 3.25, "zeros": 1, "quantiles": [0.5, 3, 4, 5, 6, 7, 8, 9, 10, 20, 80.0],
            },
            "company": {
                "type": "BYTES", "count": 100, "missing": 0, "unique": 2,
                "top": [{"value": EVIL, "count": 75}, {"value": "", "count": 25}],
            },
            "nothing": {
                "type": "INT", "count": 0, "missing": 100, "unique": 0, "not_finite": 0, "min": None, "max": None,
                "mean": None, "std": None, "zeros": 0, "quantiles": None,
            },
        },
    }
}  # fmt: skip
ANOMALIES = {"train": {"fare": [{"kind": "X", "message": f"2 rows: {EVIL}", "fatal": True, "count": 2}]}}
RUN = Run(
    pipeline="flow",
    status="failed",
    started="2026-01-02 03:04:05 UTC",
    seconds=175.5,
    parameters={"steps": 10, "name": EVIL, "layers": [1, 2]},
    versions={"python": "3.11"},
    steps=(
        RunStep(
            "read", "succeeded", begin=0.5, seconds=10.0, memory=2**27,
            links=(Link("log", "logs/read%20.log", "logs/read .log"),),
        ),
        RunStep("analyze", "failed", said="no such column", begin=10.5, seconds=65.0),
        RunStep("compare", "skipped", said="analyze failed"),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def html() -> str:
    baselines = {
        "majority class": {"auc": {"value": 0.5, "low": 0.5, "high": 0.5}},
        "rule": {
            "auc": {"value": 0.7, "low": 0.68, "high": 0.72},
            "accuracy": {"value": 0.8, "low": 0.78, "high": 0.82},
            "confusion_matrix": [[80, 20], [10, 30]],
        },
    }
    features = ({"name": "fare_z", "kind": "number", "size": None}, {"name": "id", "kind": "category", "size": 1200})
    evaluation = make_evaluation(baselines=baselines, features=features)
    return render({"The model": evaluation}, title="Test", data=Data(STATISTICS, ANOMALIES), run=RUN)


def test_the_page_is_sound_and_asks_for_nothing(html: str) -> None:
    page = Page(html)
    assert page.open == []
    assert page.crossed == []
    assert "default-src 'none'" in html
    assert not re.search(r"""(src|href)=["'](https?:)?//""", html)
    assert "@import" not in html
    assert "url(" not in html
    ids = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))


def test_every_slice_is_there_with_its_numbers_in_full(html: str) -> None:
    numbers = slice_numbers(Page(html))
    evaluation = make_evaluation()
    assert len(numbers) == len(evaluation.metrics) - 1
    for (column, value), metrics in ((of[0], metrics) for of, metrics in evaluation.metrics.items() if of):
        row = numbers[f"{column} = {value}"]
        assert row["AUC"] == metrics["auc"]
        assert row["accuracy"] == metrics["binary_accuracy"]
        assert row["log loss"] == metrics["binary_crossentropy"]
        assert row["examples"] == metrics["example_count"]


def test_the_numbers_over_all_examples_are_there_in_full(html: str) -> None:
    values = [float(attributes["value"] or "") for attributes in Page(html).all("data")]
    for name in ("auc", "binary_accuracy", "binary_crossentropy"):
        assert make_evaluation().overall[name] in values


def test_text_from_the_data_stays_text(html: str) -> None:
    assert "alert(1)" in html
    assert EVIL not in html
    page = Page(html)
    assert [attributes.get("type") for attributes in page.all("script")] == ["application/json"] * 2 + [None]
    assert f"company = {EVIL}" in slice_numbers(page)
    assert EVIL in page.text


def test_the_sections_come_in_the_order_in_which_people_ask(html: str) -> None:
    sections = [attributes["id"] for attributes in Page(html).all("section")]
    assert sections == ["metrics", "curves", "slices", "data", "features", "run", "reading"]
    links = [(attributes["href"] or "")[1:] for attributes in Page(html).all("a") if attributes["href"][0] == "#"]  # type: ignore[index]
    assert links == sections


def test_charts_and_tables_speak_to_those_who_do_not_see(html: str) -> None:
    page = Page(html)
    charts = page.all("svg")
    assert len(charts) >= 9
    assert all(chart["role"] == "img" and chart["aria-label"] for chart in charts)
    assert all(heading.get("scope") for heading in page.all("th"))
    assert all(region.get("aria-label") for region in page.all("div") if region.get("role") == "region")


def test_the_conclusion_says_what_failed_and_how_sure_the_numbers_are(html: str) -> None:
    assert "The run failed; analyze failed: no such column. The model reaches AUC 0.9" in html
    assert "clearly above the best baseline, “rule” (0.7000)" in html


def test_the_run_is_shown_with_links(html: str) -> None:
    page = Page(html)
    assert 'href="logs/read%20.log"' in html
    assert "2 min 55 s" in page.text
    assert "128 MiB" in page.text
    assert "[1, 2]" in page.text
    assert "analyze failed" in page.text


def test_the_data_is_described(html: str) -> None:
    text = Page(html).text
    assert "2 (2.0%)" in text
    assert f"{EVIL} 75%, (empty) 25%" in text
    assert "✗ fatal" in text
    assert "100 (100.0%)" in text


def test_the_same_numbers_make_the_same_bytes(html: str) -> None:
    again = render({"m": make_evaluation()}, title="t")
    assert again == render({"m": make_evaluation()}, title="t")


def test_a_comparison_stands_first() -> None:
    interval = {"value": 0.01, "low": 0.002, "high": 0.02}
    comparison = {
        "conclusion": f"b is better than a {EVIL}. By how much.",
        "details": "By how much.",
        "models": {"a": {"auc": interval}, "b": {}},
        "baselines": {"rule": {"auc": interval, "accuracy": interval}},
        "difference": {"auc": interval, "accuracy": interval, "log_loss": interval},
        "resamples": 1000,
    }
    models = {"a": make_evaluation(weak=7), "b": make_evaluation()}
    html = render(models, title="t", comparison=comparison, run=RUN)
    page = Page(html)
    assert page.text.index("b is better than a") < page.text.index("Metrics")
    assert "The run failed; analyze failed: no such column. b is better than a" in page.text
    assert page.text.count("By how much.") == 1
    assert "+0.0100" in page.text
    row = slice_numbers(page)["company = company 0007"]
    assert row["AUC, a"] == models["a"].metrics[(("company", "company 0007"),)]["auc"]
    assert row["difference"] == row["AUC, b"] - row["AUC, a"]
    assert row["note"] == "b better"


def test_a_result_with_numbers_only_makes_a_page_too() -> None:
    bare = replace(make_evaluation(), matrices=(), buckets=(), predictions=None, classes={}, verdict=None)
    page = Page(render({"m": bare}, title="t"))
    assert "curves" not in [attributes["id"] for attributes in page.all("section")]
    assert "no verdict" in page.text
    only = replace(bare, metrics={(): {"mean_squared_error": 2.5}})
    page = Page(render({"m": only}, title="t"))
    assert "m reaches mean squared error 2.5000." in page.text
    assert "names no slices" in page.text
    unknown = replace(bare, metrics={(): {"mean_squared_error": float("nan")}})
    assert "nan" not in Page(render({"m": unknown}, title="t")).text
    no_overall = replace(bare, metrics={(("c", "x"),): {"mean_squared_error": 2.5}})
    assert "evaluated in 1 slices" in Page(render({"m": no_overall}, title="t")).text


def test_a_run_without_a_model_makes_a_page_too() -> None:
    page = Page(render({}, title="t", run=RUN))
    assert page.open == []
    assert "The run failed" in page.text


def test_numbers_that_are_none_show_as_a_dash() -> None:
    evaluation = make_evaluation()
    key = (("company", "company 0003"),)
    broken = {**evaluation.metrics, key: {name: float("nan") for name in evaluation.overall}}
    html = render({"m": replace(evaluation, metrics=broken)}, title="t")
    assert "NaN" not in html
    assert slice_numbers(Page(html))["company = company 0003"]["AUC"] is None


def test_5000_slices_stay_under_2_megabytes() -> None:
    many = {"a": make_evaluation(slices=5000, rows=100_000), "b": make_evaluation(slices=5000, rows=100_000, seed=2)}
    assert len(render(many, title="t").encode()) < 2_000_000


def test_a_view_keeps_the_page_in_a_frame_of_its_own(html: str, tmp_path) -> None:
    view = View(html, f"the conclusion {EVIL}")
    frame = Page(view._repr_html_())
    (attributes,) = frame.all("iframe")
    assert attributes["srcdoc"] == html
    assert attributes["sandbox"] == "allow-scripts"
    assert EVIL not in view._repr_html_()
    assert repr(view) == f"the conclusion {EVIL}"
    path = view.save(tmp_path / "page.html")
    assert path.read_text(encoding="utf-8") == html


def test_the_page_says_how_marks_are_corrected_and_where_there_are_none() -> None:
    marked = Page(render({"m": make_evaluation(weak=7)}, title="t")).text
    assert "corrected for the number of slices that are looked at (40 were tested)" in marked
    assert "1 worse than the rest" in marked
    assert "none of the" not in marked
    plain = Page(render({"a": make_evaluation(), "b": make_evaluation(seed=2)}, title="t")).text
    assert "none of the 40 that were tested differs by more than luck" in plain


def test_warnings_are_below_the_verdict_and_name_their_model() -> None:
    models = {"a": make_evaluation(warnings=(f"a leak: {EVIL}",)), "b": make_evaluation()}
    page = Page(render(models, title="t"))
    assert f"! warning a a leak: {EVIL}" in " ".join(page.text.split())
    assert page.text.index("blessed") < page.text.index("a leak") < page.text.index("Metrics")


def test_rows_without_a_label_are_counted_on_the_page() -> None:
    left_out = {"unlabelled": 1234, "columns": ["fare", "tips"]}
    text = Page(render({"m": make_evaluation(left_out=left_out)}, title="t")).text
    assert "1,234 rows have no label and are left out: fare or tips is missing, from which it follows." in text
    assert "left out" not in Page(render({"m": make_evaluation()}, title="t")).text.split("Curves")[0]
