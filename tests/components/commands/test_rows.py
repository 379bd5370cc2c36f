from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("duckdb")

from components.commands.rows import find_table, read_rows
from components.lib.table import RegisteredTable
from pipeline_tools.errors import InputError
from taxi_pipeline.table import TRIPS

COLUMNS = {"fare": "FLOAT", "trip_start_hour": "INT", "trip_start_day": "INT", "company": "BYTES"}
CSV = """unique_key,trip_start_timestamp,fare,company,tips
k1,2016-05-03T13:45:00Z,12.5,Blue Line,0
k2,2016-05-08T00:00:00Z,,"",1
k3,2016-05-09T23:59:59Z,7,Red,2
"""


@pytest.fixture
def trips(tmp_path) -> Path:
    path = tmp_path / "trips.csv"
    path.write_text(CSV)
    return path


def test_the_first_rows_are_read_in_order_with_their_derived_columns(trips):
    keys, rows = read_rows(str(trips), COLUMNS, 3, TRIPS)

    assert keys == ["k1", "k2", "k3"]
    assert rows[0] == {"fare": 12.5, "trip_start_hour": 13, "trip_start_day": 3, "company": "Blue Line"}
    assert (rows[1]["fare"], rows[1]["trip_start_hour"], rows[1]["trip_start_day"]) == (None, 0, 1)
    assert (rows[2]["fare"], rows[2]["trip_start_hour"]) == (7.0, 23)


def test_no_more_rows_than_asked_for_or_there(trips):
    assert read_rows(str(trips), COLUMNS, 1, TRIPS)[0] == ["k1"]
    assert len(read_rows(str(trips), COLUMNS, 99, TRIPS)[0]) == 3


def test_without_known_columns_all_of_the_schema_are_read():
    keys, rows = read_rows("sample://trips", {}, 2, TRIPS)

    assert len(keys) == 2
    assert {"fare", "tips", "trip_start_timestamp", "trip_start_month"} <= set(rows[0])


def test_rows_of_a_table_that_nobody_registered_are_read_as_they_are(tmp_path):
    path = tmp_path / "penguins.csv"
    path.write_text("island,mass\nDream,3750\nBiscoe,\n")

    table = find_table("", {"island": "BYTES", "mass": "INT"})
    keys, rows = read_rows(str(path), {"island": "BYTES", "mass": "INT"}, 9, table)

    assert table == RegisteredTable("")
    assert rows == [{"island": "Dream", "mass": 3750}, {"island": "Biscoe", "mass": None}]
    assert keys == ["1", "2"]


def test_rows_without_a_key_stay_in_order_and_are_counted(trips):
    trips.write_text("\n".join(line.partition(",")[2] for line in CSV.splitlines()) + "\n")
    keys, rows = read_rows(str(trips), COLUMNS, 3, TRIPS)
    assert keys == ["1", "2", "3"]
    assert [row["fare"] for row in rows] == [12.5, None, 7.0]


def test_the_table_is_found_by_the_columns_of_the_model():
    assert find_table("", COLUMNS) is TRIPS
    assert find_table("trips", {}) is TRIPS
    assert find_table("", {**COLUMNS, "fare": "INT"}) == RegisteredTable("")  # another type: another table
    with pytest.raises(InputError, match="--table bikes: not registered; the tables are .*trips"):
        find_table("bikes", COLUMNS)
    with pytest.raises(InputError, match="name the table that it was trained on by --table: .*trips"):
        find_table("", {})


def test_what_cannot_be_read_is_an_error(trips, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_rows(str(tmp_path / "none.csv"), COLUMNS, 1, TRIPS)
    with pytest.raises(InputError, match="--num-examples 0"):
        read_rows(str(trips), COLUMNS, 0, TRIPS)
    with pytest.raises(InputError, match="trip_miles"):
        read_rows(str(trips), {**COLUMNS, "trip_miles": "FLOAT"}, 1, TRIPS)
    trips.write_text(CSV.replace("12.5", "much"))
    with pytest.raises(InputError, match="fare"):
        read_rows(str(trips), COLUMNS, 3, TRIPS)
