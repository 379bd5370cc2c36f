"""Say which of two models is better on the same examples, by how much, and whether that is more than noise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow.compute as pc

from components.comparison.conclusion import conclude
from components.comparison.seeds import check_same_seeds, describe_seeds, predict_seeds
from components.lib.artifacts.evaluation import Predictions, read_evaluation, read_predictions
from components.lib.artifacts.trainings import read_trainings
from components.lib.baselines import MAJORITY, majority_predictions, rule_name, rule_predictions
from components.lib.report.page import render
from components.lib.report.view import write_page
from components.lib.stats.resample import Resampled, Statistic, auc_statistic, bootstrap, mean_statistic
from components.lib.stats.scores import hits, log_losses, tfma_levels
from pipeline_tools.atomic import atomic_directory
from pipeline_tools.errors import InputError

RESAMPLES = 1000
COMPARISON_FILE = "comparison.json"
METRICS = ("auc", "accuracy", "log_loss")

Array = np.ndarray[Any, Any]
Name = tuple[str, str]
"""Of a model or baseline, and of a metric."""


def compare(
    examples: str,
    evaluations: Mapping[str, str],
    *,
    label_key: str,
    rule_column: str,
    rule_value: str,
    comparison: str,
    trainings: Mapping[str, str] | None = None,
    report: str | None = None,
    seed: int = 1,
) -> dict[str, Any]:
    """Compare two models that were evaluated on the same examples, and both with two baselines.

    Args:
        examples: Directory of the `examples` artifact that both were evaluated on.
        evaluations: Directories of two `evaluation` artifacts, by the name that the conclusion uses for each model.
        label_key: The label among the transformed features.
        rule_column: A raw column. The rule that serves as baseline predicts label 1 where ...
        rule_value: ... the column has this value.
        comparison: Directory to write, with ``comparison.json`` in it.
        trainings: Directories of the `trainings` artifacts of both models, by the same names: how long each was
            trained, and the models of further seeds. None where they are not known.
        report: HTML file to write: both models side by side, slice by slice. None writes none.
        seed: Of the resampling.

    Returns:
        What ``comparison.json`` holds: ``conclusion`` (a few sentences) and ``details`` (those after the first);
        ``winner`` (a name, or null where the difference could be noise); ``models`` and ``baselines``: by name,
        ``auc``, ``accuracy`` and ``log_loss``, each with ``value``, ``low`` and ``high``; ``difference``: the same of
        the second model minus the first; ``above_rule``: by model, its AUC minus that of the ``rule``, likewise;
        ``seeds``: what `describe_seeds` returns, or null of one training seed; ``trainings``: by model, how long each
        was; ``examples`` and ``resamples``: their numbers. All are weighted where the evaluations are.

    Raises:
        InputError: The evaluations are not of these examples, or of other labels; the rule's column is not in the
            schema; or the trainings are not of the same seeds.
    """
    first, second = evaluations
    predictions = {name: read_predictions(directory) for name, directory in evaluations.items()}
    _check_same(evaluations, predictions, label_key)
    labels, weights = predictions[first].labels, predictions[first].weights
    rule = _rule(examples, rule_column, rule_value, predictions[first])
    trained = {name: read_trainings(directory) for name, directory in (trainings or {}).items()}
    if trained and set(trained) != set(evaluations):
        raise InputError(f"trainings of {', '.join(trained)} alone: give those of both models, or of none")
    seeds = check_same_seeds(trained)

    named = rule_name(rule_column, rule_value)
    baselines = {MAJORITY: majority_predictions(labels, weights), named: rule}
    statistics: dict[Name, Statistic] = {}
    for name, scores in {name: each.scores for name, each in predictions.items()}.items():
        statistics |= {
            (name, "auc"): auc_statistic(labels, tfma_levels(scores), weights),
            (name, "accuracy"): mean_statistic(hits(labels, scores), weights),
            (name, "log_loss"): mean_statistic(log_losses(labels, scores), weights),
        }
    for name, scores in baselines.items():  # which say 0 or 1, and no probability
        statistics |= {
            (name, "auc"): auc_statistic(labels, scores, weights),
            (name, "accuracy"): mean_statistic(hits(labels, scores), weights),
        }
    for name, directory in (trainings or {}).items() if len(seeds) > 1 else ():
        for number, scores in predict_seeds(directory, seeds[1:], examples, label_key, predictions[name]).items():
            statistics[name, f"auc with seed {number}"] = auc_statistic(labels, tfma_levels(scores), weights)

    resampled = bootstrap(statistics, len(labels), resamples=RESAMPLES, seed=seed)
    by_seed = {
        name: [resampled[name, "auc"], *(resampled[name, f"auc with seed {number}"] for number in seeds[1:])]
        for name in (evaluations if len(seeds) > 1 else ())
    }
    numbers: dict[str, Any] = {
        "metric": "auc",
        "models": {name: _intervals(resampled, name) for name in evaluations},
        "baselines": {name: _intervals(resampled, name) for name in baselines},
        "difference": {
            metric: asdict((resampled[second, metric] - resampled[first, metric]).interval()) for metric in METRICS
        },
        "rule": named,
        "above_rule": {
            name: asdict((resampled[name, "auc"] - resampled[named, "auc"]).interval()) for name in evaluations
        },
        "seeds": describe_seeds(by_seed, seeds) if by_seed else None,
        "trainings": {name: [asdict(each) for each in some] for name, some in trained.items()},
        "examples": len(labels),
        "weighted": weights is not None,
        "resamples": RESAMPLES,
    }
    result = conclude(numbers) | numbers
    with atomic_directory(comparison) as scratch:
        (scratch / COMPARISON_FILE).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if report is not None:
        models = {name: read_evaluation(directory) for name, directory in evaluations.items()}
        write_page(render(models, title=f"{first} and {second}", comparison=result), report)
    print(result["conclusion"], flush=True)  # noqa: T201
    return result


def _check_same(evaluations: Mapping[str, str], predictions: Mapping[str, Predictions], label_key: str) -> None:
    """Check that both models predict the same label of the same examples."""
    (first, one), (second, other) = predictions.items()
    for name, each in predictions.items():
        if each.label_key != label_key:
            raise InputError(f"label_key={label_key}: {evaluations[name]} is of the label {each.label_key}")
    if not one.keys.equals(other.keys):
        raise InputError(f"the evaluations of {first!r} and {second!r} are not of the same examples")
    if not np.array_equal(one.labels, other.labels):
        count = int(np.sum(one.labels != other.labels))
        raise InputError(
            f"{first!r} and {second!r} have different labels ({label_key!r}) for {count:,} of {len(one.labels):,} eval "
            "examples, and cannot be compared: let both preprocessing modules use one label rule"
        )
    if (one.weights is None) != (other.weights is None) or not np.array_equal(one.weights, other.weights):  # type: ignore[arg-type]
        raise InputError(f"the evaluations of {first!r} and {second!r} weight the examples differently")


def _rule(examples: str, column: str, value: str, predictions: Predictions) -> Array:
    """Let the rule predict the examples that the models predict: those with a label."""
    keys, rule = rule_predictions(examples, column, value)
    if predictions.keys.equals(keys):
        return rule
    positions = pc.index_in(predictions.keys, value_set=keys.combine_chunks())
    if positions.null_count:
        raise InputError(f"the evaluations are not of the eval split of {examples}")
    if len(pc.unique(keys)) < len(keys):
        raise InputError(f"{examples}: keys are repeated in the eval split, so that rows cannot be matched by them")
    aligned: Array = rule[positions.to_numpy()]
    return aligned


def _intervals(resampled: Mapping[Name, Resampled], name: str) -> dict[str, dict[str, float]]:
    return {metric: asdict(resampled[name, metric].interval()) for metric in METRICS if (name, metric) in resampled}


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
    if seeds := comparison["seeds"]:
        for name, described in seeds["auc"].items():
            flat[f"auc of {name}, mean of seeds"] = described["mean"]
            flat[f"auc of {name}, standard deviation of seeds"] = described["standard_deviation"]
        for end in ("value", "low", "high", "standard_deviation"):
            flat[f"difference of auc over seeds, {end.replace('_', ' ')}"] = seeds["difference"][end]
    return flat
