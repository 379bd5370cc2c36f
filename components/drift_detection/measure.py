"""Measure how far each column has moved between two sets of examples: the work of the `drift` step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tensorflow_metadata.proto.v0 import schema_pb2

from components.drift_detection.distance import Array, jensen_shannon, l_infinity, shares
from components.lib.artifacts.examples import count_rows, read_schema, split_files
from pipeline_tools.atomic import atomic_directory
from pipeline_tools.errors import InputError

BINS = 20
"""Bins of a number column, of about the same number of rows; missing values have one more of their own."""
SHOWN = 10
"""How many categories are listed, those that moved most."""


def measure_drift(
    baseline: str | Path, current: str | Path, drift: str | Path, *, split: str = "train"
) -> dict[str, float]:
    """Compare every column of a split in two sets of examples.

    A comparator in the schema says how: ``drift_comparator.infinity_norm`` or ``jensen_shannon_divergence``, with the
    threshold. Without one, categories (text, and numbers that the schema calls categorical) are compared by their
    greatest difference in share (L-infinity), numbers by the Jensen-Shannon divergence, and there is no threshold.
    Missing values count as a category, and as a bin.

    Args:
        baseline: Directory of an `examples` artifact.
        current: Directory of another; its schema is the one that counts.
        drift: Directory to write ``drift.json`` into: by column ``measure``, ``distance``, ``threshold``, ``drifted``
            and what moved (``values`` with both shares, those that moved most first; or ``edges`` of bins with both
            shares).
        split: ``train`` or ``eval``.

    Returns:
        The distance of each column, from 0 (equal) to 1.

    Raises:
        InputError: One of them is no whole `examples` artifact, or they have different columns.
    """
    schema = read_schema(current)
    files = [split_files(examples, split) for examples in (baseline, current)]
    names = {feature.name for feature in schema.feature}
    other = {feature.name for feature in read_schema(baseline).feature}
    if names != other:
        raise InputError(f"{baseline} and {current} have different columns: {', '.join(sorted(names ^ other))}")
    columns = {}
    for feature in schema.feature:
        first, second = (
            pq.read_table(paths, columns=[feature.name], partitioning=None)[feature.name] for paths in files
        )
        columns[feature.name] = _measure(feature, first, second)
    report = {
        "split": split,
        "rows": dict(zip(("baseline", "current"), (count_rows(names) for names in files), strict=True)),
        "columns": columns,
    }
    with atomic_directory(drift) as directory:
        text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
        (directory / "drift.json").write_text(text + "\n", encoding="utf-8")
    return {name: column["distance"] for name, column in columns.items()}


def _measure(feature: schema_pb2.Feature, first: pa.ChunkedArray, second: pa.ChunkedArray) -> dict[str, Any]:
    comparator = feature.drift_comparator
    asked = [name for name in ("infinity_norm", "jensen_shannon_divergence") if comparator.HasField(name)]
    threshold = getattr(comparator, asked[0]).threshold if asked else None
    categorical = feature.type == schema_pb2.BYTES or feature.int_domain.is_categorical
    by_share = asked[0] == "infinity_norm" if asked else categorical
    if categorical or by_share:
        before, after, moved = _categories(first, second)
    else:
        before, after, moved = _bins(first, second)
    distance = (l_infinity if by_share else jensen_shannon)(before, after)
    return {
        "measure": "L-infinity" if by_share else "Jensen-Shannon",
        "distance": distance,
        "threshold": threshold,
        "drifted": threshold is not None and distance > threshold,
        **moved,
    }


def _categories(first: pa.ChunkedArray, second: pa.ChunkedArray) -> tuple[Array, Array, dict[str, Any]]:
    counts = []
    for column in (first, second):
        found = pc.value_counts(column)
        counts.append(dict(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)))
    values = sorted(set(counts[0]) | set(counts[1]), key=lambda value: (value is None, value))
    before, after = (shares(np.array([count.get(value, 0) for value in values], np.float64)) for count in counts)
    most = np.argsort(-np.abs(before - after), kind="stable")[:SHOWN]
    listed = [
        {"value": values[index], "baseline": float(before[index]), "current": float(after[index])} for index in most
    ]
    return before, after, {"values": listed}


def _bins(first: pa.ChunkedArray, second: pa.ChunkedArray) -> tuple[Array, Array, dict[str, Any]]:
    columns = [_finite(column) for column in (first, second)]
    # Edges by rank, and not by value: one trip of a thousand miles would put all others into a single bin.
    pooled = np.concatenate(columns)
    ranks = np.linspace(0, 1, BINS + 1)[1:-1]
    edges = np.unique(np.quantile(pooled, ranks, method="lower")) if len(pooled) else np.array([])
    counted = []
    for column, whole in zip(columns, (first, second), strict=True):
        counts = np.bincount(np.searchsorted(edges, column, side="right"), minlength=len(edges) + 1)
        counted.append(shares(np.append(counts, len(whole) - len(column)).astype(np.float64)))
    before, after = counted
    moved = {"edges": edges.tolist(), "baseline": before.tolist(), "current": after.tolist()}
    return before, after, moved


def _finite(column: pa.ChunkedArray) -> Array:
    values: Array = column.drop_null().to_numpy().astype(np.float64)
    finite: Array = values[np.isfinite(values)]
    return finite
