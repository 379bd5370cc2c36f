"""What lies in Cloud Storage gives what it gives on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("tensorflow", reason="needs taxi-pipeline[local]")
pytest.importorskip("google.cloud.storage", reason="needs taxi-pipeline[cloud]")

from components import storage

from .conftest import ROWS

pytestmark = pytest.mark.e2e


def test_a_schema_in_a_bucket_reads_the_same_examples(gcs, examples, tmp_path):
    from components.example_gen.read import read_examples
    from components.example_gen.request import ReadParameters
    from taxi_pipeline.schema import DERIVED_COLUMNS, KEY_COLUMN, SCHEMA, TIME_COLUMN

    storage.write_bytes("gs://bucket/code/schema.pbtxt", SCHEMA.encode())
    parameters = ReadParameters(
        input_handle_train="sample://trips",
        input_handle_eval="sample://trips",
        schema="gs://bucket/code/schema.pbtxt",
        key_column=KEY_COLUMN,
        derived_columns=DERIVED_COLUMNS,
        time_column=TIME_COLUMN,
        max_rows=ROWS,
    )
    places = {name: tmp_path / name for name in ("examples", "statistics", "anomalies")}
    read_examples(parameters, **places)
    there = {str(path.relative_to(places["examples"])): path.read_bytes() for path in places["examples"].rglob("*.*")}
    assert there == {str(path.relative_to(examples)): path.read_bytes() for path in Path(examples).rglob("*.*")}
