"""The page in Chromium: drawn, quiet, and doing what it offers. Pages of finished runs are in tests/e2e."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from components.lib.report.page import render
from components.lib.report.text import DASH
from components.lib.report.view import View
from tests.browser import Browser, chromium
from tests.components.lib.report.evaluations import EVIL, make_evaluation
from tests.components.lib.report.looks import check_looks, contrast, first_column, shift_of

pytestmark = pytest.mark.full

RULE = {"auc": {"value": 0.7, "low": 0.68, "high": 0.72}, "confusion_matrix": [[4000, 1600], [400, 2000]]}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    models = {"a": make_evaluation(weak=7, baselines={"rule": RULE}), "b": make_evaluation()}
    one = {"The model": make_evaluation(weak=7, baselines={"rule": RULE})}
    many = {"a": make_evaluation(slices=5000, rows=100_000), "b": make_evaluation(slices=5000, rows=100_000, seed=2)}
    made = {
        "one": render(one, title="One model"),
        "two": render(models, title="Two models"),
        "many": render(many, title="5,000 slices"),
        "notebook": f"<!DOCTYPE html><h1>A notebook</h1>{View(render(one, title='One model'), 'said')._repr_html_()}",
    }
    for name, html in made.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["one", "two"])
def test_everything_is_drawn_and_nothing_is_asked_for(
    browser: Browser, pages: dict[str, Path], name: str, width: int, dark: bool
) -> None:
    browser.open(pages[name], width=width, dark=dark)
    check_looks(browser, pages[name], width=width, dark=dark)


def test_sorting_goes_both_ways_and_says_so(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["one"])
    click(browser, "examples")
    counts = column(browser, 1)
    assert counts == sorted(counts)
    assert heading(browser, "examples") == "ascending"
    click(browser, "examples")
    assert column(browser, 1) == sorted(column(browser, 1), reverse=True)
    assert heading(browser, "examples") == "descending"
    click(browser, "slice")
    assert heading(browser, "examples") is None
    assert first_column(browser)[:2] == ["company = <script>alert(1)</script>", "company = company 0001"]


def test_a_slice_of_one_class_is_last_whichever_way_the_table_is_sorted(browser: Browser, tmp_path: Path) -> None:
    evaluation = make_evaluation(slices=20)
    key = (("company", "company 0003"),)
    metrics = {**evaluation.metrics, key: {**evaluation.metrics[key], "auc": math.nan}}
    classes = {**evaluation.classes, key: (0.0, 400.0)}
    page = tmp_path / "page.html"
    page.write_text(render({"m": replace(evaluation, metrics=metrics, classes=classes)}, title="t"), encoding="utf-8")
    browser.open(page)
    for _ in ("first as it is", "ascending", "descending"):
        assert first_column(browser)[-1] == "company = company 0003"
        cell = "return document.querySelector('#slice-table tbody tr:last-child').cells[2].innerText"
        assert browser.run(cell) == DASH
        click(browser, "AUC")


def test_the_order_is_that_of_the_whole_table_not_of_the_page(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["many"])
    click(browser, "examples")
    click(browser, "examples")
    data = "JSON.parse(document.getElementById('slices-data').textContent).rows"
    assert column(browser, 1)[0] == browser.run(f"return Math.max(...{data}.map((row) => row[1]))")


def test_filters_narrow_the_table(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["one"])
    choose(browser, "slice-find", "Company 001", "input")
    assert first_column(browser) == [f"company = company {number:04d}" for number in sorted_numbers(browser)]
    assert "of 10 slices" in status(browser)
    choose(browser, "slice-find", "no such thing", "input")
    assert first_column(browser) == []
    assert status(browser) == "no slice fits"
    choose(browser, "slice-find", "", "input")
    choose(browser, "slice-note", "worse than the rest", "change")
    assert "company = company 0007" in first_column(browser)
    assert len(first_column(browser)) < 10
    choose(browser, "slice-find", "<script>", "input")
    choose(browser, "slice-note", "all", "change")
    assert first_column(browser) == [f"company = {EVIL}"]


def test_pages_can_be_turned(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["one"])
    first = first_column(browser)
    browser.run("document.getElementById('slice-next').click()")
    assert status(browser) == "26\N{EN DASH}40 of 40 slices"
    assert not set(first) & set(first_column(browser))
    assert browser.run("return document.getElementById('slice-next').disabled")
    browser.run("document.getElementById('slice-previous').click()")
    assert first_column(browser) == first


def test_what_the_script_writes_is_what_the_page_showed_before(browser: Browser, pages: dict[str, Path]) -> None:
    for name in ("one", "two"):
        browser.open(pages[name])
        rows = "return document.querySelector('#slice-table tbody').innerText"
        before = browser.run(rows)
        choose(browser, "slice-find", "", "input")  # draws the rows anew
        assert browser.run(rows) == before


def test_the_threshold_moves_matrix_and_curves(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["two"])
    evaluation = make_evaluation()
    matrix = evaluation.matrices[4]
    choose(browser, "threshold", "4", "input")
    shown = browser.run("return [...document.querySelectorAll('table[data-model=\"1\"] td.n')].map((c) => c.innerText)")
    counts = (matrix.true_negatives, matrix.false_positives, matrix.false_negatives, matrix.true_positives)
    assert shown == [f"{count:,.0f}" for count in counts]
    x, frame = browser.run(
        "const svg = document.querySelector('svg[data-curve=roc]');"
        "return [Number(svg.querySelectorAll('circle')[1].getAttribute('cx')), svg.dataset.frame]"
    )
    left, right, *_ = map(float, frame.split())
    share = matrix.false_positives / (matrix.false_positives + matrix.true_negatives)
    assert x == pytest.approx(left + share * (right - left))
    assert browser.run("return document.getElementById('threshold-said').textContent") == "0.200"


def test_it_can_be_used_by_keyboard(browser: Browser, pages: dict[str, Path]) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.open(pages["one"])
    button = browser.driver.find_element("css selector", "#slice-table thead button")
    button.send_keys(Keys.ENTER)
    assert heading(browser, "slice") == "ascending"
    slider = browser.driver.find_element("id", "threshold")
    slider.send_keys(Keys.ARROW_RIGHT)
    assert browser.run("return document.getElementById('threshold-said').textContent") == "0.550"


def test_5000_slices_open_within_2_seconds_and_sort_at_once(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["many"])
    assert 0 < browser.cpu() < 2
    sort = "document.querySelectorAll('#slice-table thead button')[arguments[0]].click(); document.body.offsetHeight;"
    for at in (0, 1, 2, 2, 5):
        before = browser.cpu()
        browser.run(sort, at)
        assert browser.cpu() - before < 0.2, "people feel that as at once"


def test_a_jump_a_request_and_a_pale_text_would_be_noticed(
    browser: Browser, pages: dict[str, Path], tmp_path: Path
) -> None:
    html = pages["one"].read_text(encoding="utf-8")
    bad = tmp_path / "bad.html"
    bad.write_text(
        html.replace("default-src 'none';", "default-src *;").replace(
            "</body>",
            "<img src='missing.png'><p style='color: #ccc'>pale</p></body>",
        ),
        encoding="utf-8",
    )
    browser.open(bad)
    assert any("missing.png" in url for url in browser.requests())
    assert contrast(browser) < 2
    # The jump comes after the first picture, however long that took: before it, nothing would have moved.
    browser.run(
        """const tall = document.createElement('div');
        tall.style.height = '300px';
        const jump = (done) => { document.body.prepend(tall); setTimeout(done, 500); };
        return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => jump(done))));"""
    )
    assert shift_of(browser) > 0.01


def test_a_notebook_shows_the_page_in_its_frame(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["notebook"])
    assert not [url for url in browser.requests() if url.startswith("http")]
    browser.driver.switch_to.frame(0)
    assert browser.run("return document.querySelectorAll('svg path.curve').length") == 2
    click(browser, "examples")
    assert heading(browser, "examples") == "ascending"
    browser.driver.switch_to.default_content()
    assert browser.complaints() == []


def test_print_shows_every_slice_of_a_few_hundred(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["one"])
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert len(first_column(browser)) == 40
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert len(first_column(browser)) == 25
    pdf = browser.driver.print_page()
    assert len(pdf) > 10_000


def click(browser: Browser, label: str) -> None:
    script = "[...document.querySelectorAll('#slice-table thead button')].find((b) => b.textContent === arguments[0])"
    browser.run(f"{script}.click()", label)


def heading(browser: Browser, label: str) -> str | None:
    script = "[...document.querySelectorAll('#slice-table thead th')].find((th) => th.textContent === arguments[0])"
    return browser.run(f"return {script}.getAttribute('aria-sort')", label)


def column(browser: Browser, at: int) -> list[float]:
    script = (
        "return [...document.querySelectorAll('#slice-table tbody tr')].map((row) => row.cells[arguments[0]].innerText)"
    )
    return [float(text.replace(",", "")) for text in browser.run(script, at)]


def status(browser: Browser) -> str:
    return browser.run("return document.getElementById('slice-status').textContent")


def choose(browser: Browser, id_: str, value: str, event: str) -> None:
    browser.run(
        "const at = document.getElementById(arguments[0]);"
        "at.value = arguments[1]; at.dispatchEvent(new Event(arguments[2]))",
        id_,
        value,
        event,
    )


def sorted_numbers(browser: Browser) -> list[int]:
    return [int(text.split()[-1]) for text in first_column(browser)]
