"""Judge a model with TensorFlow Model Analysis, slice by slice."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from components.baselines import MAJORITY, describe, majority_predictions, rule_name, rule_predictions
from components.beam import local_pipeline
from components.errors import InputError
from components.examples import read_batches, read_schema, split_files
from components.outputs import whole_directory
from components.report.evaluation import BASELINES, FEATURES, VERDICT, read_evaluation
from components.report.page import render
from components.report.view import write_page
from components.tfma_analyze.config import load_eval_config, slice_columns
from components.tfma_analyze.predict import Predictor
from components.tfma_analyze.verdict import judge

PREDICTIONS = "predictions"

# Bundles of this size share the cost of a call; larger ones gain nothing and hold more in memory.
_ROWS = 5_000


def analyze(
    examples: str,
    model: str,
    eval_config: str,
    *,
    label_key: str,
    evaluation: str,
    report: str | None = None,
    rule_column: str = "",
    rule_value: str = "",
) -> dict[str, Any]:
    """Judge a model on the eval split.

    Args:
        examples: Directory of an `examples` artifact.
        model: Directory of a SavedModel with the signatures ``serving_default`` and ``transform_features``.
        eval_config: Path or dotted name of a TFMA ``EvalConfig`` in text form.
        label_key: The label among the transformed features.
        evaluation: Directory to write: TFMA's own result; ``verdict.json``; in ``predictions/`` one row an example;
            ``baselines.json``: what needs no model; ``features.json``: what the model sees.
        report: HTML file to write. None writes none.
        rule_column: A raw column; the rule that serves as a baseline predicts label 1 where ...
        rule_value: ... it has this value. An empty column asks for no rule.

    Returns:
        ``verdict``; ``metrics``: the finite scalars over all examples; ``roc``: the lists ``fpr``, ``tpr`` and
        ``threshold``, from high thresholds to low; ``confusion_matrix``: counts at 0.5, rows by label 0 and 1, columns
        by prediction 0 and 1. The last two are absent where the config asks for no ``ConfusionMatrixPlot``.

    Raises:
        InputError: The model, config or label cannot be used with these examples, or all labels are equal.
    """
    config = load_eval_config(eval_config, label_key)
    schema = read_schema(examples)
    columns = slice_columns(config, [feature.name for feature in schema.feature])
    files = split_files(examples, "eval")
    rule = rule_predictions(examples, rule_column, rule_value)[1] if rule_column else None
    predictor = Predictor(model, schema, label_key, columns)
    with whole_directory(evaluation) as directory:
        predictions = directory / PREDICTIONS
        predictions.mkdir()
        for path in files:
            predictor.predict_file(path, predictions / path.name)
        labels = _check_labels(predictions, label_key)
        _run_tfma(sorted(predictions.iterdir()), config, directory)
        verdict = judge(tfma.load_validation_result(str(directory)), _count_thresholds(config))
        baselines = {MAJORITY: describe(labels, majority_predictions(labels))}
        if rule is not None:
            baselines[rule_name(rule_column, rule_value)] = describe(labels, rule)
        _write(directory / VERDICT, verdict.as_dict())
        _write(directory / BASELINES, baselines)
        _write(directory / FEATURES, predictor.features)
        result = tfma.load_eval_result(str(directory))
    if report is not None:
        write_page(render({"The model": read_evaluation(evaluation)}, title="Model analysis"), report)
    print(verdict.reason, flush=True)  # noqa: T201
    return {"verdict": verdict, **_overall(result)}


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _check_labels(predictions: Path, label_key: str) -> np.ndarray[Any, Any]:
    labels: np.ndarray[Any, Any] = np.concatenate(
        [pq.read_table(path, columns=[label_key]).column(0).to_numpy() for path in sorted(predictions.iterdir())]
    )
    found = np.unique(labels).tolist()
    if not set(found) <= {0.0, 1.0}:
        raise InputError(f"label {label_key!r} of split 'eval' must be 0 or 1, and takes {found[:5]}")
    if len(found) < 2:
        raise InputError(
            f"all labels ({label_key!r}) of split 'eval' are {found[0]:g}: a model cannot be judged on one class. "
            "Take more rows or another window"
        )
    return labels


def _run_tfma(predictions: list[Path], config: config_pb2.EvalConfig, output: Path) -> None:
    def batches(path: Path) -> Iterator[pa.RecordBatch]:
        return (_as_extracts(batch) for batch in read_batches(path, rows=_ROWS))

    pipeline = local_pipeline()
    rows = pipeline | beam.Create(predictions) | beam.FlatMap(batches)
    _ = rows | tfma.ExtractEvaluateAndWriteResults(eval_config=config, output_path=str(output))
    # TFMA divides by zero in slices of one class and writes NaN for them, as it should.
    with np.errstate(divide="ignore", invalid="ignore"):
        pipeline.run().wait_until_finish()


def _as_extracts(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Give each value a list of its own, as TFMA reads them."""
    offsets = pa.array(np.arange(batch.num_rows + 1, dtype=np.int32))
    columns = [
        pa.ListArray.from_arrays(offsets, column.cast(pa.binary()) if pa.types.is_string(column.type) else column)
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _count_thresholds(config: config_pb2.EvalConfig) -> int:
    return sum(
        metric.HasField("threshold") + len(metric.per_slice_thresholds) + len(metric.cross_slice_thresholds)
        for spec in config.metrics_specs
        for metric in spec.metrics
    )


def _overall(result: Any) -> dict[str, Any]:
    metrics = {
        name: value["doubleValue"]
        for name, value in result.get_metrics_for_slice().items()
        if math.isfinite(value.get("doubleValue", math.nan))
    }
    of_all = dict(result.plots).get(()) or {}  # TFMA writes None where the config asks for no plot
    plots = of_all.get("", {}).get("", {})
    if "confusionMatrixAtThresholds" not in plots:
        return {"metrics": metrics}
    # JSON leaves out zeros, so that every field is asked for with a default. The outermost thresholds lie a little
    # outside of 0 and 1, and are finite, as the Pipelines UI needs them.
    matrices = sorted(
        plots["confusionMatrixAtThresholds"]["matrices"], key=lambda matrix: -float(matrix.get("threshold", 0))
    )
    counts = [
        [float(matrix.get(key, 0)) for key in ("trueNegatives", "falsePositives", "falseNegatives", "truePositives")]
        for matrix in matrices
    ]
    thresholds = [float(matrix.get("threshold", 0)) for matrix in matrices]
    middle = min(range(len(thresholds)), key=lambda at: abs(thresholds[at] - 0.5))
    true_negatives, false_positives, false_negatives, true_positives = counts[middle]
    return {
        "metrics": metrics,
        "roc": {
            "fpr": [fp / (tn + fp) for tn, fp, _, _ in counts],
            "tpr": [tp / (fn + tp) for _, _, fn, tp in counts],
            "threshold": thresholds,
        },
        "confusion_matrix": [
            [int(true_negatives), int(false_positives)],
            [int(false_negatives), int(true_positives)],
        ],
    }
