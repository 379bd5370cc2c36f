"""Seconds that a page of 5,000 slices takes to make, to open, and to sort, and its size.

Run with: python -m benchmarks.report [--slices 5000] [--rounds 5]

Needs Chromium and its driver (Debian: apt-get install chromium chromium-driver).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from components.lib.report.page import render
from tests.browser import chromium
from tests.components.lib.report.evaluations import make_evaluation

SORT = """
const button = document.querySelectorAll('#slice-table thead button')[arguments[0]];
const begin = performance.now();
button.click();
document.body.offsetHeight;
return performance.now() - begin"""


def main() -> None:
    """Measure pages of one model and of two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    sizes = {"slices": given.slices, "rows": 20 * given.slices}
    one = {"The model": make_evaluation(**sizes)}
    two = {"a": make_evaluation(**sizes), "b": make_evaluation(seed=2, **sizes)}
    print(f"{given.slices:,} slices, median of {given.rounds}")
    print("| page | made in s | MB | opened in s | sorted in ms, by number | by name |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch, chromium(Path(scratch) / "profile") as browser:
        for name, models in (("one model", one), ("two models", two)):
            begin = time.perf_counter()
            html = render(models, title=name)
            made = time.perf_counter() - begin
            page = Path(scratch) / "page.html"
            page.write_text(html, encoding="utf-8")
            opened = statistics.median(browser.open(page) for _ in range(given.rounds))
            number, text = (
                statistics.median(browser.run(SORT, column) for _ in range(given.rounds)) for column in (2, 0)
            )
            print(f"| {name} | {made:.2f} | {len(html) / 1e6:.2f} | {opened:.2f} | {number:.0f} | {text:.0f} |")


if __name__ == "__main__":
    main()
