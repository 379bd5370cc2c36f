"""Read a TFMA result directory, ours or another's, as plain numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.lib.artifacts.examples import KEY_COLUMN
from components.lib.stats.scores import tfma_levels
from pipeline_tools.errors import InputError

Array = np.ndarray[Any, Any]
SliceKey = tuple[tuple[str, Any], ...]

EVAL_CONFIG_FILE = "eval_config.json"
"""What makes a directory a TFMA result."""

VERDICT, BASELINES, FEATURES = "verdict.json", "baselines.json", "features.json"
"""What `tfma_analyze` adds to it."""

COUNT = "example_count"


@dataclass(frozen=True)
class Predictions:
    """What a model said of each eval example.

    Attributes:
        keys: Of the examples, shape (n,).
        labels: 0 or 1, shape (n,).
        scores: Probability of 1, shape (n,).
        groups: By slice, where its examples are in the other three.
    """

    keys: pa.ChunkedArray
    labels: Array
    scores: Array
    groups: Mapping[SliceKey, Array]

    @cached_property
    def levels(self) -> Array:
        """The scores as TFMA's AUC tells them apart, so that an interval is around the area that TFMA gives."""
        return tfma_levels(self.scores)


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
    """A model, judged.

    Attributes:
        directory: Where this was read from.
        metrics: By slice and name, exactly as ``tfma.load_eval_result`` gives them; the empty key is all examples.
        bounds: By slice and name, the interval that TFMA itself computed, where the eval config asks for that.
        classes: By slice, how many negatives and positives, where that is known.
        matrices: Of all examples, by ascending threshold; empty where the eval config asks for no curve.
        buckets: Of all examples, likewise, those that are not empty.
        verdict: ``verdict.json``, where there is one.
        baselines: ``baselines.json``: by name, what needs no model, where there is one.
        features: ``features.json``: what the model sees, where there is one.
        predictions: Of each example, where they were kept.
        weighted: Whether the eval config weighs examples, so that counts are sums of weights.
    """

    directory: Path
    metrics: Mapping[SliceKey, Mapping[str, float]]
    bounds: Mapping[SliceKey, Mapping[str, tuple[float, float]]] = field(default_factory=dict)
    classes: Mapping[SliceKey, tuple[float, float]] = field(default_factory=dict)
    matrices: tuple[Matrix, ...] = ()
    buckets: tuple[Bucket, ...] = ()
    verdict: Mapping[str, Any] | None = None
    baselines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    features: tuple[Mapping[str, Any], ...] = ()
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
    bounds: dict[SliceKey, dict[str, tuple[float, float]]] = {}
    for key, by_output in result.slicing_metrics:
        metrics[key] = {}
        for name, value in _named(by_output):
            number = _number(value)
            if number is not None:
                metrics[key][name] = number
            if "boundedValue" in value:
                bounded = value["boundedValue"]
                ends = float(bounded.get("lowerBound", math.nan)), float(bounded.get("upperBound", math.nan))
                if all(math.isfinite(end) for end in ends):
                    bounds.setdefault(key, {})[name] = ends
    plots = {key: dict(_named(by_output)) for key, by_output in result.plots}
    classes = {key: found for key, plot in plots.items() if (found := _classes(_matrices(plot)))}
    predictions = _read_predictions(path, [key for key in metrics if _is_plain(key)], metrics)
    if predictions:
        classes |= {
            key: (len(rows) - positives, positives)
            for key, rows in predictions.groups.items()
            for positives in [float(predictions.labels[rows].sum())]
        }
    return Evaluation(
        directory=path,
        metrics=metrics,
        bounds=bounds,
        classes=classes,
        matrices=_matrices(plots.get((), {})),
        buckets=_buckets(plots.get((), {})),
        verdict=_read_json(path / VERDICT),
        baselines=_read_json(path / BASELINES) or {},
        features=tuple(_read_json(path / FEATURES) or ()),
        predictions=predictions,
        weighted=any(
            spec.example_weight_key or spec.example_weight_keys
            for spec in result.config.model_specs
            if not spec.is_baseline
        ),
    )


def slice_name(key: SliceKey) -> str:
    """Name a slice for a person.

    Args:
        key: As TFMA gives it: pairs of column and value, or two such keys, where slices are set against each other.

    Returns:
        For example ``trip_start_day = 3, trip_start_month = 1``.
    """
    if not _is_plain(key):
        return " against ".join(slice_name(part) for part in key)  # type: ignore[arg-type]
    return ", ".join(f"{column} = {value if value != '' else '(empty)'}" for column, value in key) or "all examples"


