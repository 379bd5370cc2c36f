"""Put the page together."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from components.lib.artifacts.evaluation import Evaluation
from components.lib.report import charts
from components.lib.report.conclusion import conclusion, verdicts
from components.lib.report.data import Data, lay_out
from components.lib.report.headline import headline
from components.lib.report.run import Run
from components.lib.report.slice_charts import slice_charts
from components.lib.report.slices import SMALL, WORSE, Slice, describe_slices, primary_metric
from components.lib.report.table import SHOWN, label, slice_table
from components.lib.report.text import cell_text, memory, seconds
from components.lib.stats.estimates import Interval

Feature = Mapping[str, Any]
"""``name``, ``kind`` (``number`` or ``category``) and ``size``: how many ids, or None where that is unknown."""


def render(
    models: Mapping[str, Evaluation],
    *,
    title: str,
    comparison: Mapping[str, Any] | None = None,
    data: Data | None = None,
    features: Mapping[str, Sequence[Feature]] | None = None,
    run: Run | None = None,
    matrix: Mapping[str, Any] | None = None,
) -> str:
    """Make the page.

    Args:
        models: The evaluations by the names that the page shall use; may be empty, of a run that did not come so far.
        title: Of the page.
        comparison: Content of ``comparison.json``, of two models.
        data: Statistics and anomalies of the examples, and drift.
        features: What each model sees, by model; default what the evaluations say.
        run: The run that all this comes from.
        matrix: Content of ``matrix.json``: each model on the eval examples of the others.

    Returns:
        HTML that needs nothing but itself.
    """
    seen = features or {name: each.features for name, each in models.items() if each.features}
    details = str((comparison or {}).get("details", ""))
    context: dict[str, Any] = {
        "title": title,
        "conclusion": conclusion(models, comparison, run).removesuffix(details).rstrip(),
        "details": details,
        "verdicts": verdicts(models),
        "warnings": [(name, text) for name, each in models.items() for text in each.warnings],
        "models": list(models),
        "features": _feature_table(seen),
        "feature_models": list(seen),
        "data": lay_out(data) if data and (data.statistics or data.anomalies) else None,
        "run": run,
        "span": _span(run),
        "comparison": comparison,
        "seeds": (comparison or {}).get("seeds"),
        "matrix": matrix,
    }
    if models:
        metric = primary_metric(models)
        slices = describe_slices(models, metric)
        context |= {
            "metric": label(metric),
            "headline": headline(models, comparison, metric),
            "curves": _curves(models),
            "thresholds": _thresholds(models),
            "slices": slices,
            "slice_charts": slice_charts(models, slices, metric),
            "table": slice_table(slices, models, metric),
            "counts": _count_notes(slices),
            "small": SMALL,
            "tested": sum(each.p_value is not None for each in slices),
        }
    return _environment().get_template("page.html").render(context)


@functools.cache
def _environment() -> Environment:
    folder = Path(__file__).parent / "templates"
    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "cell": cell_text,
        "seconds": seconds,
        "memory": memory,
        "plain": _plain,
        "interval": lambda cell: Interval(cell["value"], cell["low"], cell["high"]),
    }
    environment.globals |= {
        "shown": SHOWN,
        "style": Markup((folder / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        "script": Markup((folder / "page.js").read_text(encoding="utf-8")),  # noqa: S704
    }
    return environment


def _curves(models: Mapping[str, Evaluation]) -> list[tuple[str, Markup]]:
    curves = []
    if all(each.matrices for each in models.values()):
        curves += [("ROC", charts.roc(models)), ("Precision and recall", charts.precision_recall(models))]
    if all(each.buckets for each in models.values()):
        curves.append(("Calibration", charts.calibration(models)))
    return curves


def _thresholds(models: Mapping[str, Evaluation]) -> dict[str, Any] | None:
    """Give the confusion matrices at every threshold, and where 0.5 is among them."""
    first = next(iter(models.values())).matrices
    thresholds = [matrix.threshold for matrix in first if 0 <= matrix.threshold <= 1]
    if not thresholds or any(len(each.matrices) != len(first) for each in models.values()):
        return None
    inside = [[matrix for matrix in each.matrices if 0 <= matrix.threshold <= 1] for each in models.values()]
    return {
        "thresholds": thresholds,
        "at": min(range(len(thresholds)), key=lambda at: abs(thresholds[at] - 0.5)),
        "counts": [
            [[m.true_negatives, m.false_positives, m.false_negatives, m.true_positives] for m in matrices]
            for matrices in inside
        ],
    }


def _count_notes(slices: Sequence[Slice]) -> dict[str, int]:
    """Count what is to be seen in slices: the worse first, the too small last."""
    counts = Counter(each.note for each in slices if each.note)
    return dict(sorted(counts.items(), key=lambda item: (item[0] == SMALL, item[0] != WORSE, item[0])))


def _feature_table(features: Mapping[str, Sequence[Feature]]) -> list[tuple[str, list[Feature | None]]]:
    by_model = [{feature["name"]: feature for feature in some} for some in features.values()]
    names = sorted({name for some in by_model for name in some})
    return [(name, [some.get(name) for some in by_model]) for name in names]


def _span(run: Run | None) -> float:
    """Give the seconds that the timeline spans."""
    if run is None:
        return 1.0
    ends = [step.begin + (step.seconds or 0) for step in run.steps if step.begin is not None]
    return max([run.seconds or 0, *ends, 0.001])


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
