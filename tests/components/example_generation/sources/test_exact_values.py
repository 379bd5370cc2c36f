"""What is in a file is what is read: no value rounded, no row twice or lost, no column by another's name."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import shutil
import zipfile
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.drift_detection.measure import measure_drift
from components.example_generation.read import read_examples
from components.example_generation.request import ReadParameters
from components.example_generation.sources.text_values import whole_number
from pipeline_tools.errors import InputError

CASES = Path(__file__).parents[1] / "cases"
SCHEMA = """
feature { name: "t" type: INT }
feature { name: "n" type: INT }
feature { name: "x" type: FLOAT }
feature { name: "s" type: BYTES }
"""


@pytest.fixture
def read_case(tmp_path):
    """Read all rows of a file, by key."""

    def run(source, schema=SCHEMA, **parameters):
        path = tmp_path / "case.pbtxt"
        path.write_text(schema)
        out = tmp_path / "case"
        given = {"key_column": "k", "time_column": "t", **parameters}
        read_examples(
            ReadParameters(
                input_handle_train=str(source), input_handle_eval="", splits=["train"], schema=str(path), **given
            ),
            examples=out / "examples",
            statistics=out / "statistics",
            anomalies=out / "anomalies",
        )
        table = pa.concat_tables(map(pq.read_table, sorted((out / "examples/train").glob("*.parquet"))))
        rows = sorted(table.to_pylist(), key=lambda row: row["example_key"])
        return {name: [row[name] for row in rows] for name in table.column_names}

    return run


def only(*names: str) -> str:
    return "".join(line + "\n" for line in SCHEMA.splitlines() if any(f'"{name}"' in line for name in names))


def test_offsets_count(read_case):
    assert read_case(CASES / "A1_offset.csv", only("t"))["t"] == [1452917700, 1452896100]


def test_offsets_count_in_derived_columns(read_case, tmp_path):
    (tmp_path / "a.csv").write_text((CASES / "A1_offset.csv").read_text())
    schema = 'feature { name: "h" type: INT }'
    derived = {"h": "EXTRACT(HOUR FROM t)"}
    assert read_case(tmp_path / "a.csv", schema, derived_columns=derived)["h"] == [4, 22]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2016-01-15T22:15:00+01:00", 1452892500),
        ("2016-01-15 22:15+02", 1452888900),
        ("2016-01-15 22:15:00 UTC", 1452896100),
        ("2016-07-15 22:15:00 America/Chicago", 1468638900),
        ("2016-01-15T22:15:00.250Z", 1452896100),
        ("2016-01-15", 1452816000),
        ("1452896100", 1452896100),
        ("1452896100.0", 1452896100),
    ],
)
def test_times_are_points_in_time(text, seconds, read_case, tmp_path):
    (tmp_path / "a.csv").write_text(f"k,t\na,{text}\n")
    assert read_case(tmp_path / "a.csv", only("t"))["t"] == [seconds]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_folder_is_no_column(form, read_case, tmp_path):
    shutil.copytree(CASES / "hive", tmp_path / "hive")
    source = tmp_path / "hive/n=99/a.csv"
    if form == "parquet":
        table = pa.table({"k": ["a", "b"], "t": [1, 1], "n": [1, 2], "x": [1.5, 2.5], "s": ["hi", "ho"]})
        source = tmp_path / "hive/n=99/a.parquet"
        pq.write_table(table, source)
    assert read_case(source)["n"] == [1, 2]


def test_own_files_in_such_a_folder(read, rows, plants, tmp_path):
    said = {}
    for out in ("out", "leaves=7"):
        recorded = read(plants, out=out)
        names = ("statistics", "anomalies")
        said[out] = [recorded, *((tmp_path / out / name / f"{name}.json").read_text() for name in names)]
    assert {row["leaves"] for row in rows("train", out="leaves=7")} > {7, 8}
    assert said["leaves=7"] == said["out"]
    drift = [str(tmp_path / out / "examples") for out in ("out", "leaves=7")]
    assert set(measure_drift(*drift, str(tmp_path / "drift")).values()) == {0.0}


@pytest.mark.parametrize(
    ("case", "column", "right"),
    [
        ("A5_case.parquet", "x", [1.5, 2.5]),
        ("A6_decimal.parquet", "n", [9007199254740993]),
        ("A6_double.parquet", "n", [1000000000000000000, 5199920125807611]),
        ("B2_mixed.csv", "n", [1, 2]),
        ("B1_pandas.csv", "n", [1]),
        ("all_null/*.parquet", "n", [1, None]),
    ],
)
def test_case(case, column, right, read_case):
    assert read_case(CASES / case)[column] == right


def test_a_time_may_be_missing_in_the_first_hundred_rows(read_case):
    rows = read_case(CASES / "B4_time.csv", only("t"))
    last = (CASES / "B4_time.csv").read_text().splitlines()[-1].split(",")[0]
    assert rows["t"][rows["example_key"].index(last)] == 1452896100


@pytest.mark.parametrize(
    ("case", "derived", "kind", "right"),
    [
        ("B4_tolls.csv", "tolls * 2", "FLOAT", 5.0),
        ("B4_zip.csv", "CAST(zip AS STRING)", "BYTES", "02134"),
    ],
)
def test_the_whole_column_tells_its_type(case, derived, kind, right, read_case):
    schema = f'feature {{ name: "y" type: {kind} }}'
    rows = read_case(CASES / case, schema, time_column="", derived_columns={"y": derived})
    last = (CASES / case).read_text().split()[-1].split(",")[0]
    assert rows["y"][rows["example_key"].index(last)] == right


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("B5_1e39.parquet", "B5_1e39.parquet, row 1: column 'x': '1e+39' is too large for a 32-bit float"),
        ("B7.csv", "B7.csv, line 2: column 'x': '1e309' is too large for a 32-bit float"),
    ],
)
def test_numbers_that_are_too_large(case, told, read_case):
    with pytest.raises(InputError) as error:
        read_case(CASES / case)
    assert told in str(error.value)
    assert str(error.value).count(str(CASES)) == 1


def test_a_double_beyond_64_bits_is_whole_and_too_large(read_case, tmp_path):
    columns = {"k": ["a", "b"], "t": [1, 2], "n": [1.0, 2.0**63], "x": [1.5, 2.5], "s": ["", ""]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"row 2: column 'n': '9.22.*e\+18' is too large for a 64-bit integer"):
        read_case(tmp_path / "a.parquet")


@pytest.mark.parametrize("text", ["5.0000000001", "5.00000000000000000001", "1_000", "0x1F", "1e-1", "1.25e1", "nan"])
def test_what_is_not_a_whole_number(text, read_case, tmp_path):
    (tmp_path / "a.csv").write_text(f"k,t,n,x,s\na,1,{text},1.5,hi\n")
    with pytest.raises(InputError, match=f"a.csv, line 2: column 'n': '{text}' is not a whole number"):
        read_case(tmp_path / "a.csv")


def test_whole_numbers_are_exact_or_nothing():
    """Against Python's decimals."""
    random.seed(1)
    texts = ["9223372036854775807", "-9223372036854775808", "9223372036854775808", "+7", "007", " 7 ", "8.", ".5", "-0"]
    for _ in range(3000):
        digits = str(random.randrange(10 ** random.randrange(1, 21)))
        point = random.randrange(len(digits) + 1)
        exponent = random.choice(["", "", "e0", "e1", "E+2", "e15", "e18", "e-1"])
        texts.append(
            random.choice(["", "-"]) + digits[:point] + random.choice([".", "", ".0"]) + digits[point:] + exponent
        )

    def right(text: str) -> int | None:
        number = Fraction(text.strip().removesuffix("."))
        return int(number) if number.denominator == 1 and -(2**63) <= number < 2**63 else None

    with duckdb.connect() as connection:
        found = dict(
            connection.execute(f"SELECT x, {whole_number('x')} FROM (SELECT unnest($t) AS x)", {"t": texts}).fetchall()
        )
    taken = {text: value for text, value in found.items() if value is not None}
    assert {text: right(text) for text in taken} == taken
    # A negative exponent, and a number without digits before the point, are refused though they may be whole.
    refused = [text for text in found if found[text] is None and right(text) is not None]
    assert all("e-" in text or text.lstrip("-").startswith(".") for text in refused)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([Decimal("9007199254740993")], pa.decimal256(50, 2)),
        ([Decimal("9007199254740993.00")], pa.decimal128(38, 18)),
        ([9007199254740993], pa.uint64()),
    ],
)
def test_wide_types_in_parquet(values, kind, read_case, tmp_path):
    pq.write_table(pa.table({"k": ["a"], "n": pa.array(values, kind)}), tmp_path / "a.parquet")
    assert read_case(tmp_path / "a.parquet", only("n"), time_column="")["n"] == [9007199254740993]


