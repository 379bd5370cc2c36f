"""Numbers that are no seconds, and rows without a time."""

from __future__ import annotations

import pytest

from pipeline_tools.errors import InputError

from .conftest import SCHEMA, plant, write_csv


@pytest.mark.parametrize(
    ("time", "told"),
    [
        ("1452896100000", "it may be milliseconds"),
        ("1452896100000000", "it may be microseconds"),
        ("1452896100000000000", "it may be nanoseconds"),
        ("100000000000", "they may be milliseconds"),
        ("20160115", "they may be dates written YYYYMMDD"),
        ("20160115.0", "they may be dates written YYYYMMDD"),
    ],
)
def test_numbers_that_are_no_seconds(time, told, read, tmp_path):
    with pytest.raises(InputError, match=told) as error:
        read(write_csv(tmp_path / "plants.csv", (plant(number, measured_at=time) for number in range(60))))
    assert "measured_at" in str(error.value)


@pytest.mark.parametrize("time", ["1970-08-22T08:01:55Z", "86400"])
def test_times_of_1970(time, read, tmp_path):
    read(write_csv(tmp_path / "plants.csv", (plant(number, measured_at=time) for number in range(60))))


def test_numbers_that_the_schema_wants(read, schema, tmp_path):
    schema.write_text(SCHEMA.replace('"measured_at" type: INT', '"measured_at" type: INT int_domain { max: 30000000 }'))
    read(write_csv(tmp_path / "plants.csv", (plant(number, measured_at="20160115") for number in range(60))))


def test_rows_without_a_time_are_counted_under_a_window(read, report, tmp_path):
    rows = [plant(number, **({"measured_at": ""} if number % 4 == 0 else {})) for number in range(80)]
    source = write_csv(tmp_path / "plants.csv", rows)
    recorded = read(source, ts1="2024-01-01", eval_ts1="2024-01-01")
    assert recorded["rows_train"] + recorded["rows_eval"] == 60
    anomalies = [each for each in report("anomalies")["train"]["measured_at"] if each["kind"] == "ROWS_WITHOUT_TIME"]
    assert [each["count"] for each in anomalies] == [20]
    read(source)
    assert "measured_at" not in report("anomalies")["train"]


def test_a_time_column_that_is_only_named(read, schema, tmp_path):
    schema.write_text('feature { name: "leaves" type: INT }')
    source = write_csv(tmp_path / "plants.csv", (plant(number, measured_at="1452896100000") for number in range(60)))
    with pytest.raises(InputError, match="line 2: column 'measured_at': '1452896100000' is not a time in seconds"):
        read(source, derived_columns={})
