"""Which rows are in which split, how rows without a key are known, and what is said of rows that are in both."""

from __future__ import annotations

import csv
import random
import shutil
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.example_generation import rows as reading
from components.example_generation.describe.disjointness import shared_keys
from components.example_generation.query.dialect import connect
from pipeline_tools.errors import InputError

CASES = Path(__file__).parent / "cases"
FEATURES = """
feature { name: "t" type: INT }
feature { name: "n" type: INT }
feature { name: "x" type: FLOAT }
feature { name: "s" type: BYTES }
"""
PLAIN = {"derived_columns": {}, "time_column": "t", "key_column": "k"}


@pytest.fixture(autouse=True)
def features(schema):
    schema.write_text(FEATURES)


def write(path, rows, header=("k", "t", "n", "x", "s")):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def row(number, key=None):
    return [key or f"k{number}", 1452895200 + number, number, number / 8, f"w{number}"]


@pytest.mark.parametrize("name", ["A4_without_key.csv", "A4_without_key.parquet"])
def test_eval_rows_that_lack_the_key_column_are_refused(name, read):
    with pytest.raises(InputError) as caught:
        read(CASES / "A4_with_key.csv", CASES / name, **PLAIN)
    assert f"key_column=k: {CASES / name} lacks this column; it has 't', 'n', 'x', 's'" in str(caught.value)


@pytest.mark.parametrize("train", ["A4_with_key.csv", "A4_without_key.csv"])
@pytest.mark.parametrize("name", ["A4_without_key.csv", "A4_without_key.parquet"])
def test_equal_rows_without_keys_are_never_called_disjoint(name, train, read, report, tmp_path):
    shutil.copy(CASES / train, tmp_path / "train.csv")
    recorded = read(tmp_path / "train.csv", CASES / name, **{**PLAIN, "key_column": ""})
    assert recorded["disjoint"].startswith("not disjoint: 300 of 300 eval rows equal a train row in every column")
    found = report("anomalies")["eval"]["example_key"][0]
    assert (found["kind"], found["message"], found["count"]) == ("TRAIN_ROWS_IN_EVAL", recorded["disjoint"], 300)


def test_rows_without_keys_that_differ_are_disjoint(read, tmp_path):
    header = ["t", "n", "x", "s"]
    train = write(tmp_path / "train.csv", [row(number)[1:] for number in range(9)], header)
    held_out = write(tmp_path / "eval.csv", [row(number)[1:] for number in range(9, 12)], header)
    recorded = read(train, held_out, **{**PLAIN, "key_column": ""})
    assert recorded["disjoint"] == "rows: no eval row equals a train row in every column"


def test_missing_values_are_equal_too(read, tmp_path):
    header = ["t", "n", "x", "s"]
    train = write(tmp_path / "train.csv", [[number, "", "", ""] for number in range(9)], header)
    held_out = write(tmp_path / "eval.csv", [[8, "", "", ""], [9, "", "", ""]], header)
    recorded = read(train, held_out, **{**PLAIN, "key_column": ""})
    assert recorded["disjoint"].startswith("not disjoint: 1 of 2 eval rows")


@pytest.mark.parametrize("form", ["{}.0", " {} ", "{}.00", "0{}", "trip-{}"])
def test_keys_of_another_form_do_not_make_rows_disjoint(form, read, tmp_path):
    train = write(tmp_path / "train.csv", [row(number, str(number)) for number in range(1, 30)])
    held_out = write(tmp_path / "eval.csv", [row(number, form.format(number)) for number in range(1, 10)])
    recorded = read(train, held_out, **PLAIN)
    assert recorded["disjoint"].startswith(
        "not disjoint: 9 of 9 eval rows equal a train row in every column, and keys "
    )


def test_keys_of_another_type_do_not_make_rows_disjoint(read, tmp_path):
    table = pa.table({"k": range(9), "t": range(9), "n": range(9), "x": [1.5] * 9, "s": ["a"] * 9})
    pq.write_table(table, tmp_path / "train.parquet")
    held_out = write(tmp_path / "eval.csv", [[f"{number}.0", number, number, 1.5, "a"] for number in range(9)])
    assert read(tmp_path / "train.parquet", held_out, **PLAIN)["disjoint"].startswith("not disjoint: 9 of 9")


