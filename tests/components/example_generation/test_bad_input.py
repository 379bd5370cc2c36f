"""Whatever is wrong with a source ends in an error that names file, row, column and fix, and leaves nothing behind."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.example_generation import write
from pipeline_tools.errors import InputError

from .conftest import HEADER, SCHEMA, plant, write_csv


@pytest.fixture
def refused(read, tmp_path):
    """Reading must fail; gives the message once it is sure that nothing was written."""

    def run(source: object, *arguments: object, **parameters: object) -> str:
        with pytest.raises(InputError) as caught:
            read(source, *arguments, **parameters)
        assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
        return str(caught.value)

    return run


def with_bad_row(path: Path, bad: list[str], at: int = 41) -> Path:
    """A CSV file whose line `at` is bad; its header is line 1."""
    rows = [plant(number) for number in range(200)]
    rows[at - 2] = bad
    return write_csv(path, rows)


def test_missing_file(refused, tmp_path):
    message = refused(tmp_path / "none.csv")
    assert "input_handle_train" in message
    assert "none.csv: no such file" in message


def test_glob_without_a_match(refused, tmp_path):
    assert "no file matches this pattern" in refused(tmp_path / "none-*.parquet")


@pytest.mark.parametrize("name", ["plants.csv", "plants.parquet"])
def test_empty_file(name, refused, tmp_path):
    (tmp_path / name).touch()
    assert f"{name} is empty (0 bytes)" in refused(tmp_path / name)


def test_header_without_rows(refused, tmp_path):
    assert "a header and no rows" in refused(write_csv(tmp_path / "plants.csv", []))


def test_parquet_without_rows(refused, tmp_path):
    pq.write_table(pa.table({name: pa.array([], pa.string()) for name in HEADER}), tmp_path / "plants.parquet")
    assert "plants.parquet has no rows" in refused(tmp_path / "plants.parquet")


def test_missing_column(refused, tmp_path):
    rows = [[*plant(number)[:2], *plant(number)[3:]] for number in range(9)]
    message = refused(write_csv(tmp_path / "plants.csv", rows, [*HEADER[:2], *HEADER[3:]]))
    assert "plants.csv lacks column 'leaves'" in message
    assert "it has 'plant', 'measured_at', 'height'" in message


def test_semicolons(refused, tmp_path):
    (tmp_path / "plants.csv").write_text(";".join(HEADER) + "\np1;2024-01-01;1;1;red;\n")
    assert "write them with commas" in refused(tmp_path / "plants.csv")


def test_a_column_twice(refused, tmp_path):
    message = refused(write_csv(tmp_path / "plants.csv", [[*plant(1), "1"]], [*HEADER, "leaves"]))
    assert "several columns of the name 'leaves'" in message


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (plant(1)[:3], "fewer values than the header has columns"),
        ([*plant(1), "more"], "more values than the header has columns"),
        (plant(1, leaves="many"), "column 'leaves': 'many' is not a whole number"),
        (plant(1, height="tall"), "column 'height': 'tall' is not a number"),
        (plant(1, measured_at="yesterday"), "column 'measured_at': 'yesterday' is not a time"),
        (
            plant(1, leaves="99999999999999999999"),
            "column 'leaves': '99999999999999999999' is too large for a 64-bit integer",
        ),
    ],
    ids=["short", "long", "word in INT", "word in FLOAT", "word in a time", "too large"],
)
@pytest.mark.parametrize("name", ["plants.csv", "plants.csv.gz"])
def test_bad_row(name, bad, told, refused, tmp_path):
    message = refused(with_bad_row(tmp_path / name, bad))
    assert f"{name}, line 41: {told}" in message
    assert "1 row cannot be read" in message


def test_bad_rows_are_counted_and_the_first_are_shown(refused, tmp_path):
    message = refused(write_csv(tmp_path / "plants.csv", (plant(number, leaves="?") for number in range(8))))
    assert "8 rows cannot be read" in message
    assert "line 2:" in message
    assert "and 3 more" in message


def test_a_fraction_is_not_rounded(refused, tmp_path):
    message = refused(with_bad_row(tmp_path / "plants.csv", plant(1, leaves="8.5")))
    assert "column 'leaves': '8.5' is not a whole number" in message
    assert "plants.csv, line 41" in message


def test_a_fraction_in_parquet_is_not_rounded(refused, tmp_path):
    table = pa.table(
        {**{name: ["1", "2"] for name in HEADER}, "leaves": [1.0, 2.5], "height": [1, 2], "measured_at": [1, 2]}
    )
    pq.write_table(table, tmp_path / "plants.parquet")
    message = refused(tmp_path / "plants.parquet")
    assert "column 'leaves': '2.5' is not a whole number" in message
    assert "plants.parquet, row 2" in message


def test_a_number_too_large_for_its_type(refused, tmp_path):
    message = refused(with_bad_row(tmp_path / "plants.csv", plant(1, height="1e300")))
    assert "column 'height': '1e300' is too large for a 32-bit float" in message
    assert "plants.csv, line 41" in message


def test_a_derived_column_that_does_not_fit_what_it_reads(refused, plants):
    message = refused(plants, derived_columns={"weekday": "LOWER(colour) + 1"})
    assert "derived_columns['weekday']: 'LOWER(`colour`) + 1' takes two numbers, and is given STRING, INT64" in message
    message = refused(plants, derived_columns={"weekday": "leaves / 2"})
    assert (
        "derived_columns['weekday']: the result is FLOAT64, and the schema says INT; write CAST(… AS INT64)" in message
    )


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("CAST(1 / (leaves - 7) AS INT64)", "1.0 / 0.0 is a division by zero (rows with key 'p0007', 'p0057'"),
        ("MOD(1, leaves - 7)", "division by zero (rows with key 'p0007', 'p0057'"),
        ("CAST(note AS INT64)", "cannot be cast to INT64 (rows with key 'p"),
        ("CAST(IF(leaves < 49, NULL, 1e308 * 10) AS INT64)", "1e+308 * 10.0 is out of range (rows with key 'p"),
    ],
)
def test_a_derived_column_that_cannot_be_computed(expression, message, refused, plants):
    found = refused(plants, derived_columns={"weekday": expression})
    assert f"derived_columns['weekday']={expression!r}: " in found
    assert message in found


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text + "\n\n",
        lambda text: text.rstrip("\n"),
        lambda text: "\ufeff" + text,
    ],
    ids=["Windows", "blank lines at the end", "no line break at the end", "byte order mark"],
)
def test_what_is_no_error(change, read, rows, plants):
    read(plants)
    expected = rows("train"), rows("eval")
    plants.write_bytes(change(plants.read_text()).encode())
    read(plants)
    assert (rows("train"), rows("eval")) == expected


def test_a_whole_number_may_be_written_with_a_point(read, rows, tmp_path):
    read(write_csv(tmp_path / "plants.csv", (plant(number, leaves="8.0") for number in range(60))))
    assert {row["leaves"] for row in rows("train")} == {8}


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (plant(1, leaves="100"), "column 'leaves': 1 row outside of …, 99]: 100 "),
        (plant(1, leaves="-1"), "column 'leaves': 1 row outside of [0, …: -1 "),
        (plant(1, height="9.91"), "column 'height': 1 row outside of …, 9.9]: 9.9"),
        (plant(1, height="inf"), "column 'height': 1 row outside of …, 9.9]: inf "),
        (plant(1, height="-inf"), "column 'height': 1 row outside of [0, …: -inf "),
        (plant(1, height="nan"), "column 'height': 1 row outside of the numbers (NaN is none): nan "),
        (
            plant(1, colour="blue"),
            "column 'colour': 1 row outside of the 2 values of its domain ('green', 'red'): 'blue' ",
        ),
    ],
    ids=["large", "small", "large fraction", "infinite", "minus infinite", "NaN", "unknown word"],
)
def test_value_outside_its_domain(bad, told, refused, tmp_path):
    message = refused(with_bad_row(tmp_path / "plants.csv", bad))
    assert told in message
    assert "with key p0001" in message
    assert "plants.csv, line 41" in message
    assert "change the column's domain in the schema" in message


def test_value_outside_its_domain_in_parquet(refused, tmp_path):
    table = pa.table(
        {
            "plant": ["a", "b", "c", "d"] * 20,
            "measured_at": [1] * 80,
            "leaves": [*range(79), 700],
            "height": [0.5] * 80,
            "colour": ["red"] * 80,
            "note": ["x"] * 80,
        }
    )
    pq.write_table(table, tmp_path / "plants.parquet")
    assert "plants.parquet, row 80" in refused(tmp_path / "plants.parquet", key_column="leaves")


def test_the_edge_of_a_domain_is_inside(read, tmp_path):
    """9.9 as a 32-bit float is a little more than 9.9."""
    read(write_csv(tmp_path / "plants.csv", (plant(number, height="9.9", leaves="99") for number in range(60))))


def test_an_open_domain_reports_and_goes_on(read, report, schema, tmp_path):
    mass = "distribution_constraints { min_domain_mass: 0.9 } "
    schema.write_text(SCHEMA.replace("string_domain", mass + "string_domain"))
    read(with_bad_row(tmp_path / "plants.csv", plant(1, colour="blue")))
    found = {**report("anomalies")["train"], **report("anomalies")["eval"]}["colour"][0]
    assert found["kind"] == "ENUM_TYPE_UNEXPECTED_STRING_VALUES"
    assert (found["fatal"], found["count"], found["values"]) == (False, 1, ["blue"])


def test_too_many_missing_values(refused, schema, tmp_path):
    schema.write_text(SCHEMA.replace('"note" type: BYTES', '"note" type: BYTES presence { min_fraction: 0.9 }'))
    assert "column 'note':" in refused(write_csv(tmp_path / "plants.csv", map(plant, range(60))))


def test_a_row_without_its_key(refused, tmp_path):
    message = refused(with_bad_row(tmp_path / "plants.csv", plant(1, plant="")))
    assert "rows without a value in the key column 'plant': 1" in message


def test_not_utf8(refused, tmp_path):
    path = with_bad_row(tmp_path / "plants.csv", plant(1, note="grün"))
    path.write_bytes(path.read_bytes().replace("grün".encode(), "grün".encode("latin-1")))
    message = refused(path)
    assert "UTF-8" in message
    assert "iconv" in message


def test_not_utf8_far_into_the_file(refused, tmp_path):
    path = write_csv(tmp_path / "plants.csv", (plant(n, note="grün" if n == 2999 else "") for n in range(3000)))
    path.write_bytes(path.read_bytes().replace("grün".encode(), "grün".encode("latin-1")))
    assert "plants.csv, line 3001: column 'note': not UTF-8" in refused(path)


def test_an_open_quote(refused, tmp_path):
    path = write_csv(tmp_path / "plants.csv", map(plant, range(20)))
    path.write_text(path.read_text() + 'p1,2024-01-01,1,1,red,"never closed\n')
    assert "plants.csv, line 22: column 'note'" in refused(path)


def test_a_broken_gzip(refused, tmp_path):
    whole = gzip.compress("\n".join(",".join(plant(number)) for number in range(9000)).encode())
    (tmp_path / "plants.csv.gz").write_bytes(
        gzip.compress((",".join(HEADER) + "\n").encode()) + whole[: len(whole) // 2]
    )
    assert "plants.csv.gz" in refused(tmp_path / "plants.csv.gz")


@pytest.mark.parametrize("keep", [3, 400, -300])
def test_a_broken_parquet_file(keep, refused, tmp_path):
    path = tmp_path / "plants.parquet"
    pq.write_table(pa.table({name: list(map(str, range(500))) for name in HEADER}), path)
    path.write_bytes(path.read_bytes()[:keep])
    assert "plants.parquet is not a complete Parquet file" in refused(path)


def test_a_parquet_file_broken_in_its_middle(refused, tmp_path):
    path = tmp_path / "plants.parquet"
    columns = {name: [str(number % 9) for number in range(5000)] for name in HEADER}
    numbers = list(range(5000))
    columns |= {"plant": list(map(str, numbers)), "measured_at": numbers, "leaves": [1] * 5000, "height": [1.5] * 5000}
    pq.write_table(pa.table(columns), path)
    content = bytearray(path.read_bytes())
    content[40:4000] = os.urandom(3960)
    path.write_bytes(content)
    assert "plants.parquet" in refused(path)


def test_a_column_of_the_wrong_type(refused, tmp_path):
    pq.write_table(pa.table({name: ["1"] for name in HEADER}), tmp_path / "plants.parquet")
    message = refused(tmp_path / "plants.parquet", time_column="")
    assert "'measured_at' is text in the source; the schema says INT" in message


def test_two_parquet_files_that_disagree(refused, tmp_path):
    pq.write_table(pa.table({name: ["1"] for name in HEADER}), tmp_path / "1.parquet")
    pq.write_table(pa.table({name: [1] for name in HEADER}), tmp_path / "2.parquet")
    message = refused(tmp_path / "*.parquet")
    assert "is string in" in message
    assert "2.parquet" in message


@pytest.mark.parametrize("change", ["append", "touch", "remove"])
def test_a_file_that_changes_while_it_is_read(change, refused, tmp_path, monkeypatch):
    path = write_csv(tmp_path / "plants.csv", map(plant, range(60)))
    original = write._SplitWriter.close

    def close(self: write._SplitWriter) -> None:
        original(self)
        if change == "append":
            path.write_text(path.read_text() + ",".join(plant(61)) + "\n")
        elif change == "touch":
            os.utime(path, (1, 1))
        else:
            path.unlink(missing_ok=True)

    monkeypatch.setattr(write._SplitWriter, "close", close)
    assert "plants.csv changed while it was read" in refused(path)


def test_too_few_rows_for_a_split(refused, tmp_path):
    message = refused(write_csv(tmp_path / "plants.csv", [plant(1)]))
    assert "no row for the split" in message


def test_an_earlier_result_stays_when_a_read_fails(read, rows, plants, tmp_path):
    read(plants)
    before = rows("train")
    with pytest.raises(InputError):
        read(tmp_path / "none.csv")
    with pytest.raises(InputError):
        read(with_bad_row(tmp_path / "bad.csv", plant(1, leaves="many")))
    assert rows("train") == before


def test_an_unwritable_place(read, plants, tmp_path):
    (tmp_path / "out").write_text("a file where a directory must be")
    with pytest.raises(OSError, match="out"):
        read(plants)
