"""The metrics of all examples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from components.lib.artifacts.evaluation import COUNT, Evaluation
from components.lib.report import charts
from components.lib.report.charts import Estimate
from components.lib.report.measures import ACCURACY, AUC, LOG_LOSS, interval_of
from components.lib.report.slices import metric_names
from components.lib.report.table import label
from components.lib.stats.estimates import Interval


def headline(models: Mapping[str, Evaluation], comparison: Mapping[str, Any] | None, metric: str) -> dict[str, Any]:
    """Lay out the metrics of all examples: models, what needs no model, and the difference of two models.

    Args:
        models: The evaluations by name.
        comparison: Content of ``comparison.json``; where it has a number's interval, that one is shown.
        metric: The primary metric.

    Returns:
        ``metrics``: their names for a person; ``rows``: ``name``, ``class`` and for each metric a value and its
        interval; ``difference``: the same of two compared models; ``examples``: how many; ``left_out``: sentences about
        rows without a label; ``charts``.
    """
    names = [metric, *(name for name in metric_names(models) if name != metric)]
    plain = {AUC: "auc", ACCURACY: "accuracy", LOG_LOSS: "log_loss"}
    rows: list[dict[str, Any]] = []
    for at, (name, each) in enumerate(models.items(), start=1):
        resampled = (comparison or {}).get("models", {}).get(name, {})
        cells = []
        for metric_name in names:
            own = resampled.get(plain.get(metric_name, ""))
            interval = Interval(**own) if own else interval_of(each, (), metric_name) if each.overall else None
            cells.append((_finite(each.overall.get(metric_name)), interval))
        rows.append({"name": name, "class": f"m{at}", "cells": cells})
    baselines = (comparison or {}).get("baselines") or next(iter(models.values())).baselines
    for name, values in baselines.items():
        cells = [_cell(values.get(plain.get(metric_name, ""))) for metric_name in names]
        rows.append({"name": name, "class": "base", "cells": cells})
    difference = None
    if comparison:
        difference = [_cell(comparison["difference"].get(plain.get(name, ""))) for name in names]
    return {
        "metrics": [label(name) for name in names],
        "rows": rows,
        "difference": difference,
        "examples": next((each.overall[COUNT] for each in models.values() if COUNT in each.overall), None),
        "left_out": list(dict.fromkeys(text for each in models.values() if (text := _left_out(each)))),
        "charts": [chart for at, name in enumerate(names) if (chart := _headline_chart(rows, at, label(name)))],
    }


def _headline_chart(rows: Sequence[Mapping[str, Any]], at: int, unit: str) -> Markup | None:
    """Draw one metric of all models and baselines, if it has intervals."""
    estimates = [
        (row["name"], [Estimate(value, interval, row["class"])])
        for row in rows
        for value, interval in row["cells"][at : at + 1]
        # What never varies, the 0.5 of a constant, would only squeeze the others together.
        if value is not None and interval is not None and interval.high > interval.low
    ]
    if not estimates:
        return None
    said = "; ".join(f"{name}: {some[0].value:.4f}" for name, some in estimates)
    return charts.interval_chart(f"{unit} of all examples", f"{said}.", estimates, unit=unit)


def _left_out(evaluation: Evaluation) -> str:
    count = evaluation.left_out.get("unlabelled", 0)
    if not count:
        return ""
    rows = "1 row has no label and is" if count == 1 else f"{count:,} rows have no label and are"
    return f"{rows} left out: {' or '.join(evaluation.left_out['columns'])} is missing, from which it follows."


def _cell(own: Mapping[str, float] | None) -> tuple[float | None, Interval | None]:
    return (own["value"], Interval(**own)) if own else (None, None)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
