"""Where workers and a step hand one another files."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("apache_beam", reason="needs taxi-pipeline[local]")

from components.lib.beam import paths as places
from components.lib.beam.options import BeamOptions
from components.lib.beam.paths import scratch_path


def fail_while_workers_write(options: BeamOptions, ended: threading.Event, writers: list[threading.Thread]) -> None:
    def write(place: Path) -> None:
        number = 0
        while not ended.is_set():
            with suppress(OSError):  # it is being removed
                place.mkdir(parents=True, exist_ok=True)
                (place / f"{threading.get_ident()}-{number}").touch()
                number += 1

    with scratch_path(options) as place:
        made = Path(place) / "tftransform_tmp"
        for _ in range(4):
            writers.append(threading.Thread(target=write, args=(made,)))
            writers[-1].start()
        while not made.is_dir() or len(list(made.iterdir())) < 2000:
            pass
        raise RuntimeError("the job's own error")


@pytest.mark.parametrize("shared", [False, True])
def test_workers_that_still_write_do_not_hide_why_the_job_failed(shared: bool, tmp_path: Path, monkeypatch) -> None:
    """Seen on Flink: one worker fails, the other goes on with what it has."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    options = BeamOptions(mode="cloud", runner="FlinkRunner", temp_location=str(tmp_path) if shared else "")
    ended, writers = threading.Event(), []
    try:
        with pytest.raises(RuntimeError, match="the job's own error"):
            fail_while_workers_write(options, ended, writers)
    finally:
        ended.set()
        for writer in writers:
            writer.join()


def test_a_bucket_out_of_reach_does_not_hide_why_the_job_failed(tmp_path: Path, monkeypatch) -> None:
    def unreachable(place: str) -> None:
        raise ConnectionError(place)

    monkeypatch.setattr(places, "remove", unreachable)
    options = BeamOptions(mode="cloud", runner="FlinkRunner", temp_location="gs://bucket/tmp")
    with pytest.raises(RuntimeError, match="the job's own error"), scratch_path(options):
        raise RuntimeError("the job's own error")


def test_a_shared_scratch_place_is_emptied(tmp_path: Path) -> None:
    with scratch_path(BeamOptions(mode="cloud", runner="FlinkRunner", temp_location=str(tmp_path))) as place:
        (Path(place) / "made").mkdir(parents=True)
    assert list(tmp_path.iterdir()) == []
