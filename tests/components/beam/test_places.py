"""Where workers and a step hand one another files."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("apache_beam", reason="needs taxi-pipeline[local]")

from components.beam import places
from components.beam.options import BeamOptions
from components.beam.places import scratch_place


@pytest.mark.parametrize("shared", [False, True])
def test_workers_that_still_write_do_not_hide_why_the_job_failed(shared: bool, tmp_path: Path) -> None:
    """Seen on Flink: one worker fails, the other goes on with what it has."""
    ended, found = threading.Event(), ""
    writers: list[threading.Thread] = []

    def write(place: Path) -> None:
        number = 0
        while not ended.is_set():
            with suppress(OSError):  # it is being removed
                place.mkdir(parents=True, exist_ok=True)
                (place / str(number)).touch()
                number += 1

    options = BeamOptions(mode="cloud", beam_runner="FlinkRunner", temp_location=str(tmp_path) if shared else "")
    try:
        with scratch_place(options) as place:
            writers += [threading.Thread(target=write, args=(Path(place) / "tftransform_tmp",)) for _ in range(4)]
            for writer in writers:
                writer.start()
            raise RuntimeError("the job's own error")
    except Exception as error:
        found = str(error)
    finally:
        ended.set()
        for writer in writers:
            writer.join()
        if not shared:
            places.remove(place)
    assert found == "the job's own error"


def test_a_shared_scratch_place_is_emptied(tmp_path: Path) -> None:
    with scratch_place(BeamOptions(mode="cloud", beam_runner="FlinkRunner", temp_location=str(tmp_path))) as place:
        (Path(place) / "made").mkdir(parents=True)
    assert list(tmp_path.iterdir()) == []
