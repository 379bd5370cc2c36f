"""The conclusion in a sentence: which model, by how much, how sure; blessed or not, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from components.lib.artifacts.evaluation import COUNT, Evaluation
from components.lib.report.measures import AUC, interval_of
from components.lib.report.run import Run
from components.lib.report.slices import primary_metric
from components.lib.report.table import label


def conclusion(models: Mapping[str, Evaluation], comparison: Mapping[str, Any] | None, run: Run | None) -> str:
    """Say what the page comes to.

    Args:
        models: The evaluations by name.
        comparison: Content of ``comparison.json``.
        run: The run.

    Returns:
        A sentence or two.
    """
    sentences = [_of_failure(run)] if run and run.status != "succeeded" else []
    sentences += (
        [str(comparison["conclusion"])] if comparison else [_of_model(name, each) for name, each in models.items()]
    )
    return " ".join(sentences) or "This run evaluated no model."


def _of_failure(run: Run) -> str:
    if run.status == "running":
        return "The run has not ended yet."
    stopped = [step for step in run.steps if step.status in ("failed", "interrupted")]
    said = [f"{step.name} {step.status}" + (f": {step.said.rstrip('.')}" if step.said else "") for step in stopped]
    return f"The run {run.status}" + "".join(f"; {each}" for each in said) + "."


def _of_model(name: str, evaluation: Evaluation) -> str:
    metric = primary_metric({name: evaluation})
    if not math.isfinite(evaluation.overall.get(metric, math.nan)):
        return f"{name} was evaluated in {len(evaluation.metrics):,} slices, and not over all examples."
    interval = interval_of(evaluation, (), metric)
    said = f"{name} reaches {label(metric)} {evaluation.overall[metric]:.4f}"
    if interval:
        said += f" (95 % interval {interval.low:.4f} to {interval.high:.4f})"
    if COUNT in evaluation.overall:
        said += f" on {evaluation.overall[COUNT]:,.0f} eval examples"
    baselines = {rule: values for rule, values in evaluation.baselines.items() if "auc" in values}
    if metric == AUC and interval and baselines:
        rule = max(baselines, key=lambda name: float(baselines[name]["auc"]["value"]))
        best, above = baselines[rule]["auc"], baselines[rule].get("model_minus_baseline")
        clear = "clearly above" if (above["low"] > 0 if above else interval.low > best["high"]) else "not clearly above"
        said += f", {clear} the best baseline, “{rule}” ({best['value']:.4f})"
    return said + "."


def verdicts(models: Mapping[str, Evaluation]) -> list[dict[str, Any]]:
    """Say of each model whether it is blessed.

    Args:
        models: The evaluations by name.

    Returns:
        ``model``, ``blessed`` (None where there is no verdict) and ``reason``.
    """
    listed: list[dict[str, Any]] = []
    for name, each in models.items():
        if each.verdict is None:
            listed.append({"model": name, "blessed": None, "reason": "no verdict was recorded with this evaluation"})
        else:
            reason = str(each.verdict["reason"])
            blessed = bool(each.verdict["blessed"])
            reason = reason.removeprefix("blessed: ").removeprefix("not blessed: ")
            listed.append({"model": name, "blessed": blessed, "reason": reason})
    return listed
