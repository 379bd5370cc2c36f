"""Parameters that cannot work are refused before anything is read, and none of them reaches SQL as text."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from components.example_generation.plan import plan_read
from components.example_generation.query.windows import parse_time, parse_window
from components.example_generation.request import ReadParameters
from components.example_generation.sources.handles import parse_handle
from components.lib.schema import load_schema
from pipeline_tools.errors import InputError

from .conftest import DERIVED, SCHEMA, plant, write_csv

INJECTIONS = [
    "x` UNION ALL SELECT * FROM `secrets",
    'x" UNION ALL SELECT * FROM secrets --',
    "x; DROP TABLE trips",
    "x' OR '1'='1",
    "(SELECT password FROM users)",
    "x /* */ FROM y --",
]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("trips.csv", "csv"),
        ("day-*.CSV.gz", "csv"),
        ("/data/**/*.parquet", "parquet"),
        ("gs://my-bucket/trips/*.parquet", "parquet"),
        ("bq://my-project.taxi.trips", "bigquery"),
        ("my-project.taxi.trips_2016", "bigquery"),
        ("bigquery-public-data.chicago_taxi_trips.taxi_trips", "bigquery"),
        ("bq://example.com:my-project.taxi.trips", "bigquery"),
        ("sample://trips", "parquet"),
    ],
)
def test_kinds_of_handles(text, kind):
    assert parse_handle(text).kind == kind


@pytest.mark.parametrize(
    "text",
    [
        "",
        "trips",
        "trips.json",
        "hdfs://bucket/trips.csv",
        "gs://trips.csv",
        "taxi.trips",
        "bq://trips",
        "http://x/y.csv",
    ],
)
def test_other_handles_are_refused_with_the_list_of_kinds(text):
    with pytest.raises(InputError, match="input_handle_train") as caught:
        parse_handle(text, "input_handle_train")
    assert "bq://" in str(caught.value)


def test_a_sample_that_no_package_offers():
    with pytest.raises(InputError, match=r"sample://boats: no installed package offers this sample; there is .*trips"):
        parse_handle("sample://boats")


@pytest.mark.parametrize("injection", INJECTIONS)
def test_no_handle_injects(injection):
    for text in (injection, f"bq://{injection}", f"bq://my-project.taxi.{injection}", f"my-project.{injection}.trips"):
        with pytest.raises(InputError):
            parse_handle(text)


@pytest.mark.parametrize("injection", INJECTIONS)
@pytest.mark.parametrize("parameter", ["ts1", "ts2", "eval_ts1", "eval_ts2"])
def test_no_window_injects(parameter, injection, read, plants):
    with pytest.raises(InputError, match=f"{parameter}=.*no ISO 8601 time"):
        read(plants, **{parameter: injection})


@pytest.mark.parametrize("injection", INJECTIONS)
@pytest.mark.parametrize("parameter", ["max_rows", "splits"])
def test_no_other_value_injects(parameter, injection, read, plants):
    with pytest.raises(InputError, match=parameter):
        read(plants, **{parameter: [injection] if parameter == "splits" else injection})


@pytest.mark.parametrize(
    "expression",
    [
        *INJECTIONS,
        "1 AS x, 2",
        "1); DROP TABLE x; SELECT (1",
        "1) FROM secrets; --",
        "SESSION_USER()",
        "read_text('/etc/passwd')",
        "getenv('HOME')",
        "@ts1",
        "secrets.password",
        "EXISTS(SELECT 1)",
        "ARRAY(SELECT 1)",
        "SUM(leaves) OVER ()",
        "ERROR('x')",
        "EXTRACT(MONTH FROM",
        "",
        "*",
    ],
)
def test_no_derived_column_injects(expression, read, plants):
    with pytest.raises(InputError, match=r"derived_columns\['weekday'\]"):
        read(plants, derived_columns={"weekday": expression})


@pytest.mark.parametrize("expression", ["(" * 5000 + "1" + ")" * 5000, "1" + " + 1" * 3000, "-" * 300 + "1"])
def test_no_derived_column_is_too_deep(expression, read, plants):
    with pytest.raises(InputError, match=r"derived_columns\['weekday'\].*nested|must be one expression"):
        read(plants, derived_columns={"weekday": expression})


@pytest.mark.parametrize("injection", INJECTIONS)
@pytest.mark.parametrize("parameter", ["key_column", "time_column"])
def test_column_names_are_only_names(parameter, injection, read, rows, report, tmp_path):
    """A strange name is a column that the file has, or has not."""
    header = ["plant", "measured_at", "leaves", "height", "colour", "note", injection]
    odd = [[*plant(number, measured_at=number), f"2024-01-{number % 28 + 1:02d}"] for number in range(60)]
    source = write_csv(tmp_path / "plants.csv", odd, header)
    read(source, **{parameter: injection}, derived_columns={"weekday": "leaves - leaves + 1"})
    assert len(rows("train") + rows("eval")) == 60
    with pytest.raises(InputError, match="lacks column"):
        read(write_csv(tmp_path / "plants.csv", map(plant, range(9))), time_column=injection)


def test_a_schema_may_have_any_column_names(read, rows, schema, tmp_path):
    names = ['a "quoted" name', "a `ticked` name", "select", "ünï", "a;b--c"]
    schema.write_text("".join(f"feature {{ name: {name!r} type: INT }}\n" for name in names))
    write_csv(tmp_path / "odd.csv", ([str(row)] * 5 for row in range(60)), names)
    read(tmp_path / "odd.csv", key_column="select", time_column="", derived_columns={})
    assert set(rows("train")[0]) == {*names, "example_key"}


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"max_rows": -1}, "max_rows=-1: must be a whole number of at least 0"),
        ({"max_rows": True}, "max_rows=True"),
        ({"read_mode": "remote"}, "read_mode='remote': must be one of local, cloud"),
        ({"read_mode": "cloud"}, "plants.csv: read_mode=cloud reads BigQuery tables only, and this names files"),
        ({"splits": []}, "must be one or both of train, eval"),
        ({"splits": ["test"]}, "must be one or both of train, eval"),
        ({"input_handle_eval": ""}, "input_handle_eval is empty"),
        ({"ts1": "2024-02-01", "ts2": "2024-01-01"}, "the window is over before it begins; ts2 must be later"),
        ({"eval_ts1": "2024-02-01", "eval_ts2": "2024-02-01"}, "eval_ts2 must be later"),
        ({"ts1": "January"}, "ts1='January': no ISO 8601 time"),
        ({"ts1": "2024-01-01", "time_column": ""}, "time_column is empty, and a window is given"),
        ({"derived_columns": {"smell": "1"}}, "the schema has no such column"),
        ({"derived_columns": {"weekday": "leaves", "leaves": "weekday"}}, "is itself derived"),
        ({"key_column": "weekday"}, "key_column=weekday: must be a column that is read"),
        ({"time_column": "height"}, "time_column=height: the schema says FLOAT"),
        ({"time_column": "note", "derived_columns": {}}, "the schema says BYTES"),
        ({"schema": "no.such.module"}, "there is no module"),
        ({"schema": "nowhere.pbtxt"}, "schema=nowhere.pbtxt: no such file"),
        ({"schema": "json"}, "has no 'SCHEMA'"),
    ],
)
def test_wrong_parameters(parameters, told, read, plants):
    with pytest.raises(InputError) as caught:
        read(plants, **parameters)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("feature { nam: 'x' }", 'no field named "nam"'),
        ("", "names no feature"),
        ("feature { type: INT }", "has no name"),
        ("feature { name: 'x' type: INT } feature { name: 'x' type: INT }", "'x' appears twice"),
        ("feature { name: 'example_key' type: INT }", "reserved"),
        ("feature { name: 'x' }", "must be INT, FLOAT or BYTES"),
        ("feature { name: 'x' type: INT float_domain {} }", "does not fit"),
        ("feature { name: 'x' type: BYTES domain: 'y' }", "does not define"),
        ("feature { name: 'x' type: INT value_count { max: 3 } }", "one value a row"),
    ],
)
def test_wrong_schemas(text, told, tmp_path):
    path = tmp_path / "x.pbtxt"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_schema(str(path))
    assert told in str(caught.value)
    assert "x.pbtxt" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "2015-07-01T10:30:00Z",
        "2015-07-01 10:30:00",
        "2015-07-01 10:30:00 UTC",
        "2015-07-01T10:30",
        "20150701T103000Z",
        "2015-07-01T12:30:00+02:00",
        "2015-W27-3T10:30",
        "2015-182T10:30:00",
    ],
)
def test_times_in_any_iso_form(text):
    assert parse_time(text, "ts1") == datetime(2015, 7, 1, 10, 30, tzinfo=timezone.utc)


def test_a_window_is_half_open(read, rows, tmp_path):
    source = write_csv(
        tmp_path / "plants.csv",
        (plant(number, measured_at=f"2024-01-{number // 30 + 1:02d}T00:00:00Z") for number in range(300)),
    )
    read(source, ts1="2024-01-02", ts2="2024-01-04", eval_ts1="2024-01-05T00:00:00Z", eval_ts2="2024-01-05T00:00:01Z")
    days = [
        {datetime.fromtimestamp(row["measured_at"], timezone.utc).day for row in rows(s)} for s in ("train", "eval")
    ]
    assert days == [{2, 3}, {5}]


def test_a_window_outside_of_the_data_says_where_the_data_is(read, plants):
    with pytest.raises(InputError) as caught:
        read(plants, eval_ts1="2031-01-01")
    assert "no eval row is in the window [2031-01-01T00:00:00Z, after the last row)" in str(caught.value)
    assert "measured_at goes from 2024-01-01 00:30:00 to 2024-01-28 23:30:00 (UTC)" in str(caught.value)


def test_windows_that_do_not_overlap_are_disjoint(read, tmp_path):
    """The same trips under two names: only the windows keep them apart."""
    for name in ("a.csv", "b.csv"):
        write_csv(tmp_path / name, map(plant, range(300)))
    recorded = read(tmp_path / "a.csv", tmp_path / "b.csv", ts2="2024-01-15", eval_ts1="2024-01-15")
    assert recorded["disjoint"].startswith("windows: train rows are in [the first row, 2024-01-15T00:00:00Z)")
    with pytest.raises(InputError, match="11 eval rows are train rows"):
        read(tmp_path / "a.csv", tmp_path / "b.csv", ts2="2024-01-15", eval_ts1="2024-01-14")


@pytest.mark.parametrize(
    ("first", "second", "meets"),
    [
        (("2024-01-01", "2024-02-01"), ("2024-02-01", ""), False),
        (("2024-01-01", "2024-02-01"), ("2024-01-31", ""), True),
        (("", ""), ("2024-01-31", ""), True),
        (("2024-03-01", ""), ("", "2024-03-01"), False),
    ],
)
def test_windows_meet(first, second, meets):
    assert parse_window(*first).meets(parse_window(*second)) is meets
    assert parse_window(*second).meets(parse_window(*first)) is meets


def plan(source: object, schema: object, **parameters: object):
    given = {"input_handle_train": str(source), "input_handle_eval": str(source), "schema": str(schema)}
    given |= {"key_column": "plant", "derived_columns": DERIVED, "time_column": "measured_at", **parameters}
    return plan_read(ReadParameters(**given))


def test_a_plan_says_what_would_be_read_and_writes_nothing(plants, schema, read, tmp_path):
    before = set(tmp_path.iterdir())
    planned = plan(plants, schema, ts1="2024-01-05", max_rows=100)
    assert set(tmp_path.iterdir()) == before
    recorded = read(plants, ts1="2024-01-05", max_rows=100)
    assert planned.queries[0].rows == {"train": recorded["rows_train"], "eval": recorded["rows_eval"]}
    assert planned.queries[0].sql == recorded["sql"]
    assert planned.disjoint == recorded["disjoint"]
    assert "-- @ts1 = 2024-01-05T00:00:00+00:00" in str(planned)
    assert "-- @max_rows = 100" in str(planned)
    assert "2024" not in planned.queries[0].sql
    assert "100" not in planned.queries[0].sql


def test_a_plan_finds_an_empty_window(plants, schema):
    with pytest.raises(InputError, match="no train row is in the window"):
        plan(plants, schema, ts1="2031-01-01")


def test_a_plan_cannot_tell_whether_two_files_are_disjoint(plants, schema, tmp_path):
    other = write_csv(tmp_path / "other.csv", map(plant, range(300, 400)))
    assert plan(plants, schema, input_handle_eval=str(other)).disjoint is None


def test_the_schema_of_these_tests_knows_no_taxi():
    assert "trip" not in SCHEMA