def slice_columns(key: SliceKey) -> str:
    """Name what a slice is made from: slices of one spec answer alike.

    Args:
        key: As TFMA gives it.

    Returns:
        For example ``trip_start_day x trip_start_month``.
    """
    if not _is_plain(key):
        return " against ".join(slice_columns(part) for part in key)  # type: ignore[arg-type]
    return " x ".join(column for column, _ in key)


def _is_plain(key: SliceKey) -> bool:
    """Tell a slice from a cross slice, which is a pair of slices."""
    return all(len(part) == 2 and isinstance(part[0], str) for part in key)


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


def _matrices(plot: Mapping[str, Mapping[str, Any]]) -> tuple[Matrix, ...]:
    # JSON leaves out zeros, so that every field is asked for with a default.
    found = plot.get("confusionMatrixAtThresholds", {}).get("matrices", ())
    matrices = [
        Matrix(
            *(
                float(each.get(name, 0))
                for name in ("threshold", "trueNegatives", "falsePositives", "falseNegatives", "truePositives")
            )
        )
        for each in found
    ]
    return tuple(sorted(matrices, key=lambda matrix: matrix.threshold))


def _classes(matrices: tuple[Matrix, ...]) -> tuple[float, float] | None:
    if not matrices:
        return None
    any_one = matrices[0]
    return any_one.true_negatives + any_one.false_positives, any_one.true_positives + any_one.false_negatives


def _buckets(plot: Mapping[str, Mapping[str, Any]]) -> tuple[Bucket, ...]:
    found = plot.get("calibrationHistogramBuckets", {}).get("buckets", ())
    return tuple(
        Bucket(
            count=count,
            label=float(each.get("totalWeightedLabel", 0)) / count,
            score=float(each.get("totalWeightedRefinedPrediction", 0)) / count,
            low=max(0.0, float(each.get("lowerThresholdInclusive", 0))),
            high=min(1.0, float(each.get("upperThresholdExclusive", 1))),
        )
        for each in found
        if (count := float(each.get("numWeightedExamples", 0)))
    )


def _read_json(path: Path) -> Any:
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from error


def _read_predictions(
    directory: Path, keys: list[SliceKey], metrics: Mapping[SliceKey, Mapping[str, float]]
) -> Predictions | None:
    files = sorted((directory / "predictions").glob("*.parquet"))
    if not files:
        return None
    table = pa.concat_tables([pq.read_table(path) for path in files]).combine_chunks()
    if table.column_names[:1] != [KEY_COLUMN]:
        return None  # a directory of another's making
    _, label, score, *columns = table.column_names
    groups = _group(table, columns, keys)
    # A slice whose rows cannot be found again exactly gets no interval rather than a wrong one.
    exact = {key: rows for key, rows in groups.items() if metrics[key].get(COUNT, len(rows)) == len(rows)}
    return Predictions(table.column(KEY_COLUMN), table.column(label).to_numpy(), table.column(score).to_numpy(), exact)


def _group(table: pa.Table, columns: list[str], keys: list[SliceKey]) -> dict[SliceKey, Array]:
    """Find the rows of each slice, sorting once for each set of columns."""
    ids: dict[str, Array] = {}
    numbers: dict[str, dict[str, int]] = {}
    for name in columns:
        encoded = table.column(name).combine_chunks().dictionary_encode()
        ids[name] = encoded.indices.to_numpy()
        numbers[name] = {str(value): number for number, value in enumerate(encoded.dictionary.to_pylist())}
    by_columns: dict[tuple[str, ...], list[SliceKey]] = {}
    for key in keys:
        by_columns.setdefault(tuple(column for column, _ in key), []).append(key)
    groups: dict[SliceKey, Array] = {}
    for names, members in by_columns.items():
        if not set(names) <= set(columns):
            continue
        code = np.zeros(table.num_rows, np.int64)
        for name in names:
            code = code * (len(numbers[name]) + 1) + ids[name]
        order = np.argsort(code, kind="stable")
        ordered = code[order]
        for key in members:
            wanted = 0
            for name, value in key:
                wanted = wanted * (len(numbers[name]) + 1) + numbers[name].get(str(value), len(numbers[name]))
            start, end = np.searchsorted(ordered, [wanted, wanted + 1])
            groups[key] = order[start:end]
    return groups
