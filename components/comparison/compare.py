"""Say which of two models is better on the same examples, by how much, and whether that is more than noise."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from components.lib.artifacts.evaluation import read_evaluation, read_predictions
from components.lib.report.page import render
from components.lib.report.view import write_page
from components.lib.stats.baselines import MAJORITY, majority_predictions, rule_name, rule_predictions
from components.lib.stats.estimates import Interval
from components.lib.stats.resample import Statistic, auc_statistic, bootstrap, mean_statistic
from components.lib.stats.scores import log_losses, tfma_levels
from pipeline_tools.atomic import atomic_directory
from pipeline_tools.errors import InputError

RESAMPLES = 1000
COMPARISON_FILE = "comparison.json"

Array = np.ndarray[Any, Any]


def compare(
    examples: str,
    evaluations: dict[str, str],
    *,
    label_key: str,
    rule_column: str,
    rule_value: str,
    comparison: str,
    report: str | None = None,
    seed: int = 1,
) -> dict[str, Any]:
    """Compare two models that were judged on the same eval examples, and both with two baselines.

    Args:
        examples: Directory of the `examples` artifact that both were judged on.
        evaluations: Directories of two `evaluation` artifacts, by the name that the conclusion uses for each model.
        label_key: The label among the transformed features.
        rule_column: A raw column. The rule that serves as baseline predicts label 1 where ...
        rule_value: ... the column has this value.
        comparison: Directory to write, with ``comparison.json`` in it.
        report: HTML file to write: both models side by side, slice by slice. None writes none.
        seed: Of the resampling.

    Returns:
        What ``comparison.json`` holds: ``conclusion`` (a sentence); ``winner`` (a name, or null where the difference
        could be noise); ``models`` and ``baselines``: by name, ``auc``, ``accuracy`` and ``log_loss``, each with
        ``value``, ``low`` and ``high``; ``difference``: the same of the second model minus the first; ``examples`` and
        ``resamples``: their numbers.

    Raises:
        InputError: The evaluations are not of these examples, or the rule's column is not in the schema.
    """
    first, second = evaluations
    keys, rule = rule_predictions(examples, rule_column, rule_value)
    labels: Array | None = None
    scores: dict[str, Array] = {}
    for name, evaluation in evaluations.items():
        predictions = read_predictions(evaluation)
        if not predictions.keys.equals(keys):
            raise InputError(f"{evaluation}: the predictions of {name!r} are not of the eval split of {examples}")
        if predictions.label_key != label_key:
            raise InputError(f"label_key={label_key}: {evaluation} is of the label {predictions.label_key}")
        labels = predictions.labels
        scores[name] = predictions.scores
    assert labels is not None

    named = rule_name(rule_column, rule_value)
    baselines = {MAJORITY: majority_predictions(labels), named: rule}
    statistics: dict[str, Statistic] = {}
    for name, score in scores.items():
        own = _statistics(labels, score)
        statistics |= {f"{name}\0{metric}": statistic for metric, statistic in own.items()}
    for name, score in baselines.items():
        own = _statistics(labels, score)
        del own["log_loss"]  # a rule says yes or no, and no probability
        statistics |= {f"{name}\0{metric}": statistic for metric, statistic in own.items()}
    for metric in ("auc", "accuracy", "log_loss"):
        statistics[f"\0{metric}"] = _difference(statistics[f"{second}\0{metric}"], statistics[f"{first}\0{metric}"])

    intervals = bootstrap(statistics, len(labels), resamples=RESAMPLES, seed=seed)
    difference = _of("", intervals)
    winner = None
    if difference["auc"].excludes_zero:
        winner = second if difference["auc"].value > 0 else first
    result = {
        "conclusion": _conclusion(first, second, winner, intervals, named, len(labels)),
        "winner": winner,
        "metric": "auc",
        "models": {name: _plain(_of(name, intervals)) for name in scores},
        "baselines": {name: _plain(_of(name, intervals)) for name in baselines},
        "difference": _plain(difference),
        "examples": len(labels),
        "resamples": RESAMPLES,
    }
    with atomic_directory(comparison) as whole:
        (whole / COMPARISON_FILE).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if report is not None:
        models = {name: read_evaluation(directory) for name, directory in evaluations.items()}
        write_page(render(models, title=f"{first} and {second}", comparison=result), report)
    print(result["conclusion"], flush=True)  # noqa: T201
    return result


def _statistics(labels: Array, scores: Array) -> dict[str, Statistic]:
    return {
        "auc": auc_statistic(labels, tfma_levels(scores)),
        "accuracy": mean_statistic(((scores > 0.5) == (labels > 0.5)).astype(np.float64)),
        "log_loss": mean_statistic(log_losses(labels, scores)),
    }


def _difference(left: Statistic, right: Statistic) -> Statistic:
    return lambda weights: left(weights) - right(weights)


def _of(name: str, intervals: dict[str, Interval]) -> dict[str, Interval]:
    prefix = f"{name}\0"
    return {key.removeprefix(prefix): interval for key, interval in intervals.items() if key.startswith(prefix)}


def _plain(intervals: dict[str, Interval]) -> dict[str, dict[str, float]]:
    return {name: asdict(interval) for name, interval in intervals.items()}


def _conclusion(
    first: str, second: str, winner: str | None, intervals: dict[str, Interval], rule: str, examples: int
) -> str:
    difference = intervals["\0auc"]
    low, high = sorted((abs(difference.low), abs(difference.high)))
    values = {name: intervals[f"{name}\0auc"].value for name in (first, second)}
    if winner is None:
        return (
            f"No difference beyond noise between {first} (AUC {values[first]:.4f}) and {second} "
            f"({values[second]:.4f}): the 95 % interval of the difference, {difference.low:+.4f} to "
            f"{difference.high:+.4f}, holds zero "
            f"({examples:,} eval examples, {RESAMPLES:,} resamples). {_against_rule(values, rule, intervals)}"
        )
    loser = first if winner == second else second
    return (
        f"{winner} is better than {loser}: AUC {values[winner]:.4f} against {values[loser]:.4f}, a difference of "
        f"{abs(difference.value):.4f} (95 % interval {low:.4f} to {high:.4f}, {examples:,} eval examples, "
        f"{RESAMPLES:,} resamples), more than noise. {_against_rule(values, rule, intervals)}"
    )


def _against_rule(values: dict[str, float], rule: str, intervals: dict[str, Interval]) -> str:
    best = max(values, key=lambda name: values[name])
    own, other = intervals[f"{best}\0auc"], intervals[f"{rule}\0auc"]
    apart = "beats" if own.low > other.high else "is not clearly better than"
    return f"{best} {apart} the rule “{rule}” (AUC {other.value:.4f})."


def flat_metrics(comparison: dict[str, Any]) -> dict[str, float]:
    """Flatten a comparison to scalars, as the Pipelines UI lists them.

    Args:
        comparison: What `compare` returned.

    Returns:
        For example ``auc of preprocessing1`` and ``difference of auc, low``.
    """
    flat = {
        f"{metric} of {name}": interval["value"]
        for group in ("models", "baselines")
        for name, metrics in comparison[group].items()
        for metric, interval in metrics.items()
    }
    for metric, interval in comparison["difference"].items():
        flat[f"difference of {metric}"] = interval["value"]
        flat[f"difference of {metric}, low"] = interval["low"]
        flat[f"difference of {metric}, high"] = interval["high"]
    return flat
