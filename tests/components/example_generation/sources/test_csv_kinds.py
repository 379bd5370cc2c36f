"""What a CSV column holds that only a derived column reads, or that is the time column: all of its values tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.example_generation.query.expressions import NUMBER, TIME, parse_derived, use_of
from components.example_generation.sources.csv_kinds import find_kinds
from pipeline_tools.errors import InputError

CASES = Path(__file__).parent.parent / "cases"


def last(rows):
    return max(rows("train") + rows("eval"), key=lambda row: row["example_key"])


def test_a_number_with_a_fraction_in_the_last_row(read, rows, schema):
    schema.write_text('feature { name: "y" type: FLOAT }')
    read(CASES / "B4_tolls.csv", key_column="k", time_column="", derived_columns={"y": "tolls * 2"})
    assert last(rows)["y"] == 5.0


@pytest.mark.parametrize("expression", ["CAST(zip AS STRING)", "zip", "CONCAT(zip, '')", "COALESCE(zip, '')"])
def test_a_text_of_digits(expression, read, rows, schema, tmp_path):
    schema.write_text('feature { name: "y" type: BYTES }')
    (tmp_path / "other.csv").write_text("k,zip\nb,60601\n")
    derived = {"key_column": "k", "time_column": "", "derived_columns": {"y": expression}}
    read(CASES / "B4_zip.csv", tmp_path / "other.csv", **derived, splits=["train"])
    assert [row["y"] for row in rows("train")] == ["02134"]


def test_a_time_in_the_last_row_alone(read, rows, schema):
    schema.write_text('feature { name: "t" type: INT }')
    read(CASES / "B4_time.csv", key_column="k", time_column="t", derived_columns={})
    assert last(rows)["t"] == 1452896100


@pytest.mark.parametrize(
    ("values", "use", "kind"),
    [
        (["1", "", "-2"], None, "INT"),
        (["1", "2.5"], None, "FLOAT"),
        (["2.5", "1e3"], None, "FLOAT"),
        (["1", "01"], None, "BYTES"),
        (["1", "+1"], None, "BYTES"),
        (["1", "a"], None, "BYTES"),
        (["2016-01-01", "2016-01-01T12:00:00-06:00"], None, "TIMESTAMP"),
        (["2016-01-01", "2016-13-01"], None, "BYTES"),
        (["", ""], None, "BYTES"),
        (["1", "01", " 2"], NUMBER, "INT"),
        (["1", "2.5", "a"], NUMBER, "FLOAT"),
        (["", ""], NUMBER, "INT"),
        (["", "1452896100", "a"], TIME, "INT"),
        (["", "2016-01-15 22:15:00", "5"], TIME, "TIMESTAMP"),
        (["", ""], TIME, "TIMESTAMP"),
    ],
)
def test_kinds(values, use, kind, tmp_path):
    paths = [tmp_path / "1.csv", tmp_path / "2.csv"]
    paths[0].write_text("\n".join(["k,x", *(f"a,{value}" for value in values[:-1])]) + "\n")
    paths[1].write_text(f"x,k\n{values[-1]},b\n")
    assert find_kinds(paths, {"x": use}) == {"x": kind}


@pytest.mark.parametrize(
    ("expressions", "use"),
    [
        (["x * 2"], NUMBER),
        (["-(x)"], NUMBER),
        (["x > 5"], NUMBER),
        (["x BETWEEN -1 AND 2.5"], NUMBER),
        (["x IN ('a', 'b')"], "BYTES"),
        (["LOWER(TRIM(x))"], "BYTES"),
        (["EXTRACT(HOUR FROM x AT TIME ZONE 'America/Chicago')"], "TIMESTAMP"),
        (["UNIX_SECONDS(x)"], "TIMESTAMP"),
        (["CAST(x AS INT64)"], None),
        (["x"], None),
        (["x * 2", "LENGTH(x)"], None),
        (["x = y"], None),
    ],
)
def test_uses(expressions, use):
    parsed = parse_derived({str(number): text for number, text in enumerate(expressions)})
    assert use_of("x", parsed.values()) == use


def test_a_word_among_numbers_is_an_error_with_its_line(read, schema, tmp_path):
    schema.write_text('feature { name: "y" type: FLOAT }')
    path = tmp_path / "rows.csv"
    path.write_text("k,x\n" + "".join(f"k{number},{number}\n" for number in range(150)) + "last,many\n")
    with pytest.raises(InputError, match=r"rows\.csv, line 152: column 'x': 'many' is not a number"):
        read(path, key_column="k", time_column="", derived_columns={"y": "x / 2"})


def test_a_safe_cast_takes_what_is_no_number(read, rows, schema, tmp_path):
    schema.write_text('feature { name: "y" type: INT }')
    path = tmp_path / "rows.csv"
    path.write_text("k,x\n" + "".join(f"k{number},{number if number % 2 else 'many'}\n" for number in range(60)))
    read(path, key_column="k", time_column="", derived_columns={"y": "SAFE_CAST(x AS INT64)"})
    assert {row["y"] is None for row in rows("train")} == {True, False}
