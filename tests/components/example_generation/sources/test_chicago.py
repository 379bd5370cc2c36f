"""Files as others export the Chicago trips: the same examples as the bundled trips of the same keys."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from components.example_generation.read import read_examples
from components.example_generation.request import ReadParameters
from taxi_pipeline.data import TRIPS
from taxi_pipeline.schema import DERIVED_COLUMNS, KEY_COLUMN, TIME_COLUMN

CASES = Path(__file__).parents[1] / "cases"


@pytest.mark.parametrize("export", ["chicago_bq_export.csv"])
def test_the_same_examples_as_the_bundled_trips(export, tmp_path):
    with (CASES / export).open(newline="") as file:
        keys = {row[KEY_COLUMN] for row in csv.DictReader(file)}
    bundled = pq.read_table(TRIPS)
    pq.write_table(bundled.filter(pc.is_in(bundled[KEY_COLUMN], pa.array(sorted(keys)))), tmp_path / "t.parquet")
    tables = []
    for name, source in (("export", CASES / export), ("bundled", tmp_path / "t.parquet")):
        out = tmp_path / name
        read_examples(
            ReadParameters(
                input_handle_train=str(source),
                input_handle_eval="",
                splits=["train"],
                schema="taxi_pipeline.schema",
                key_column=KEY_COLUMN,
                derived_columns=DERIVED_COLUMNS,
                time_column=TIME_COLUMN,
            ),
            examples=out / "examples",
            statistics=out / "statistics",
            anomalies=out / "anomalies",
        )
        [path] = (out / "examples/train").glob("*.parquet")
        tables.append(pq.read_table(path).to_pylist())
    assert len(tables[0]) == len(keys) == 60
    assert tables[0] == tables[1]
