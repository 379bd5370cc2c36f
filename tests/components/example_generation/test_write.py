"""Splits are written in files of a fixed size, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pyarrow.parquet as pq

from components.example_generation import write

from .conftest import DERIVED, plant, write_csv


def test_large_splits_are_cut_into_files(read, rows, tmp_path, monkeypatch):
    source = write_csv(tmp_path / "plants.csv", map(plant, range(1000)))
    read(source)
    whole = rows("train")
    monkeypatch.setattr(write, "ROWS_PER_FILE", 240)
    read(source)
    files = sorted((tmp_path / "out/examples/train").iterdir())
    assert [file.name for file in files] == [f"data-{at:05d}-of-{len(files):05d}.parquet" for at in range(len(files))]
    assert [pq.read_metadata(file).num_rows for file in files[:-1]] == [240] * (len(files) - 1)
    assert {pq.read_metadata(file).num_row_groups for file in files} == {1}
    assert rows("train") == whole


def test_a_full_disk_leaves_nothing(schema, tmp_path):
    """A process that may write files of 40 kB only has what a full disk gives: writing fails in the middle."""
    source = write_csv(tmp_path / "plants.csv", map(plant, range(20_000)))
    program = f"""
        import resource, signal
        from components.example_generation.read import read_examples
        from components.example_generation.request import ReadParameters
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        parameters = ReadParameters(
            input_handle_train={str(source)!r}, input_handle_eval={str(source)!r}, schema={str(schema)!r},
            key_column="plant", derived_columns={DERIVED!r}, time_column="measured_at",
        )
        read_examples(parameters, examples="out/examples", statistics="out/statistics", anomalies="out/anomalies")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "File too large" in done.stderr
    assert not list((tmp_path / "out").iterdir())
