"""Directories as places; tests/e2e shows prefixes in Cloud Storage."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_tools.paths import here, join, list_files, open_read, read_text, remove, whole_place, write_text


def half(place: str) -> None:
    with whole_place(place) as at:
        write_text(join(at, "b.txt"), "half")
        raise RuntimeError


def test_a_place_stands_whole_or_not_at_all(tmp_path: Path) -> None:
    place = str(tmp_path / "place")
    with whole_place(place) as at:
        write_text(join(at, "deep", "a.txt"), "grün")
        assert not Path(place).exists()
    assert read_text(join(place, "deep", "a.txt")) == "grün"
    with pytest.raises(RuntimeError):
        half(place)
    assert list_files(place, "*") == []
    assert list_files(join(place, "deep"), "*.txt") == [join(place, "deep", "a.txt")]
    with open_read(join(place, "deep", "a.txt")) as file:
        file.seek(2)
        assert file.read() == "ün".encode()


def test_names_with_brackets_are_names(tmp_path: Path) -> None:
    odd = tmp_path / "run [1]"
    write_text(join(odd, "x.parquet"), "")
    assert list_files(odd, "*.parquet") == [join(odd, "x.parquet")]


def test_what_is_not_there_is_no_file_and_removed_without_ado(tmp_path: Path) -> None:
    assert list_files(tmp_path / "nowhere", "*") == []
    remove(tmp_path / "nowhere")
    with here(str(tmp_path)) as directory:
        assert directory == tmp_path
