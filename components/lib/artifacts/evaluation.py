"""Read a TFMA result directory, ours or another's, as plain numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.lib.artifacts.examples import KEY_COLUMN
from components.lib.artifacts.slices import SliceKey, group_rows, is_plain
from components.lib.stats.estimates import Interval
from components.lib.stats.scores import tfma_levels
from pipeline_tools.errors import InputError

Array = np.ndarray[Any, Any]

EVAL_CONFIG_FILE = "eval_config.json"
"""What makes a directory a TFMA result."""

PREDICTIONS = "predictions"
"""Where `tfma_analyze` writes a row for each eval example: a Parquet file for each file of examples."""

WEIGHT_COLUMN = "example_weight"
"""Column of the predictions that says how much an example counts, where the eval config weights examples."""

VERDICT, BASELINES, FEATURES, WARNINGS = "verdict.json", "baselines.json", "features.json", "warnings.json"
LEFT_OUT = "left_out.json"
"""What else `tfma_analyze` adds to TFMA's result."""

COUNT = "example_count"

_AREA_METRICS = {"AUC": "auc", "AUCPrecisionRecall": "auc_precision_recall"}
"""TFMA's classes of metrics that one class of labels leaves undefined, with the names that they have by default."""


@dataclass(frozen=True)
class Predictions:
    """What a model predicts for each eval example.

    Attributes:
        keys: Of the examples, shape (n,).
        labels: 0 or 1, shape (n,).
        scores: Probability of 1, shape (n,).
        groups: By slice, the positions of its examples in the other arrays.
        weights: How much each example counts, shape (n,); None where all count alike.
        label_key: What the label is called.
    """

    keys: pa.ChunkedArray
    labels: Array
    scores: Array
    groups: Mapping[SliceKey, Array] = field(default_factory=dict)
    weights: Array | None = None
    label_key: str = ""

    @cached_property
    def levels(self) -> Array:
        """The scores as TFMA's AUC tells them apart, so that an interval is around the area that TFMA gives."""
        return tfma_levels(self.scores)

    def weights_of(self, rows: Array) -> Array | None:
        """Give the weights of some examples; None where all count alike."""
        return None if self.weights is None else self.weights[rows]


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix at one threshold; the counts are weighted where the eval config weighs examples."""

    threshold: float
    true_negatives: float
    false_positives: float
    false_negatives: float
    true_positives: float


@dataclass(frozen=True)
class Bucket:
    """Examples of similar score.

    Attributes:
        count: How many.
        label: Mean label.
        score: Mean score.
        low: Where the bucket begins.
        high: Where it ends.
    """

    count: float
    label: float
    score: float
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    """How a model does on the eval examples.

    Attributes:
        directory: Where this was read from.
        metrics: By slice and name, exactly as ``tfma.load_eval_result`` gives them; the empty key is all examples. An
            area under a curve is NaN in slices of one class, for which TFMA gives 0 or 1.
        intervals: By slice and name, the interval that TFMA itself computed, where the eval config asks for that.
        classes: By slice, how many negatives and positives, where that is known; not those of weight 0.
        matrices: Of all examples, by ascending threshold; empty where the eval config asks for no curve.
        buckets: Of all examples, likewise, those that are not empty.
        verdict: ``verdict.json``, where there is one.
        baselines: ``baselines.json``: by name, what needs no model, where there is one.
        features: ``features.json``: what the model sees, where there is one.
        warnings: ``warnings.json``: what a person should look at before the numbers are believed, a text each.
        left_out: ``left_out.json``: ``unlabelled``, how many rows have no label, and ``columns``, from which
            it follows.
        predictions: Of each example, where they were kept.
        weighted: Whether the eval config weighs examples, so that counts are sums of weights.
    """

    directory: Path
    metrics: Mapping[SliceKey, Mapping[str, float]]
    intervals: Mapping[SliceKey, Mapping[str, Interval]] = field(default_factory=dict)
    classes: Mapping[SliceKey, tuple[float, float]] = field(default_factory=dict)
    matrices: tuple[Matrix, ...] = ()
    buckets: tuple[Bucket, ...] = ()
    verdict: Mapping[str, Any] | None = None
    baselines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    features: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    left_out: Mapping[str, Any] = field(default_factory=dict)
    predictions: Predictions | None = None
    weighted: bool = False

    @property
    def overall(self) -> Mapping[str, float]:
        """The metrics of all examples; of no slice, where TFMA was not asked for them."""
        return self.metrics.get((), {})


def read_evaluation(directory: str | Path) -> Evaluation:
    """Read a TFMA result directory.

    Args:
        directory: What TFMA wrote. What `tfma_analyze` puts beside it (predictions, verdict, baselines) is read where
            it is there.

    Returns:
        The numbers.

    Raises:
        InputError: It is no such directory, or TFMA cannot read it.
    """
    path = Path(directory)
    if not (path / EVAL_CONFIG_FILE).is_file():
        raise InputError(f"{directory}: not a TFMA result directory: it has no {EVAL_CONFIG_FILE}")
    import tensorflow_model_analysis as tfma  # seconds; what only draws shall not pay them

    try:
        result = tfma.load_eval_result(str(path))
    except Exception as error:  # whatever a broken file makes TFMA, Beam or protobuf raise
        raise InputError(f"{directory}: TFMA cannot read its own result: {error}") from error
    if not result.slicing_metrics:
        raise InputError(f"{directory}: the TFMA result holds no metrics; did the evaluation end?")

    metrics: dict[SliceKey, dict[str, float]] = {}
    intervals: dict[SliceKey, dict[str, Interval]] = {}
    for key, by_output in result.slicing_metrics:
        metrics[key] = {}
        for name, value in _named(by_output):
            number = _number(value)
            if number is not None:
                metrics[key][name] = number
                if interval := _tfma_interval(number, value):
                    intervals.setdefault(key, {})[name] = interval
    plots = {key: dict(_named(by_output)) for key, by_output in result.plots}
    classes = {key: counts for key, plot in plots.items() if (counts := _classes(_matrices(plot)))}
    predictions = _group_predictions(path, metrics) if predictions_files(path) else None
    if predictions:
        classes |= {
            key: (float(np.sum(counted & ~positive)), float(np.sum(counted & positive)))
            for key, rows in predictions.groups.items()
            for positive in [predictions.labels[rows] > 0.5]
            for counted in [np.ones(len(rows), bool) if predictions.weights is None else predictions.weights[rows] > 0]
        }
    _leave_out_undefined(metrics, intervals, classes, area_metrics(result.config))
    return Evaluation(
        directory=path,
        metrics=metrics,
        intervals=intervals,
        classes=classes,
        matrices=_matrices(plots.get((), {})),
        buckets=_buckets(plots.get((), {})),
        verdict=read_verdict(path) if (path / VERDICT).is_file() else None,
        baselines=_read_json(path / BASELINES) or {},
        features=tuple(_read_json(path / FEATURES) or ()),
        warnings=tuple(_read_json(path / WARNINGS) or ()),
        left_out=read_left_out(path),
        predictions=predictions,
        weighted=any(
            spec.example_weight_key or spec.example_weight_keys
            for spec in result.config.model_specs
            if not spec.is_baseline
        ),
    )


def read_verdict(directory: str | Path) -> dict[str, Any]:
    """Read whether the model is blessed, and why.

    Args:
        directory: Of an `evaluation` artifact.

    Returns:
        ``blessed`` (true or false), ``reason`` (a sentence) and ``failures`` (thresholds missed, a text each).

    Raises:
        InputError: There is no verdict, or it cannot be read.
    """
    path = Path(directory) / VERDICT
    try:
        verdict = json.loads(path.read_text(encoding="utf-8"))
        return {**verdict, "blessed": bool(verdict["blessed"]), "reason": str(verdict["reason"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: no readable verdict; is this an evaluation by tfma_analyze? ({error})") from None


def read_left_out(directory: str | Path) -> dict[str, Any]:
    """Read how many eval rows were left out because they have no label.

    Args:
        directory: Of an `evaluation` artifact.

    Returns:
        ``unlabelled`` and ``columns``, from which the label follows; nothing of a result that is not of `tfma_analyze`.
    """
    return dict(_read_json(Path(directory) / LEFT_OUT) or {})


def predictions_files(directory: str | Path) -> list[Path]:
    """List the files of predictions in an evaluation, in the order of the examples' files; none of another's result."""
    files = sorted((Path(directory) / PREDICTIONS).glob("*.parquet"))
    return files if files and pq.read_schema(files[0]).names[:1] == [KEY_COLUMN] else []


def read_predictions(directory: str | Path) -> Predictions:
    """Read what a model predicts for each eval example.

    Args:
        directory: Of an `evaluation` artifact.

    Returns:
        The predictions, not grouped by slices.

    Raises:
        InputError: There are none.
    """
    return as_predictions(_predictions_table(directory))


def area_metrics(config: Any) -> frozenset[str]:
    """Name the areas under curves among the metrics of an eval config, which are undefined where there is one class.

    Args:
        config: A TFMA ``EvalConfig``.

    Returns:
        The metrics' names.
    """
    return frozenset(
        json.loads(f"{{{metric.config}}}").get("name", _AREA_METRICS[metric.class_name])
        for spec in config.metrics_specs
        for metric in spec.metrics
        if metric.class_name in _AREA_METRICS
    )


def _leave_out_undefined(
    metrics: Mapping[SliceKey, dict[str, float]],
    intervals: Mapping[SliceKey, dict[str, Interval]],
    classes: Mapping[SliceKey, tuple[float, float]],
    areas: frozenset[str],
) -> None:
    """Put NaN for the 0 that TFMA gives for areas of one class: such a slice is neither good nor bad."""
    for key, (negatives, positives) in classes.items():
        if min(negatives, positives) > 0 or key not in metrics:
            continue
        for name in metrics[key]:
            if name.rpartition("/")[2] in areas:
                metrics[key][name] = math.nan
                intervals.get(key, {}).pop(name, None)


def _named(by_output: Mapping[str, Mapping[str, Mapping[str, Any]]] | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Flatten what TFMA nests by output and class; the names of the only ones are empty. Without plots it is None."""
    for output, by_sub_key in (by_output or {}).items():
        for sub_key, named in by_sub_key.items():
            for name, value in named.items():
                yield "/".join(part for part in (output, sub_key, name) if part), value


