"""DuckDB computes what BigQuery documents."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlglot import exp

from components.example_generation.query.dialect import connect, to_duckdb
from components.example_generation.query.expressions import parse_derived
from components.example_generation.query.selection import Selection

# From BigQuery's reference of functions: the documented results, or what follows from the documented rule.
CASES = [
    ("FARM_FINGERPRINT('1' || 'foo' || 'true')", "-1541654101129638711"),
    ("FARM_FINGERPRINT('2' || 'apple' || 'false')", "2794438866806483259"),
    ("FARM_FINGERPRINT('3' || '' || 'true')", "-4880158226897771312"),
    ("EXTRACT(DAYOFWEEK FROM TIMESTAMP '2024-01-07 00:00:00+00')", "1"),  # a Sunday
    ("EXTRACT(DAYOFWEEK FROM TIMESTAMP '2024-01-06 00:00:00+00')", "7"),
    ("EXTRACT(HOUR FROM TIMESTAMP '2008-12-25 05:30:00+00' AT TIME ZONE 'America/Los_Angeles')", "21"),
    ("EXTRACT(DAY FROM TIMESTAMP '2008-12-25 05:30:00+00' AT TIME ZONE 'America/Los_Angeles')", "24"),
    ("EXTRACT(HOUR FROM TIMESTAMP '2016-07-01 03:00:00+00' AT TIME ZONE 'America/Chicago')", "22"),
    ("EXTRACT(HOUR FROM TIMESTAMP '2016-12-01 03:00:00+00' AT TIME ZONE 'America/Chicago')", "21"),
    ("UNIX_SECONDS(TIMESTAMP '2008-12-25 15:30:00+00')", "1230219000"),
    ("UNIX_SECONDS(TIMESTAMP '1970-01-01 00:00:01.8+00')", "1"),
    ("UNIX_SECONDS(TIMESTAMP '1969-12-31 23:59:58.2+00')", "-2"),
    ("UNIX_SECONDS(TIMESTAMP_SECONDS(1230219000))", "1230219000"),
    ("MOD(-8, 3)", "-2"),
    ("ABS(MOD(-9223372036854775808, 3))", "2"),
    ("CAST(0.5 AS INT64)", "1"),
    ("CAST(2.5 AS INT64)", "3"),
    ("CAST(-0.5 AS INT64)", "-1"),
    ("CAST(7 / 2 AS INT64)", "4"),
    ("CAST(3 > 2 AS INT64)", "1"),
    ("CAST('12' AS INT64)", "12"),
    ("GREATEST(3, 9, 2)", "9"),
    ("IF(1 > 2, 3, 4)", "4"),
    ("LENGTH('äöü')", "3"),
]


def run(expression: str, tmp_path):
    import sqlglot

    query = sqlglot.parse_one(f"SELECT CAST({expression} AS STRING)", read="bigquery")
    assert isinstance(query, exp.Select)
    sql, parameters = to_duckdb(Selection(query, {}, ()))
    with connect(tmp_path) as connection:
        return connection.execute(sql, parameters).fetchall()[0][0]


@pytest.mark.parametrize(("expression", "result"), CASES)
def test_functions(expression, result, tmp_path):
    assert run(expression, tmp_path) == result


def test_hash_of_nothing_is_nothing(tmp_path):
    with connect(tmp_path) as connection:
        hashes = connection.execute("SELECT farm_fingerprint(x) FROM (VALUES ('1footrue'), (NULL)) t(x)").fetchall()
    assert hashes == [(-1541654101129638711,), (None,)]


def test_a_derived_column_in_the_local_time_of_its_place(read, rows, tmp_path):
    from ..conftest import plant, write_csv

    moments = ["2016-07-01T03:00:00Z", "2016-12-01T03:00:00Z"]
    write_csv(tmp_path / "plants.csv", (plant(number, measured_at=moments[number % 2]) for number in range(80)))
    local = "IF(EXTRACT(HOUR FROM measured_at AT TIME ZONE 'America/Chicago') = 22, 1, 2)"
    read(tmp_path / "plants.csv", derived_columns={"weekday": local})
    summer = int(datetime.fromisoformat("2016-07-01T03:00:00+00:00").timestamp())
    assert {(row["measured_at"] == summer, row["weekday"]) for row in rows("train")} == {(True, 1), (False, 2)}


def test_allowed_expressions_parse():
    assert parse_derived({"x": "CASE WHEN a BETWEEN 1 AND 2 THEN LOWER(TRIM(b)) ELSE COALESCE(c, 'd') END"})
    assert parse_derived({"x": "SAFE_DIVIDE(tips, fare) > 0.2 AND NOT STARTS_WITH(company, 'A')"})
    assert parse_derived({"x": "CAST(FLOOR(trip_miles / 2) AS INT64) IN (1, 2)"})
