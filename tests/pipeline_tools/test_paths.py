"""Directories as paths; tests/e2e shows prefixes in Cloud Storage."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_tools.paths import atomic_path, join, list_files, local_copy, open_read, read_text, remove, write_text


def half(path: str) -> None:
    with atomic_path(path) as at:
        write_text(join(at, "b.txt"), "half")
        raise RuntimeError


def test_a_place_stands_whole_or_not_at_all(tmp_path: Path) -> None:
    path = str(tmp_path / "path")
    with atomic_path(path) as at:
        write_text(join(at, "deep", "a.txt"), "grün")
        assert not Path(path).exists()
    assert read_text(join(path, "deep", "a.txt")) == "grün"
    with pytest.raises(RuntimeError):
        half(path)
    assert list_files(path, "*") == []
    assert list_files(join(path, "deep"), "*.txt") == [join(path, "deep", "a.txt")]
    with open_read(join(path, "deep", "a.txt")) as file:
        file.seek(2)
        assert file.read() == "ün".encode()


def test_names_with_brackets_are_names(tmp_path: Path) -> None:
    odd = tmp_path / "run [1]"
    write_text(join(odd, "x.parquet"), "")
    assert list_files(odd, "*.parquet") == [join(odd, "x.parquet")]


def test_what_is_not_there_is_no_file_and_removed_without_ado(tmp_path: Path) -> None:
    assert list_files(tmp_path / "nowhere", "*") == []
    remove(tmp_path / "nowhere")
    with local_copy(str(tmp_path)) as directory:
        assert directory == tmp_path
