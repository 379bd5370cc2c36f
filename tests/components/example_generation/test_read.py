"""From rows to examples: what is read, and what becomes of it."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from farmhash import Fingerprint64

from components.lib.artifacts.examples import read_schema
from pipeline_tools.errors import InputError

from .conftest import HEADER, plant, write_csv


def signed(text: str) -> int:
    number = Fingerprint64(text)
    return number - 2**64 if number >= 2**63 else number


def test_examples_have_the_types_and_values_of_the_schema(read, rows, plants, tmp_path):
    recorded = read(plants)
    every = rows("train") + rows("eval")
    assert recorded["rows_train"] + recorded["rows_eval"] == len(every) == 300
    example = next(row for row in every if row["example_key"] == "p0005")
    moment = datetime(2024, 1, 6, 5, 30, tzinfo=timezone.utc)
    assert example == {
        "measured_at": int(moment.timestamp()),
        "weekday": 7,  # a Saturday; Sunday is 1
        "leaves": 5,
        "height": 0.5,
        "colour": "green",
        "note": 'said "5", twice',
        "example_key": "p0005",
    }
    assert next(row for row in every if row["example_key"] == "p0001")["note"] is None
    table = pq.read_table(next((tmp_path / "out/examples/train").glob("*.parquet")))
    assert table.schema.types == [pa.int64()] * 3 + [pa.float32(), pa.string(), pa.string(), pa.string()]
    assert [feature.name for feature in read_schema(tmp_path / "out/examples").feature] == table.schema.names[:-1]


def test_one_handle_is_split_by_the_hash_of_the_key(read, rows, plants):
    recorded = read(plants)
    assert all(abs(signed(row["example_key"])) % 3 > 0 for row in rows("train"))
    assert all(abs(signed(row["example_key"])) % 3 == 0 for row in rows("eval"))
    assert 80 < recorded["rows_eval"] < 120
    assert recorded["disjoint"].startswith("split rule")


def test_a_negative_hash_is_in_a_split(read, rows, plants):
    """In 2018 MOD of a negative hash was negative, and such rows were in neither split as meant."""
    read(plants)
    assert any(signed(row["example_key"]) < 0 for row in rows("train"))
    assert any(signed(row["example_key"]) < 0 for row in rows("eval"))


def test_the_same_place_named_in_two_ways_is_one_handle(read, plants, tmp_path):
    recorded = read(plants, tmp_path / "." / ".." / tmp_path.name / "p*s.csv")
    assert recorded["disjoint"].startswith("split rule")


def test_two_handles_are_taken_whole(read, rows, tmp_path):
    train = write_csv(tmp_path / "train.csv", map(plant, range(7)))
    held_out = write_csv(tmp_path / "eval.csv", map(plant, range(7, 12)))
    recorded = read(train, held_out)
    assert {row["example_key"] for row in rows("train")} == {f"p{number:04d}" for number in range(7)}
    assert {row["example_key"] for row in rows("eval")} == {f"p{number:04d}" for number in range(7, 12)}
    assert recorded["disjoint"].startswith("keys")


def test_a_row_in_both_handles_is_refused(read, tmp_path):
    train = write_csv(tmp_path / "train.csv", map(plant, range(7)))
    held_out = write_csv(tmp_path / "eval.csv", map(plant, range(6, 12)))
    with pytest.raises(InputError, match="1 eval rows are train rows, for example the one with key p0006"):
        read(train, held_out)


def test_handles_that_share_a_file_are_refused(read, tmp_path):
    write_csv(tmp_path / "a.csv", map(plant, range(7)))
    write_csv(tmp_path / "b.csv", map(plant, range(7, 9)))
    with pytest.raises(InputError, match=r"share 1 files, .*a\.csv"):
        read(tmp_path / "*.csv", tmp_path / "a.csv")


def test_order_and_bytes_do_not_depend_on_the_order_of_the_source(read, tmp_path):
    write_csv(tmp_path / "up.csv", map(plant, range(100)))
    write_csv(tmp_path / "down.csv", map(plant, reversed(range(100))))
    read(tmp_path / "up.csv", out="up")
    read(tmp_path / "down.csv", out="down")
    files = [path.relative_to(tmp_path / "up") for path in sorted((tmp_path / "up").rglob("*.*"))]
    assert len(files) == 5
    for file in files:
        assert (tmp_path / "up" / file).read_bytes() == (tmp_path / "down" / file).read_bytes()


def test_rows_that_share_a_key_share_a_split_and_have_an_order(read, rows, tmp_path):
    shared = [plant(number, plant=f"group {number % 9}") for number in range(300)]
    write_csv(tmp_path / "up.csv", shared)
    write_csv(tmp_path / "down.csv", reversed(shared))
    read(tmp_path / "up.csv")
    first = rows("train"), rows("eval")
    read(tmp_path / "down.csv")
    assert (rows("train"), rows("eval")) == first
    keys = [{row["example_key"] for row in some} for some in first]
    assert len(keys[0] | keys[1]) == 9
    assert not keys[0] & keys[1]


def test_a_sample_is_reproducible_and_part_of_a_larger_one(read, rows, plants, tmp_path):
    def sample(size: int, source: Path) -> set[str]:
        read(source, max_rows=size)
        return {row["example_key"] for split in ("train", "eval") for row in rows(split)}

    backwards = write_csv(tmp_path / "backwards.csv", map(plant, reversed(range(300))))
    small, large = sample(30, plants), sample(90, plants)
    assert len(small) == 30
    assert len(large) == 90
    assert small == sample(30, backwards)
    assert small < large
    assert small != {f"p{number:04d}" for number in range(30)}


def test_a_sample_is_split_like_the_whole(read, plants, tmp_path):
    write_csv(tmp_path / "many.csv", map(plant, range(4000)))
    recorded = read(tmp_path / "many.csv", max_rows=1500)
    assert 0.29 < recorded["rows_eval"] / 1500 < 0.38


@pytest.mark.parametrize("name", ["plants.csv.gz", "plants.parquet", "part-*.csv"])
def test_other_forms_of_the_same_rows_give_the_same_examples(name, read, rows, plants, tmp_path):
    if name.endswith(".gz"):
        write_csv(tmp_path / name, map(plant, range(300)))
    elif name.endswith(".parquet"):
        strings = {"strings_can_be_null": True}
        table = pyarrow.csv.read_csv(plants, convert_options=pyarrow.csv.ConvertOptions(**strings))
        pq.write_table(table, tmp_path / name)
    else:
        write_csv(tmp_path / "part-1.csv", map(plant, range(100)))
        turned = [row[::-1] for row in map(plant, range(100, 300))]
        write_csv(tmp_path / "part-2.csv", turned, HEADER[::-1])
    read(plants)
    expected = rows("train"), rows("eval")
    read(tmp_path / name)
    assert (rows("train"), rows("eval")) == expected


@pytest.mark.parametrize(
    "form", ["{:%Y-%m-%d %H:%M:%S}", "{:%Y-%m-%dT%H:%M:%S}+00:00", "{0:%Y-%m-%d}T{0:%H:%M:%S}.250Z", "seconds"]
)
def test_times_in_any_form_become_seconds(form, read, rows, tmp_path):
    moment = datetime(2023, 12, 31, 23, 59, 59, tzinfo=timezone.utc)
    text = str(int(moment.timestamp())) if form == "seconds" else form.format(moment)
    write_csv(tmp_path / "new-year.csv", [plant(number, measured_at=text) for number in range(30)])
    read(tmp_path / "new-year.csv")
    assert {(row["measured_at"], row["weekday"]) for row in rows("train")} == {(int(moment.timestamp()), 1)}


def test_parquet_types_that_hold_the_same_values_are_taken(read, rows, tmp_path):
    table = pa.table(
        {
            "plant": pa.array(range(60), pa.int32()),
            "measured_at": pa.array([datetime(2024, 5, 1, 12)] * 60, pa.timestamp("ns", "Europe/Berlin")),
            "leaves": pa.array([None, *map(float, range(59))], pa.float64()),
            "height": pa.array([3] * 60, pa.int16()),
            "colour": pa.array(["red"] * 60).dictionary_encode(),
            "note": pa.array(range(60)),
        }
    )
    pq.write_table(table, tmp_path / "plants.parquet")
    read(tmp_path / "plants.parquet")
    row = next(row for row in rows("train") + rows("eval") if row["example_key"] == "7")
    assert row == {
        "measured_at": int(datetime(2024, 5, 1, 12, tzinfo=timezone.utc).timestamp()),
        "weekday": 4,
        "leaves": 6,
        "height": 3.0,
        "colour": "red",
        "note": "7",
        "example_key": "7",
    }


def test_rows_without_a_key_are_known_by_their_content(read, rows, report, tmp_path):
    keyless = [row[1:] for row in map(plant, range(90))]
    write_csv(tmp_path / "up.csv", keyless, HEADER[1:])
    read(tmp_path / "up.csv", key_column="")
    first = rows("train")
    write_csv(tmp_path / "down.csv", reversed(keyless), HEADER[1:])
    read(tmp_path / "down.csv", key_column="")
    assert rows("train") == first
    assert len({row["example_key"] for row in first + rows("eval")}) == 90
    assert report("anomalies")["train"]["example_key"][0]["kind"] == "KEY_OF_CONTENT"


def test_a_derived_column_is_computed_even_if_the_source_has_it(read, rows, report, tmp_path):
    write_csv(tmp_path / "plants.csv", ([*plant(number), "0"] for number in range(60)), [*HEADER, "weekday"])
    read(tmp_path / "plants.csv")
    assert {row["weekday"] for row in rows("train")} <= set(range(1, 8))
    assert "computed instead" in report("anomalies")["train"]["weekday"][0]["message"]


def test_an_unknown_column_is_reported_and_never_fails(read, report, tmp_path):
    write_csv(tmp_path / "plants.csv", ([*plant(number), "what?"] for number in range(60)), [*HEADER, "smell"])
    read(tmp_path / "plants.csv")
    assert report("anomalies")["eval"]["smell"][0]["kind"] == "SCHEMA_NEW_COLUMN"
    assert report("anomalies")["eval"]["smell"][0]["fatal"] is False


def test_statistics_describe_what_was_written(read, rows, report, plants):
    read(plants)
    train = rows("train")
    described = report("statistics")["train"]
    heights = sorted(row["height"] for row in train)
    assert described["rows"] == len(train)
    height = described["columns"]["height"]
    assert height["count"] == len(train)
    assert (height["min"], height["max"]) == (heights[0], heights[-1])
    assert height["mean"] == pytest.approx(sum(heights) / len(heights))
    assert height["zeros"] == heights.count(0)
    assert len(height["quantiles"]) == 11
    assert height["quantiles"][0] == heights[0]
    note = described["columns"]["note"]
    assert note["missing"] == sum(row["note"] is None for row in train)
    assert note["count"] + note["missing"] == len(train)
    colours = [row["colour"] for row in train]
    assert described["columns"]["colour"]["top"] == [
        {"value": "green", "count": colours.count("green")},
        {"value": "red", "count": colours.count("red")},
    ]


def test_only_the_asked_split_is_written(read, rows, plants, tmp_path):
    recorded = read(plants, splits=["train"])
    assert "rows_eval" not in recorded
    assert not (tmp_path / "out/examples/eval").exists()
    assert all(abs(signed(row["example_key"])) % 3 > 0 for row in rows("train"))


def test_a_directory_with_pattern_characters_is_read_as_it_is(read, tmp_path):
    odd = tmp_path / "a[1]*?"
    odd.mkdir()
    write_csv(odd / "plants[2].csv", map(plant, range(60)))
    recorded = read(odd / "plants[2].csv", out="out[3]*")
    assert recorded["rows_train"] + recorded["rows_eval"] == 60
