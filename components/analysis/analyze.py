"""Evaluate a model with TensorFlow Model Analysis, slice by slice."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from components.analysis.config import load_eval_config, slice_columns
from components.analysis.leaks import find_leaks
from components.analysis.on_workers import evaluate_on_workers
from components.analysis.predict import Predictor, as_extracts, predictions_name
from components.analysis.thresholds import low_thresholds
from components.analysis.verdict import decide
from components.lib.artifacts.evaluation import (
    BASELINES,
    FEATURES,
    LEFT_OUT,
    VERDICT,
    WARNINGS,
    Evaluation,
    Predictions,
    area_metrics,
    read_evaluation,
    read_predictions,
)
from components.lib.artifacts.examples import count_rows, read_batches, read_schema, read_schema_text, split_files
from components.lib.artifacts.labels import has_label, read_columns
from components.lib.baselines import MAJORITY, describe, majority_predictions, rule_name, rule_predictions
from components.lib.beam.options import BeamOptions
from components.lib.beam.paths import check_paths
from components.lib.beam.pipelines import local_pipeline
from components.lib.report.page import render
from components.lib.report.view import write_page
from pipeline_tools.errors import InputError
from pipeline_tools.paths import atomic_path, join, local_copy, write_text

logger = logging.getLogger(__name__)

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
    options: BeamOptions | None = None,
) -> dict[str, Any]:
    """Evaluate a model on the eval split.

    Args:
        examples: Directory of an `examples` artifact.
        model: Directory of a SavedModel with the signatures ``serving_default`` and ``transform_features``.
        eval_config: Path or dotted name of a TFMA ``EvalConfig`` in text form.
        label_key: The label among the transformed features.
        evaluation: Directory to write: TFMA's own result; ``verdict.json``; in ``predictions/`` one row an example;
            ``baselines.json``: what needs no model; ``features.json``: what the model sees;
            ``warnings.json``: what a person should look at before the numbers are believed; ``left_out.json``: how many
            rows have no label, and from which columns it follows.
        report: HTML file to write. None writes none.
        rule_column: A raw column; the rule that serves as a baseline predicts label 1 where ...
        rule_value: ... it has this value. An empty column asks for no rule.
        options: Where predictions and metrics are computed; default in this process. In ``cloud`` mode ``examples``,
            ``model`` and ``evaluation`` are URIs that the workers reach: ``gs://…``, or directories that they share.

    Returns:
        ``verdict``; ``metrics``: the finite scalars over all examples, and ``unlabelled_examples``; ``roc``: the lists
        ``fpr``, ``tpr`` and ``threshold``, from high thresholds to low; ``confusion_matrix``: counts at 0.5, rows by
        label 0 and 1, columns by prediction 0 and 1. The last two are absent where the config asks for no
        ``ConfusionMatrixPlot``.

    Raises:
        InputError: The model, config or label cannot be used with these examples, or all labels are equal.
    """
    options = options or BeamOptions()
    options.check()
    check_paths({"examples": examples, "model": model, "evaluation": evaluation}, options)
    config, weight_key = load_eval_config(eval_config, label_key)
    schema = read_schema(examples)
    columns = slice_columns(config, [feature.name for feature in schema.feature], label_key)
    files = split_files(examples, "eval")
    predictor = Predictor(model, schema, label_key, columns, weight_key)
    labelled, unlabelled = _find_labelled(files, predictor)
    rule = rule_predictions(examples, rule_column, rule_value)[1][labelled] if rule_column else None
    with atomic_path(evaluation) as target:
        if options.cloud:
            arguments = (model, read_schema_text(examples), label_key, columns, weight_key)
            evaluate_on_workers(files, config, arguments, target, rows=_ROWS, options=options)
        else:
            _evaluate_in_process(files, config, predictor, Path(target))
        with local_copy(target) as directory:
            evaluated = read_evaluation(directory)
            predictions = read_predictions(directory)
            _check_labels(predictions, label_key)
            verdict = decide(
                tfma.load_validation_result(str(directory)),
                _count_thresholds(config),
                classes=evaluated.classes,
                areas=area_metrics(config),
            )
            evaluated = replace(
                evaluated,
                verdict=verdict.as_dict(),
                baselines=_baselines(predictions, {rule_name(rule_column, rule_value): rule}),
                features=tuple(predictor.features),
                warnings=(*unlabelled, *find_leaks(files, predictor), *low_thresholds(config, evaluated)),
                left_out={"unlabelled": int((~labelled).sum()), "columns": predictor.label_columns},
            )
            added = {
                VERDICT: evaluated.verdict,
                BASELINES: evaluated.baselines,
                FEATURES: evaluated.features,
                WARNINGS: evaluated.warnings,
                LEFT_OUT: evaluated.left_out,
            }
            for name, content in added.items():
                text = json.dumps(content, indent=2) + "\n"
                (directory / name).write_text(text, encoding="utf-8")
                if str(directory) != target:
                    write_text(join(target, name), text)
            if report is not None:
                write_page(render({"The model": evaluated}, title="Model analysis"), report)
    for text in evaluated.warnings:
        logger.warning("%s", text)
    print(verdict.reason, flush=True)  # noqa: T201
    overall = _overall(evaluated)
    overall["metrics"]["unlabelled_examples"] = float((~labelled).sum())
    return {"verdict": verdict, **overall}


def _find_labelled(files: list[str], predictor: Predictor) -> tuple[np.ndarray[Any, Any], list[str]]:
    """Tell which eval rows have a label, and warn of those that have none."""
    columns = predictor.label_columns
    labelled = has_label(read_columns(files, columns), columns, count_rows(files))
    why = f"{' or '.join(columns)}, from which {predictor.label_key!r} follows, is missing"
    if not labelled.any():
        raise InputError(f"no row of split 'eval' has a label: in all {len(labelled)} of them {why}")
    warnings = []
    if not labelled.all():
        warnings.append(f"{sum(~labelled):,} of {len(labelled):,} eval rows have no label and are left out: {why}")
    return labelled, warnings


def _evaluate_in_process(
    files: list[str], config: config_pb2.EvalConfig, predictor: Predictor, directory: Path
) -> None:
    """Write predictions and TFMA's result from this process."""
    for name in files:
        predictor.predict_file(name, predictions_name(directory, name))
    _check_labels(read_predictions(directory), predictor.label_key)  # before TFMA takes its time
    _run_tfma([predictions_name(directory, name) for name in files], config, str(directory))