def test_keys_of_one_kind_tell_equal_rows_apart(read, tmp_path):
    train = write(tmp_path / "train.csv", [row(1, f"a{number}") for number in range(9)])
    held_out = write(tmp_path / "eval.csv", [row(1, f"b{number}") for number in range(9)])
    recorded = read(train, held_out, **PLAIN)
    assert recorded["disjoint"] == (
        "keys: no key is in both splits; 9 of 9 eval rows equal a train row in every column"
    )


def test_a_glob_of_files_with_and_without_a_key_is_refused(read, tmp_path):
    write(tmp_path / "day-1.csv", map(row, range(9)))
    write(tmp_path / "day-2.csv", [row(number)[1:] for number in range(9)], ["t", "n", "x", "s"])
    with pytest.raises(InputError, match=r"key_column=k: .*day-2\.csv lacks this column; it has 't', 'n'"):
        read(tmp_path / "day-*.csv", **PLAIN)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_mistyped_key_column_names_the_columns(suffix, read, tmp_path):
    write(tmp_path / "rows.csv", map(row, range(60)))
    columns = dict(zip("ktnxs", map(list, zip(*map(row, range(60)), strict=True)), strict=True))
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    with pytest.raises(InputError, match=r"key_column=K: .* lacks this column; it has 'k', 't', 'n', 'x', 's'"):
        read(tmp_path / f"rows.{suffix}", **{**PLAIN, "key_column": "K"})


def test_few_distinct_rows_are_split_each_for_itself_and_reported(read, rows, report, tmp_path):
    """Twenty distinct rows of 1,316: their label must not decide where they go."""
    lines = [[0, number % 20, (number % 20) % 2, "a"] for number in range(1316)]
    random.Random(3).shuffle(lines)
    recorded = read(write(tmp_path / "rows.csv", lines, ["t", "n", "x", "s"]), **{**PLAIN, "key_column": ""})
    assert (recorded["rows_train"], recorded["rows_eval"]) == (len(rows("train")), len(rows("eval")))
    for split, share in (("train", 2 / 3), ("eval", 1 / 3)):
        counts = Counter(row["n"] for row in rows(split))
        assert set(counts) == set(range(20))
        assert all(abs(count / 66 - share) < 0.25 for count in counts.values())
        [few] = [found for found in report("anomalies")[split]["example_key"] if found["kind"] == "FEW_DISTINCT_ROWS"]
        assert "hold 20 distinct ones only" in few["message"]
        assert not few["fatal"]
    assert recorded["disjoint"].startswith(
        f"not disjoint: {recorded['rows_eval']} of {recorded['rows_eval']} eval rows"
    )
    keys = [row["example_key"] for split in ("train", "eval") for row in rows(split)]
    assert len(set(keys)) == 1316


