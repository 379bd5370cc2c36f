"""Beam deals rows to files; what it writes is what one process would write, cut elsewhere."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("apache_beam", reason="needs taxi-pipeline[local]")

import apache_beam as beam
from farmhash import Fingerprint64

from components.example_generation.query.dialect import connect
from components.example_generation.query.selection import KEY, ORDER, SPLIT
from components.example_generation.sources import beam_read
from components.example_generation.write import write_splits
from components.lib.beam.pipelines import local_pipeline

TYPES = {"leaves": "INT", "height": "FLOAT", "the note": "BYTES"}


def make_rows() -> list[tuple]:
    """400 rows in no order: some share a key, one has none."""
    chance = random.Random(3)
    rows: list[tuple] = []
    for number in range(400):
        key = None if number == 7 else f"Pflanze {number % 390}"
        order = None if key is None else Fingerprint64(key) - 2**63
        note = chance.choice([None, "", "植物"])
        split = "train" if number % 390 % 3 else "eval"
        rows.append((chance.choice([None, number]), chance.choice([None, 0.1, number / 7]), note, key, split, order))
    return rows


def write_by_beam(rows: list[tuple], directory: Path) -> None:
    for split in ("train", "eval"):
        (directory / split).mkdir(parents=True)
    with local_pipeline() as pipeline:
        beam_read.write_files(pipeline | beam.Create(rows), TYPES, str(directory))


def write_here(rows: list[tuple], directory: Path) -> None:
    directory.mkdir()
    names = [*TYPES, KEY, SPLIT, ORDER]
    with connect(directory.parent) as connection:
        connection.register("given", pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows]))
        write_splits(connection, "SELECT * FROM given", {}, TYPES, directory, ("train", "eval"))


def test_one_file_a_split_has_the_bytes_that_one_process_writes(tmp_path):
    rows = make_rows()
    write_here(rows, tmp_path / "here")
    write_by_beam(rows, tmp_path / "there")
    for split in ("train", "eval"):
        [file] = (tmp_path / "here" / split).iterdir()
        assert file.read_bytes() == (tmp_path / "there" / split / file.name).read_bytes()
        assert len(list((tmp_path / "there" / split).iterdir())) == 1


def test_files_are_cut_between_ranges_and_keep_the_order(tmp_path, monkeypatch):
    monkeypatch.setattr(beam_read, "ROWS_PER_FILE", 50)
    rows = make_rows()
    write_here(rows, tmp_path / "here")
    write_by_beam(rows, tmp_path / "there")
    for split in ("train", "eval"):
        files = sorted((tmp_path / "there" / split).iterdir())
        tables = [pq.read_table(file) for file in files]
        assert [file.name for file in files] == [
            f"data-{number:05d}-of-{len(files):05d}.parquet" for number in range(len(files))
        ]
        assert len(files) == -(-sum(row[4] == split for row in rows) // 50)
        assert pa.concat_tables(tables).equals(pq.read_table(tmp_path / "here" / split))


def test_a_range_that_fills_more_than_a_file_leaves_no_gap():
    counts = {("train", 0): 10**6, ("train", 1): 1, ("train", 2): 1, ("eval", -5): 3}
    assert beam_read._plan_files(counts) == {
        ("train", 0): "train/data-00000-of-00002.parquet",
        ("train", 1): "train/data-00001-of-00002.parquet",
        ("train", 2): "train/data-00001-of-00002.parquet",
        ("eval", -5): "eval/data-00000-of-00001.parquet",
    }