def _number(value: Mapping[str, Any]) -> float | None:
    if "boundedValue" in value:
        return float(value["boundedValue"].get("value", 0))
    if "doubleValue" in value:
        return float(value["doubleValue"])
    return None


def _tfma_interval(number: float, value: Mapping[str, Any]) -> Interval | None:
    bounded = value.get("boundedValue", {})
    ends = float(bounded.get("lowerBound", math.nan)), float(bounded.get("upperBound", math.nan))
    return Interval(number, *ends) if all(math.isfinite(end) for end in ends) else None


def _matrices(plot: Mapping[str, Mapping[str, Any]]) -> tuple[Matrix, ...]:
    # JSON leaves out zeros, so that every field is asked for with a default.
    at_thresholds = plot.get("confusionMatrixAtThresholds", {}).get("matrices", ())
    matrices = [
        Matrix(
            *(
                float(each.get(name, 0))
                for name in ("threshold", "trueNegatives", "falsePositives", "falseNegatives", "truePositives")
            )
        )
        for each in at_thresholds
    ]
    return tuple(sorted(matrices, key=lambda matrix: matrix.threshold))


def _classes(matrices: tuple[Matrix, ...]) -> tuple[float, float] | None:
    if not matrices:
        return None
    any_one = matrices[0]
    return any_one.true_negatives + any_one.false_positives, any_one.true_positives + any_one.false_negatives


