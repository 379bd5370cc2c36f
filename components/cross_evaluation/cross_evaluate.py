"""Evaluate each of several models on each of several sets of examples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from components.analysis.predict import Predictor
from components.example_generation.describe.disjointness import shared_keys
from components.lib.artifacts.evaluation import as_predictions
from components.lib.artifacts.examples import read_batches, read_schema, split_files
from components.lib.stats.resample import auc_statistic, bootstrap
from pipeline_tools.atomic import atomic_directory
from pipeline_tools.errors import InputError

MATRIX_FILE = "matrix.json"
RESAMPLES = 500


def cross_evaluate(
    models: Mapping[str, str],
    train_examples: Mapping[str, str],
    eval_examples: Mapping[str, str],
    *,
    label_key: str,
    matrix: str,
    weight_key: str = "",
    seed: int = 1,
) -> dict[str, Any]:
    """Compute the AUC of every model on the eval split of every set of examples.

    Args:
        models: Directories of SavedModels by name.
        train_examples: Directories of what each model was trained on, by the same names.
        eval_examples: Directories of `examples` artifacts with an eval split, by name.
        label_key: The label among the transformed features.
        matrix: Directory to write, with ``matrix.json`` in it.
        weight_key: Raw column that weighs the examples; empty counts all alike.
        seed: Of the resampling.

    Returns:
        What ``matrix.json`` holds: ``metric`` (``auc``), ``models`` and ``examples`` (their names in order), ``rows``
        (examples by name), and ``cells``: a row for each model, a column for each set, each with ``value``, ``low``
        and ``high`` of a 95 % bootstrap interval.

    Raises:
        InputError: A set holds a row that a model was trained on, or only one class.
    """
    for model, trained_on in train_examples.items():
        for name, examples in eval_examples.items():
            count, key = shared_keys(Path(trained_on), Path(examples))
            if count:
                raise InputError(
                    f"{count} rows of {name!r} are among those that the model of {model!r} was trained on, for example "
                    f"the one with key {key}: it cannot be evaluated on them"
                )
    cells = [
        [_evaluate(model, examples, label_key, weight_key, name, seed) for name, examples in eval_examples.items()]
        for model in models.values()
    ]
    result: dict[str, Any] = {
        "metric": "auc",
        "models": list(models),
        "examples": list(eval_examples),
        "rows": {name: cell["rows"] for name, cell in zip(eval_examples, cells[0], strict=True)},
        "cells": [[{key: cell[key] for key in ("value", "low", "high")} for cell in row] for row in cells],
    }
    with atomic_directory(matrix) as directory:
        (directory / MATRIX_FILE).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name, row in zip(models, result["cells"], strict=True):
        for rows, cell in zip(eval_examples, row, strict=True):
            print(f"{name} on {rows}: AUC {cell['value']:.4f} ({cell['low']:.4f} to {cell['high']:.4f})")  # noqa: T201
    return result


def _evaluate(model: str, examples: str, label_key: str, weight_key: str, name: str, seed: int) -> dict[str, float]:
    predictor = Predictor(model, read_schema(examples), label_key, [], weight_key)
    batches = (batch for path in split_files(examples, "eval") for batch in read_batches(path))
    table = pa.Table.from_batches(predictor.predict_batch(batch) for batch in batches)
    predictions = as_predictions(table.combine_chunks())
    labels = predictions.labels
    if len(np.unique(labels)) < 2:
        raise InputError(
            f"all {len(labels)} labels ({label_key!r}) of {name!r} are {labels[0]:g}: one class has no AUC"
        )
    statistic = {"auc": auc_statistic(labels, predictions.levels, predictions.weights)}
    resampled = bootstrap(statistic, len(labels), resamples=RESAMPLES, seed=seed)["auc"]
    return {"rows": len(labels), **asdict(resampled.interval())}


def flat_metrics(matrix: Mapping[str, Any]) -> dict[str, float]:
    """Flatten a matrix to scalars, as the Pipelines UI lists them.

    Args:
        matrix: What `cross_evaluate` returned.

    Returns:
        For example ``auc of window 1 on trips of window 2``.
    """
    return {
        f"auc of {model} on {examples}": cell["value"]
        for model, row in zip(matrix["models"], matrix["cells"], strict=True)
        for examples, cell in zip(matrix["examples"], row, strict=True)
    }
