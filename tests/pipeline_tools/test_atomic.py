"""Outputs stand whole or not at all."""

from pathlib import Path

import pytest

from pipeline_tools.atomic import atomic_directory, atomic_file


def test_a_directory_takes_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with atomic_directory(target) as scratch:
        (scratch / "part").write_text("1")
        assert not target.exists()
    assert (target / "part").read_text() == "1"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_directory_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").write_text("old")

    def fail() -> None:
        with atomic_directory(target) as scratch:
            (scratch / "half").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [path.name for path in target.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("old", ["file", "directory"])
def test_a_directory_replaces_what_was_there(tmp_path: Path, old: str) -> None:
    target = tmp_path / "out"
    if old == "file":
        target.write_text("old")
    else:
        target.mkdir()
        (target / "old").write_text("old")
    with atomic_directory(target) as scratch:
        (scratch / "new").write_text("new")
    assert [path.name for path in target.iterdir()] == ["new"]


def test_a_failed_file_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def fail() -> None:
        with atomic_file(target) as scratch:
            scratch.write_text("half")
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - it is our own, with no message
        fail()
    assert target.read_text() == "old"
    with atomic_file(target) as scratch:
        scratch.write_text("new")
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [target]
