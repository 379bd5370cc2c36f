"""Warn where a threshold of the eval config asks for no more than the majority class reaches without a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from components.lib.artifacts.evaluation import Evaluation
from components.lib.artifacts.slices import SliceKey, is_plain, slice_name

Classes = tuple[float, float]


def _accuracy(classes: Classes) -> float:
    return max(classes) / sum(classes)


def _area(_: Classes) -> float:
    return 0.5


def _precision_recall_area(classes: Classes) -> float:
    return classes[1] / sum(classes)


def low_thresholds(config: config_pb2.EvalConfig, evaluation: Evaluation) -> list[str]:
    """Find lower bounds of accuracies and areas that who always predicts the more frequent label would meet.

    Args:
        config: The eval config.
        evaluation: What TFMA wrote.

    Returns:
        A warning for each such threshold, which counts the slices that it holds for.
    """
    warnings = []
    for metric, slices, bound in _lower_bounds(config):
        reaches = _majority(metric)
        if reaches is None:
            continue
        met = {
            key: reaches(classes)
            for key, classes in _classes(evaluation).items()
            if (slices is None or any(each.is_slice_applicable(key) for each in slices))
            and (reaches is _accuracy or min(classes) > 0)  # an area of one class is undefined, and not checked
            and bound <= reaches(classes)
        }
        if met:
            first = next(iter(sorted(met, key=lambda key: (len(key), str(key)))))
            where = slice_name(first) + (f", and in {len(met) - 1:,} more slices" if len(met) > 1 else "")
            warnings.append(
                f"the threshold of {_name(metric)}, at least {bound:g}, is met without a model: the majority class "
                f"reaches {met[first]:.4f} in {where}. Raise it, or it blesses a model that has learned nothing"
            )
    return warnings


def _majority(metric: config_pb2.MetricConfig) -> Callable[[Classes], float] | None:
    """Say what the majority class reaches in a metric, of those that one can say it of."""
    if metric.class_name == "AUC":
        return _precision_recall_area if _options(metric).get("curve") == "PR" else _area
    return {"BinaryAccuracy": _accuracy, "AUCPrecisionRecall": _precision_recall_area}.get(metric.class_name)


def _lower_bounds(
    config: config_pb2.EvalConfig,
) -> Iterator[tuple[config_pb2.MetricConfig, Sequence[Any] | None, float]]:
    """Yield the metrics with a lower bound, and the slices that it is for; None for all."""
    for spec in config.metrics_specs:
        for metric in spec.metrics:
            if metric.threshold.value_threshold.HasField("lower_bound"):
                yield metric, None, metric.threshold.value_threshold.lower_bound.value
            for of_slices in metric.per_slice_thresholds:
                if of_slices.threshold.value_threshold.HasField("lower_bound"):
                    slices = [tfma.slicer.SingleSliceSpec(spec=each) for each in of_slices.slicing_specs]
                    yield metric, slices, of_slices.threshold.value_threshold.lower_bound.value


def _classes(evaluation: Evaluation) -> Mapping[SliceKey, Classes]:
    """Give negatives and positives of each slice; of weighted examples the sums of their weights."""
    predictions = evaluation.predictions
    if predictions is None or predictions.weights is None:
        return {key: classes for key, classes in evaluation.classes.items() if is_plain(key)}
    positive = predictions.weights * predictions.labels
    return {
        key: (float(predictions.weights[rows].sum() - positive[rows].sum()), float(positive[rows].sum()))
        for key, rows in predictions.groups.items()
    }


def _options(metric: config_pb2.MetricConfig) -> dict[str, Any]:
    options: dict[str, Any] = json.loads(f"{{{metric.config}}}")
    return options


def _name(metric: config_pb2.MetricConfig) -> str:
    return str(_options(metric).get("name", metric.class_name))