def _buckets(plot: Mapping[str, Mapping[str, Any]]) -> tuple[Bucket, ...]:
    buckets = plot.get("calibrationHistogramBuckets", {}).get("buckets", ())
    return tuple(
        Bucket(
            count=count,
            label=float(each.get("totalWeightedLabel", 0)) / count,
            score=float(each.get("totalWeightedRefinedPrediction", 0)) / count,
            low=max(0.0, float(each.get("lowerThresholdInclusive", 0))),
            high=min(1.0, float(each.get("upperThresholdExclusive", 1))),
        )
        for each in buckets
        if (count := float(each.get("numWeightedExamples", 0)))
    )


def _read_json(path: Path) -> Any:
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from error


def _predictions_table(directory: str | Path) -> pa.Table:
    files = predictions_files(directory)
    if not files:
        raise InputError(f"{directory}: contains no predictions; it must be an evaluation by tfma_analyze")
    return pa.concat_tables([pq.read_table(path, partitioning=None) for path in files]).combine_chunks()


def as_predictions(table: pa.Table) -> Predictions:
    """Give predictions as arrays.

    Args:
        table: As the files of predictions hold them: key, label, probability of 1, further columns.

    Returns:
        The predictions, not grouped by slices.
    """
    keys, labels, scores = table.columns[:3]
    weighted = WEIGHT_COLUMN in table.column_names
    weights = table.column(WEIGHT_COLUMN).to_numpy().astype(np.float64) if weighted else None
    label_key = table.column_names[1]
    return Predictions(keys, labels.to_numpy(), scores.to_numpy(), weights=weights, label_key=label_key)


def _group_predictions(directory: Path, metrics: Mapping[SliceKey, Mapping[str, float]]) -> Predictions:
    table = _predictions_table(directory)
    predictions = as_predictions(table)
    columns = [name for name in table.column_names[3:] if name != WEIGHT_COLUMN]
    groups = group_rows(table, columns, [key for key in metrics if is_plain(key)])

    def count(rows: Array) -> float:
        return len(rows) if predictions.weights is None else float(predictions.weights[rows].sum())

    # A slice whose rows cannot be found again exactly gets no interval rather than a wrong one.
    exact = {
        key: rows
        for key, rows in groups.items()
        if math.isclose(metrics[key].get(COUNT, count(rows)), count(rows), rel_tol=1e-5)
    }
    return replace(predictions, groups=exact)
