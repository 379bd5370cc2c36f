"""What must be true of every page, at every width, in light and dark."""

from __future__ import annotations

from pathlib import Path

from tests.browser import Browser

MARKS = "path:not(.grid):not(.diagonal):not(.reference), rect, circle"


def check_looks(browser: Browser, page: Path, *, width: int, dark: bool) -> None:
    """Check an open page: charts, network, console, width, contrast."""
    charts = browser.run(
        """return [...document.querySelectorAll('figure svg')].map((svg) => ({
            label: svg.getAttribute('aria-label'), width: svg.getBoundingClientRect().width,
            marks: [...svg.querySelectorAll(arguments[0])].filter((mark) => {
                const box = mark.getBBox(), style = getComputedStyle(mark);
                const drawn = style.stroke !== 'none' || style.fill !== 'none';
                return drawn && Number.isFinite(box.x + box.y)
                    && (box.width + box.height > 0 || style.strokeWidth !== '0px');
            }).length,
            outside: [...svg.querySelectorAll(arguments[0])].filter((mark) => {
                const box = mark.getBBox(), view = svg.viewBox.baseVal;
                return box.x < -1 || box.y < -1
                    || box.x + box.width > view.width + 1 || box.y + box.height > view.height + 1;
            }).length,
        }))""",
        MARKS,
    )
    assert charts
    for chart in charts:
        assert chart["marks"] > 0, f"nothing is drawn in {chart['label']}"
        assert chart["outside"] == 0, f"something lies outside of {chart['label']}"
        assert 250 < chart["width"] <= width, chart["label"]
    assert browser.run("return document.documentElement.scrollWidth") <= width, "the page must not scroll sideways"
    assert browser.complaints() == []
    assert browser.requests() == [page.absolute().as_uri()]
    assert not [text for text in texts_of(browser) if "undefined" in text or "NaN" in text]
    assert contrast(browser) >= 4.5
    paper = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (paper != "rgb(255, 255, 255)") == dark
    assert shift_of(browser) < 0.01, "the layout jumped"


def shift_of(browser: Browser) -> float:
    """Give how far things have jumped since the page was opened, as Chromium's layout shift score."""
    return browser.driver.execute_async_script(
        """const done = arguments[0];
        let sum = 0;
        new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += entry.value; })
            .observe({type: 'layout-shift', buffered: true});
        setTimeout(() => done(sum), 50);"""
    )


def first_column(browser: Browser) -> list[str]:
    """Give the names of the slices in view."""
    names = browser.run(
        "return [...document.querySelectorAll('#slice-table tbody th')].map((cell) => cell.textContent)"
    )
    return [name.replace("\N{NO-BREAK SPACE}", " ") for name in names]


def texts_of(browser: Browser) -> list[str]:
    """Give the text in view."""
    return browser.run("return document.body.innerText.split('\\n')")


def contrast(browser: Browser) -> float:
    """Give the least contrast of any text with the page, as WCAG 2 computes it; links, badges and labels included."""
    return browser.run(
        """const channel = (v) => (v /= 255, v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        const light = (rgb) => { const [r, g, b] = rgb.match(/[\\d.]+/g).map(Number);
            return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b); };
        const paper = light(getComputedStyle(document.body).backgroundColor);
        const seen = [...document.querySelectorAll('body *')].filter((e) => !e.disabled
            && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())
            && !e.closest('script, option, title, desc'));
        return Math.min(...seen.map((e) => {
            const ink = light(getComputedStyle(e)[e.closest('svg') ? 'fill' : 'color']);
            return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05); }));"""
    )
