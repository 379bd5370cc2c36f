"""A second data set, of plants: what the components know of a schema, they know from the schema."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("duckdb", reason="needs taxi-pipeline[local]")

from components.example_generation.read import read_examples
from components.example_generation.request import ReadParameters

SCHEMA = """
feature { name: "measured_at" type: INT }
feature { name: "weekday" type: INT int_domain { min: 1 max: 7 } }
feature { name: "leaves" type: INT int_domain { min: 0 max: 99 } }
feature { name: "height" type: FLOAT float_domain { min: 0 max: 9.9 disallow_nan: true } }
feature { name: "colour" type: BYTES string_domain { value: "green" value: "red" } }
feature { name: "note" type: BYTES }
"""
HEADER = ["plant", "measured_at", "leaves", "height", "colour", "note"]
DERIVED = {"weekday": "EXTRACT(DAYOFWEEK FROM measured_at)"}


def plant(number: int, **values: object) -> list[str]:
    """One row; any value can be given."""
    row = {
        "plant": f"p{number:04d}",
        "measured_at": f"2024-01-{number % 28 + 1:02d}T{number % 24:02d}:30:00Z",
        "leaves": str(number % 50),
        "height": str(number % 90 / 10),
        "colour": "green" if number % 3 else "red",
        "note": "" if number % 5 else f'said "{number}", twice',
    }
    return [str((row | values)[name]) for name in HEADER]


def write_csv(path: Path, rows: Iterable[list[str]], header: list[str] = HEADER) -> Path:
    """Write a CSV file, gzipped if its name says so."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return path


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    path = tmp_path / "plants.pbtxt"
    path.write_text(SCHEMA)
    return path


@pytest.fixture
def plants(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "plants.csv", (plant(number) for number in range(300)))


@pytest.fixture
def read(tmp_path: Path, schema: Path) -> Callable[..., dict[str, Any]]:
    """Run example_gen on plants; outputs lie in tmp_path / "out"."""

    def run(source: object, eval_source: object = None, out: str = "out", **parameters: Any) -> dict[str, Any]:
        root = tmp_path / out
        given: Mapping[str, Any] = {
            "input_handle_train": str(source),
            "input_handle_eval": str(source if eval_source is None else eval_source),
            "schema": str(schema),
            "key_column": "plant",
            "derived_columns": DERIVED,
            "time_column": "measured_at",
            **parameters,
        }
        return read_examples(
            ReadParameters(**given),
            examples=root / "examples",
            statistics=root / "statistics",
            anomalies=root / "anomalies",
        )

    return run


@pytest.fixture
def rows(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """What was written of a split."""

    def load(split: str, out: str = "out") -> list[dict[str, Any]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        files = sorted((tmp_path / out / "examples" / split).glob("*.parquet"))
        return pa.concat_tables([pq.read_table(path, partitioning=None) for path in files]).to_pylist()

    return load


@pytest.fixture
def report(tmp_path: Path) -> Callable[[str], Any]:
    """The content of statistics.json or anomalies.json."""
    return lambda name: json.loads((tmp_path / "out" / name / f"{name}.json").read_text())
