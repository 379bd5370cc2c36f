"""The query's own functions give in DuckDB what BigQuery documents; test_expressions.py looks at derived columns."""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlglot import exp

from components.example_generation.query.dialect import connect, to_duckdb
from components.example_generation.query.selection import Selection

# From BigQuery's reference of functions: the documented results, or what follows from the documented rule.
CASES = [
    ("FARM_FINGERPRINT('1' || 'foo' || 'true')", "-1541654101129638711"),
    ("FARM_FINGERPRINT('2' || 'apple' || 'false')", "2794438866806483259"),
    ("FARM_FINGERPRINT('3' || '' || 'true')", "-4880158226897771312"),
    ("UNIX_SECONDS(TIMESTAMP_SECONDS(1230219000))", "1230219000"),
    ("UNIX_SECONDS(TIMESTAMP '1969-12-31 23:59:58.2+00')", "-2"),
    ("ABS(MOD(-9223372036854775808, 3))", "2"),
    ("TO_HEX(SHA256('abc'))", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
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
    from tests.components.example_generation.conftest import plant, write_csv

    moments = ["2016-07-01T03:00:00Z", "2016-12-01T03:00:00Z"]
    write_csv(tmp_path / "plants.csv", (plant(number, measured_at=moments[number % 2]) for number in range(80)))
    local = "IF(EXTRACT(HOUR FROM measured_at AT TIME ZONE 'America/Chicago') = 22, 1, 2)"
    read(tmp_path / "plants.csv", derived_columns={"weekday": local})
    summer = int(datetime.fromisoformat("2016-07-01T03:00:00+00:00").timestamp())
    assert {(row["measured_at"] == summer, row["weekday"]) for row in rows("train")} == {(True, 1), (False, 2)}


def test_derived_columns_of_the_values_in_a_file(read, rows, schema, tmp_path):
    schema.write_text(
        'feature { name: "large" type: INT } feature { name: "week" type: INT } feature { name: "said" type: BYTES }'
    )
    columns = {
        "k": [str(number) for number in range(60)],
        "x": [float("nan"), 7.0, None, 2.5] * 15,
        "day": pa.array([date(2016, 1, 3), date(2016, 1, 2)] * 30),
    }
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    derived = {
        "large": "IF(x > 5, 1, 0)",
        "week": "EXTRACT(WEEK FROM day)",
        "said": "CONCAT(CAST(x AS STRING), ' ', LOWER('Ä'))",
    }
    read(tmp_path / "rows.parquet", key_column="k", time_column="", derived_columns=derived)
    found = {int(row["example_key"]): row for split in ("train", "eval") for row in rows(split)}
    assert [found[number]["large"] for number in range(4)] == [0, 1, 0, 0]
    assert [found[number]["week"] for number in range(2)] == [1, 0]
    assert [found[number]["said"] for number in range(4)] == ["nan ä", "7 ä", None, "2.5 ä"]
