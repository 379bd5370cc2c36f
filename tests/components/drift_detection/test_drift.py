"""Drift is 0 between equals, grows with what moved, and is judged by the schema's thresholds."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.drift_detection.distance import jensen_shannon, l_infinity, shares
from components.drift_detection.measure import measure_drift
from pipeline_tools.errors import InputError

SCHEMA = """
feature { name: "colour" type: BYTES drift_comparator { infinity_norm { threshold: 0.2 } } }
feature { name: "petals" type: INT int_domain { is_categorical: true } }
feature { name: "height" type: FLOAT drift_comparator { jensen_shannon_divergence { threshold: 0.05 } } }
feature { name: "kind" type: BYTES drift_comparator { jensen_shannon_divergence { threshold: 0.5 } } }
"""


def write(path: Path, rows: list[tuple], schema: str = SCHEMA) -> Path:
    (path / "train").mkdir(parents=True)
    (path / "schema.pbtxt").write_text(schema)
    types = [pa.string(), pa.int64(), pa.float32(), pa.string()]
    arrays = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), types, strict=True)]
    table = pa.Table.from_arrays(arrays, names=["colour", "petals", "height", "kind"])
    half = len(rows) // 2
    pq.write_table(table.slice(0, half), path / "train" / "data-00000-of-00002.parquet")
    pq.write_table(table.slice(half), path / "train" / "data-00001-of-00002.parquet")
    return path


def rows(number: int, seed: int = 1, shift: float = 0.0, red: float = 0.5) -> list[tuple]:
    chance = random.Random(seed)
    return [
        (
            "red" if chance.random() < red else "green",
            chance.randrange(5),
            None if chance.random() < 0.1 else chance.gauss(shift, 1),
            chance.choice("ab"),
        )
        for _ in range(number)
    ]


def test_equals_have_not_moved(tmp_path):
    first, second = write(tmp_path / "a", rows(500)), write(tmp_path / "b", rows(500)[::-1])
    assert measure_drift(first, second, tmp_path / "drift") == dict.fromkeys(
        ["colour", "petals", "height", "kind"], 0.0
    )
    report = json.loads((tmp_path / "drift/drift.json").read_text())
    assert report["rows"] == {"baseline": 500, "current": 500}
    assert not any(column["drifted"] for column in report["columns"].values())


def test_what_moved_is_found_and_what_did_not_is_not(tmp_path):
    first = write(tmp_path / "a", rows(4000, seed=1))
    second = write(tmp_path / "b", rows(2000, seed=2, shift=1.0, red=0.8))
    distances = measure_drift(first, second, tmp_path / "drift")
    columns = json.loads((tmp_path / "drift/drift.json").read_text())["columns"]
    assert columns["colour"]["measure"] == "L-infinity"
    assert columns["height"]["measure"] == columns["kind"]["measure"] == "Jensen-Shannon"
    assert distances["colour"] == pytest.approx(0.3, abs=0.04)
    assert {name for name, column in columns.items() if column["drifted"]} == {"colour", "height"}
    assert columns["petals"]["threshold"] is None
    moved = {entry["value"]: entry for entry in columns["colour"]["values"]}
    assert moved["red"]["current"] - moved["red"]["baseline"] == pytest.approx(distances["colour"])
    assert sum(columns["height"]["baseline"]) == pytest.approx(1)
    assert len(columns["height"]["edges"]) == 19


def test_missing_values_are_something_that_moves(tmp_path):
    first = write(tmp_path / "a", [("red", 1, 2.0, "a")] * 10)
    second = write(tmp_path / "b", [(None, None, None, "a")] * 10)
    assert measure_drift(first, second, tmp_path / "drift") == {
        "colour": 1.0,
        "petals": 1.0,
        "height": 1.0,
        "kind": 0.0,
    }


def test_numbers_that_are_no_numbers_do_not_disturb(tmp_path):
    first = write(tmp_path / "a", [("red", 1, value, "a") for value in (math.nan, math.inf, 1.0, 1.0)])
    second = write(tmp_path / "b", [("red", 1, value, "a") for value in (None, None, 1.0, 1.0)])
    assert measure_drift(first, second, tmp_path / "drift")["height"] == 0


def test_different_columns_cannot_be_compared(tmp_path):
    first = write(tmp_path / "a", rows(10))
    second = write(tmp_path / "b", rows(10), SCHEMA + 'feature { name: "smell" type: INT }')
    with pytest.raises(InputError, match="different columns: smell"):
        measure_drift(first, second, tmp_path / "drift")
    assert not (tmp_path / "drift").exists()


def test_distances_by_hand():
    first, second = shares(np.array([1.0, 1.0, 2.0])), shares(np.array([3.0, 1.0, 0.0]))
    assert l_infinity(first, second) == 0.5
    mean = [0.5, 0.25, 0.25]
    by_hand = (0.25 * math.log2(0.25 / mean[0]) + 0.5 * math.log2(0.5 / mean[2]) + 0.75 * math.log2(0.75 / mean[0])) / 2
    assert jensen_shannon(first, second) == pytest.approx(by_hand)
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1
