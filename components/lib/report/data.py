"""Statistics and anomalies of the examples, laid out for reading."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.lib.report.text import DASH, number
from pipeline_tools.errors import InputError

MOST_FREQUENT = 3
QUANTILE_NAMES = ("min", "10 %", "median", "90 %", "max")
_QUANTILES_SHOWN = (0, 1, 5, 9, 10)


@dataclass(frozen=True)
class Data:
    """Statistics and anomalies of the examples.

    Attributes:
        statistics: By split, or whatever tells sets of examples apart: ``rows``, and ``columns`` as in
            ``statistics.json``.
        anomalies: By the same names, and by column, as in ``anomalies.json``.
        drift: Content of ``drift.json``; empty where no drift was measured.
    """

    statistics: Mapping[str, Any] = field(default_factory=dict)
    anomalies: Mapping[str, Any] = field(default_factory=dict)
    drift: Mapping[str, Any] = field(default_factory=dict)


def read_json(directory: Path | None, name: str) -> Mapping[str, Any]:
    """Read one of the files that a step leaves in its artifact.

    Args:
        directory: Of the artifact, or None.
        name: Of the file, for example ``statistics.json``.

    Returns:
        Its content; of no file, nothing.

    Raises:
        InputError: It is broken.
    """
    path = directory / name if directory else None
    if path is None or not path.is_file():
        return {}
    try:
        content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from error
    return content


def lay_out(data: Data) -> dict[str, Any]:
    """Lay the data section out.

    Args:
        data: Statistics and anomalies.

    Returns:
        ``splits``: name and rows; ``numbers`` and ``texts``: by column, a row of texts for each split; ``anomalies``:
        split, column, message and whether it is fatal; ``drift``: a row for each column, that moved most first.
    """
    splits = list(data.statistics)
    names = list(dict.fromkeys(name for split in splits for name in data.statistics[split]["columns"]))
    numbers, texts = [], []
    for name in names:
        described = {split: data.statistics[split]["columns"].get(name) for split in splits}
        by_split = {split: column for split, column in described.items() if column}
        if all(column["type"] == "BYTES" for column in by_split.values()):
            texts.append({"name": name, "rows": [(split, _text_row(column)) for split, column in by_split.items()]})
        else:
            numbers.append({"name": name, "rows": [(split, _number_row(column)) for split, column in by_split.items()]})
    return {
        "splits": [(split, data.statistics[split]["rows"]) for split in splits],
        "numbers": numbers,
        "texts": texts,
        "quantiles": QUANTILE_NAMES,
        "anomalies": [
            {"split": split, "column": column, **anomaly}
            for split, columns in data.anomalies.items()
            for column, anomalies in columns.items()
            for anomaly in anomalies
        ],
        "drift": _drift_rows(data.drift),
        "compared": data.drift,
    }


def _drift_rows(drift: Mapping[str, Any]) -> list[dict[str, Any]]:
    columns = drift.get("columns", {})
    rows = [{"name": name, "moved": _moved(column), **column} for name, column in columns.items()]
    return sorted(rows, key=lambda row: (not row["drifted"], -row["distance"]))


def _moved(column: Mapping[str, Any]) -> str:
    """Say which categories moved most."""
    return ", ".join(
        f"{_shown(each['value'])}: {each['baseline']:.1%} → {each['current']:.1%}"
        for each in column.get("values", ())[:MOST_FREQUENT]
    )


def _shown(value: Any) -> str:
    return "(missing)" if value is None else str(value) or "(empty)"


def _number_row(column: Mapping[str, Any]) -> list[str]:
    quantiles = column.get("quantiles") or [None] * 11
    shown = [number(quantiles[at]) for at in _QUANTILES_SHOWN] if len(quantiles) == 11 else [DASH] * 5
    return [
        _missing(column),
        number(column.get("unique")),
        number(column.get("mean")),
        number(column.get("std")),
        number(column.get("zeros")),
        *shown,
    ]


def _text_row(column: Mapping[str, Any]) -> list[str]:
    count = column["count"] or 1
    top = [
        f"{entry['value'] or '(empty)'} {entry['count'] / count:.0%}" for entry in column.get("top", ())[:MOST_FREQUENT]
    ]
    return [_missing(column), number(column.get("unique")), ", ".join(top) or DASH]


def _missing(column: Mapping[str, Any]) -> str:
    rows = column["count"] + column["missing"]
    if not column["missing"]:
        return "0"
    share = column["missing"] / rows
    return f"{column['missing']:,} ({share:.1%})"
