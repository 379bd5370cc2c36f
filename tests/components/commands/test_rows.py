from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("duckdb")

from components.commands.rows import read_trips
from pipeline_tools.errors import InputError

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


def test_the_first_trips_are_read_in_order_with_what_follows_from_them(trips):
    keys, rows = read_trips(str(trips), COLUMNS, 3)

    assert keys == ["k1", "k2", "k3"]
    assert rows[0] == {"fare": 12.5, "trip_start_hour": 13, "trip_start_day": 3, "company": "Blue Line"}
    assert (rows[1]["fare"], rows[1]["trip_start_hour"], rows[1]["trip_start_day"]) == (None, 0, 1)
    assert (rows[2]["fare"], rows[2]["trip_start_hour"]) == (7.0, 23)


def test_no_more_trips_than_asked_for_or_there(trips):
    assert read_trips(str(trips), COLUMNS, 1)[0] == ["k1"]
    assert len(read_trips(str(trips), COLUMNS, 99)[0]) == 3


def test_the_bundled_trips_have_all_columns_of_the_schema():
    keys, rows = read_trips("sample://trips", {}, 2)

    assert len(keys) == 2
    assert {"fare", "tips", "trip_start_timestamp", "trip_start_month"} <= set(rows[0])


def test_what_cannot_be_read_is_told(trips, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_trips(str(tmp_path / "none.csv"), COLUMNS, 1)
    with pytest.raises(InputError, match="num_examples=0"):
        read_trips(str(trips), COLUMNS, 0)
    with pytest.raises(InputError, match="trip_miles"):
        read_trips(str(trips), {**COLUMNS, "trip_miles": "FLOAT"}, 1)
    trips.write_text(CSV.replace("12.5", "much"))
    with pytest.raises(InputError, match="fare"):
        read_trips(str(trips), COLUMNS, 3)