def _check_labels(predictions: Predictions, label_key: str) -> None:
    values = np.unique(predictions.labels).tolist()
    if not set(values) <= {0.0, 1.0}:
        raise InputError(f"label {label_key!r} of split 'eval' must be 0 or 1, and takes {values[:5]}")
    if len(values) < 2:
        raise InputError(
            f"all labels ({label_key!r}) of split 'eval' are {values[0]:g}: a model cannot be evaluated on one class. "
            "Use more rows or another window"
        )


def _baselines(predictions: Predictions, rules: dict[str, np.ndarray[Any, Any] | None]) -> dict[str, Any]:
    labels, weights = predictions.labels, predictions.weights
    said = {MAJORITY: majority_predictions(labels, weights), **rules}
    return {
        name: describe(labels, each, weights, predictions.levels) for name, each in said.items() if each is not None
    }


def _run_tfma(predictions: list[str], config: config_pb2.EvalConfig, output: str) -> None:
    def batches(name: str) -> Iterator[pa.RecordBatch]:
        return (as_extracts(batch) for batch in read_batches(name, rows=_ROWS))

    pipeline = local_pipeline()
    rows = pipeline | beam.Create(predictions) | beam.FlatMap(batches)
    _ = rows | tfma.ExtractEvaluateAndWriteResults(eval_config=config, output_path=output)
    # TFMA divides by zero in slices of one class and writes NaN for them, as it should.
    with np.errstate(divide="ignore", invalid="ignore"):
        pipeline.run().wait_until_finish()


def _count_thresholds(config: config_pb2.EvalConfig) -> int:
    return sum(
        metric.HasField("threshold") + len(metric.per_slice_thresholds) + len(metric.cross_slice_thresholds)
        for spec in config.metrics_specs
        for metric in spec.metrics
    )


def _overall(evaluated: Evaluation) -> dict[str, Any]:
    metrics = {name: value for name, value in evaluated.overall.items() if math.isfinite(value)}
    if not evaluated.matrices:
        return {"metrics": metrics}
    # The outermost thresholds are a little outside of 0 and 1, and finite, as the Pipelines UI expects them.
    matrices = evaluated.matrices[::-1]
    middle = min(matrices, key=lambda matrix: abs(matrix.threshold - 0.5))
    rows = (middle.true_negatives, middle.false_positives), (middle.false_negatives, middle.true_positives)
    return {
        "metrics": metrics,
        "roc": {
            "fpr": [each.false_positives / (each.true_negatives + each.false_positives) for each in matrices],
            "tpr": [each.true_positives / (each.false_negatives + each.true_positives) for each in matrices],
            "threshold": [each.threshold for each in matrices],
        },
        "confusion_matrix": [[int(count) if count.is_integer() else count for count in row] for row in rows],
    }