@pytest.mark.parametrize(
    ("value", "kind"),
    [(2**63, pa.uint64()), (float("nan"), pa.float64()), (2.5, pa.float32()), (Decimal("0.1"), pa.decimal128(38, 18))],
)
def test_what_no_whole_number_holds_in_parquet(value, kind, read_case, tmp_path):
    pq.write_table(pa.table({"k": ["a", "b"], "n": pa.array([1, value], kind)}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a.parquet, row 2: column 'n'"):
        read_case(tmp_path / "a.parquet", only("n"), time_column="")


def test_whole_numbers_in_one_file_and_doubles_in_another(read_case, tmp_path):
    """What pandas writes of whole numbers depends on whether one is missing."""
    pq.write_table(pa.table({"k": ["a"], "n": [9007199254740993]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"k": ["b", "c"], "n": [5.0, None]}), tmp_path / "2.parquet")
    assert read_case(tmp_path / "*.parquet", only("n"), time_column="")["n"] == [9007199254740993, 5, None]


@pytest.mark.parametrize("damage", ["cut", "checksum", "length", "middle"])
@pytest.mark.parametrize("first", ["plants", "other"])
def test_a_damaged_gzip_is_refused(damage, first, read_case, tmp_path):
    text = "k,t,n,x,s\n" + "".join(f"{number},1,{number},1.5,hi\n" for number in range(5000))
    whole = bytearray(gzip.compress(text.encode()))
    if damage == "cut":
        whole = whole[:-9]
    elif damage == "checksum":
        whole[-8] ^= 1
    elif damage == "length":
        whole[-1] ^= 1
    else:
        whole[len(whole) // 2] ^= 255
    path = tmp_path / ("a.csv.gz" if first == "plants" else "A.CSV.GZ")
    path.write_bytes(whole)
    with pytest.raises(InputError, match="is cut off or damaged"):
        read_case(path)


def _zip(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", content)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("A.CSV.GZ", lambda path, content: path.write_bytes(gzip.compress(content[:20]) + gzip.compress(content[20:]))),
        ("gzip-named.csv", lambda path, content: path.write_bytes(gzip.compress(content))),
        ("bz2.csv", lambda path, content: path.write_bytes(bz2.compress(content))),
        ("xz.csv", lambda path, content: path.write_bytes(lzma.compress(content))),
        ("zip.csv", _zip),
        ("zstd.csv", lambda path, content: path.write_bytes(pa.compress(content, "zstd", asbytes=True))),
        ("bom.csv", lambda path, content: path.write_bytes(b"\xef\xbb\xbf" + content)),
        ("utf16.csv", lambda path, content: path.write_bytes(content.decode().encode("utf-16"))),
        ("cr.csv", lambda path, content: path.write_bytes(content.replace(b"\n", b"\r"))),
        ("trailing-comma.csv", lambda path, content: path.write_bytes(content.replace(b"\n", b",\n"))),
        ("text.parquet.csv", lambda path, content: path.write_bytes(content)),
    ],
)
def test_files_as_people_have_them(name, write, read_case, tmp_path):
    content = "k,t,n,x,s\na,1,1,1.5,hé\nb,1,2,2.5,ho\n".encode()
    write(tmp_path / name, content)
    rows = read_case(tmp_path / name)
    assert (rows["n"], rows["s"]) == ([1, 2], ["hé", "ho"])


def test_line_breaks_within_quotes_stay(read_case, tmp_path):
    (tmp_path / "a.csv").write_bytes(b'k,t,n,x,s\r\na,1,1,1.5,"one\ntwo\r\nthree"\r\nb,1,2,1.5,hi\n')
    assert read_case(tmp_path / "a.csv")["s"] == ["one\ntwo\r\nthree", "hi"]


def test_parquet_named_csv(read_case, tmp_path):
    shutil.copy(CASES / "A6_double.parquet", tmp_path / "a.csv")
    assert read_case(tmp_path / "a.csv")["n"] == [1000000000000000000, 5199920125807611]


def test_one_file_is_read_once(read_case, tmp_path):
    folder = tmp_path / "data/inner"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("k,t,n,x,s\na,1,1,1.5,hi\n")
    (folder / "b.csv").symlink_to(folder / "a.csv")
    (folder / "c.csv").hardlink_to(folder / "a.csv")
    for name in ("loop", "again"):
        (folder / name).symlink_to(tmp_path / "data")
    for pattern in ("data/**/*.csv", "data/inner/*.csv", "**/inner/**/*.csv"):
        assert read_case(tmp_path / pattern)["n"] == [1]


def test_names_that_differ_in_case_only(read_case, tmp_path):
    table = pa.table({"k": ["a"], "N": [9], "n": [1], "t": [1], "x": [1.5], "s": ["hi"]})
    for name in ("1", "2"):
        pq.write_table(table.set_column(0, "k", [[name]]), tmp_path / f"{name}.parquet")
    assert read_case(tmp_path / "*.parquet")["n"] == [1, 1]
    (tmp_path / "a.csv").write_text("K,k,N,n,t,x,s\nno,a,9,1,1,1.5,hi\n")
    assert read_case(tmp_path / "a.csv")["n"] == [1]
    with pytest.raises(InputError, match="'n' and 'N' differ in case only"):
        read_case(tmp_path / "a.csv", SCHEMA + 'feature { name: "N" type: INT }')


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_nan_and_infinity_stop_at_the_door(value, form, read_case, tmp_path):
    source = tmp_path / f"a.{form}"
    if form == "csv":
        source.write_text(f"k,x\na,1\nb,{value}\n")
    else:
        pq.write_table(pa.table({"k": ["a", "b"], "x": [1.0, float(value)]}), source)
    field = "disallow_nan" if value == "nan" else "disallow_inf"
    with pytest.raises(InputError) as error:
        read_case(source, only("x"), time_column="")
    assert "column 'x': 1 row outside of" in str(error.value)
    assert f"a.{form}, {'line 3' if form == 'csv' else 'row 2'}" in str(error.value)
    assert f"float_domain {{ {field}: false }}" in str(error.value)
    allowed = f'feature {{ name: "x" type: FLOAT float_domain {{ {field}: false }} }}'
    assert [str(number) for number in read_case(source, allowed, time_column="")["x"]] == ["1.0", value]


def test_a_share_outside_of_the_domain_lets_no_nan_in(read_case, tmp_path):
    (tmp_path / "a.csv").write_text("k,x\n" + "".join(f"{number},1\n" for number in range(99)) + "b,nan\n")
    mass = only("x").replace("FLOAT", "FLOAT distribution_constraints { min_domain_mass: 0.5 }")
    with pytest.raises(InputError, match="line 101"):
        read_case(tmp_path / "a.csv", mass, time_column="")