def test_rows_without_a_key_have_the_same_keys_in_any_order_of_rows_and_files(read, tmp_path):
    lines = [[number // 3 % 40, number % 7, number % 3 / 4, f"w{number % 5}, {number % 2}"] for number in range(900)]
    header = ["t", "n", "x", "s"]

    def outputs(out):
        return {path.name: path.read_bytes() for path in sorted((tmp_path / out).rglob("*.parquet"))}

    write(tmp_path / "a-1.csv", lines[:500], header)
    write(tmp_path / "a-2.csv", lines[500:], header)
    random.Random(5).shuffle(lines)
    write(tmp_path / "b-1.csv", lines[:100], header)
    turned = [line[::-1] for line in lines[100:]]
    write(tmp_path / "b-2.csv", turned, header[::-1])
    for name in ("a", "b"):
        read(tmp_path / f"{name}-*.csv", out=name, **{**PLAIN, "key_column": "", "max_rows": 300})
    assert outputs("a") == outputs("b")


@pytest.mark.parametrize("key_column", ["", "k"], ids=["without keys", "with repeated keys"])
def test_rows_do_not_depend_on_threads(key_column, read, tmp_path, monkeypatch):
    lines = [row(number % 5000, f"group {number % 700}") for number in range(40_000)]
    random.Random(2).shuffle(lines)
    source = write(tmp_path / "rows.csv", lines)
    written = []
    for threads in (1, 4, 4):
        monkeypatch.setattr(reading, "connect", lambda scratch, threads=threads: connect(scratch, threads))
        read(source, max_rows=9000, **{**PLAIN, "key_column": key_column})
        written.append([path.read_bytes() for path in sorted((tmp_path / "out").rglob("*.*"))])
    assert written[0] == written[1] == written[2]


def test_a_row_without_a_key_is_known_in_another_source_by_its_content(read, tmp_path):
    header = ["t", "n", "x", "s"]
    once = write(tmp_path / "once.csv", [row(number)[1:] for number in range(60)], header)
    twice = write(tmp_path / "twice.csv", [row(number)[1:] for number in range(60) for _ in range(2)], header)
    given = {**PLAIN, "key_column": ""}
    read(once, twice, out="once", splits=["train"], **given)
    read(once, twice, out="twice", splits=["eval"], **given)
    assert shared_keys(tmp_path / "once/examples", tmp_path / "twice/examples")[0] == 120


def test_groups_stay_in_one_split(read, rows, tmp_path):
    source = write(tmp_path / "rows.csv", [[*row(number)[:-1], f"taxi {number % 30}"] for number in range(600)])
    recorded = read(source, group_column="s", **PLAIN)
    groups = [{row["s"] for row in rows(split)} for split in ("train", "eval")]
    assert len(groups[0] | groups[1]) == 30
    assert not groups[0] & groups[1]
    assert min(map(len, groups)) > 4
    assert recorded["disjoint"].startswith("split rule: train rows have ABS(MOD(FARM_FINGERPRINT(s), 3)) > 0")
    assert len({row["example_key"] for split in ("train", "eval") for row in rows(split)}) == 600


def test_a_group_column_need_not_be_in_the_schema(read, rows, tmp_path):
    source = write(tmp_path / "rows.csv", [[*row(number), number % 9] for number in range(90)], [*"ktnxs", "taxi"])
    read(source, group_column="taxi", **{**PLAIN, "key_column": ""})
    groups = [{row["n"] % 9 for row in rows(split)} for split in ("train", "eval")]
    assert not groups[0] & groups[1]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"group_column": "taxi"}, "lacks column 'taxi'; it has 'k', 't', 'n', 'x', 's'"),
        ({"group_column": "x"}, "group_column=x: is numbers with fractions in the source"),
        ({"group_column": "s"}, "column 's': a row has no value, and group_column names it; fill it"),
    ],
)
def test_a_group_column_that_cannot_group(parameters, message, read, tmp_path):
    source = write(tmp_path / "rows.csv", [*map(row, range(60)), ["k60", 1, 1, 1, ""]])
    with pytest.raises(InputError) as caught:
        read(source, **parameters, **PLAIN)
    assert message in str(caught.value)


def test_a_group_column_and_two_sources(read, tmp_path):
    one, two = (write(tmp_path / name, map(row, range(at, at + 9))) for at, name in ((0, "1.csv"), (9, "2.csv")))
    with pytest.raises(InputError, match="group_column=s: says how one source is split"):
        read(one, two, group_column="s", **PLAIN)


def test_a_sample_of_rows_with_repeated_keys_is_the_same_in_any_order(read, rows, report, tmp_path):
    lines = [row(number, f"group {number % 4}") for number in range(400)]
    samples = []
    for seed in range(3):
        random.Random(seed).shuffle(lines)
        read(write(tmp_path / "rows.csv", lines), max_rows=150, splits=["train", "eval"], **PLAIN)
        samples.append([rows("train"), rows("eval")])
    assert samples[0] == samples[1] == samples[2]
    assert sum(map(len, samples[0])) == 150
    found = report("anomalies")["train"]["example_key"][0]
    assert found["kind"] == "REPEATED_KEY"
    assert found["count"] == len(samples[0][0])
    assert "give it as group_column" in found["message"]
