"""Where an artifact lies, a directory or a prefix in Cloud Storage: read and write either the same way."""

from __future__ import annotations

import fnmatch
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline_tools import storage
from pipeline_tools.atomic import whole_directory


def join(place: str | Path, *names: str) -> str:
    """Name something below a place."""
    return "/".join([str(place).rstrip("/"), *names])


def list_files(place: str | Path, pattern: str) -> list[str]:
    """List the files that lie directly in a place.

    Args:
        place: Directory or prefix; it need not be there.
        pattern: Of their names, such as ``*.parquet``.

    Returns:
        Full names, sorted; empty if there are none.
    """
    if storage.is_remote(place):
        names = [name for name in storage.objects(str(place)) if "/" not in name]
    else:
        names = [path.name for path in Path(place).iterdir() if path.is_file()] if Path(place).is_dir() else []
    return [join(place, name) for name in sorted(names) if fnmatch.fnmatchcase(name, pattern)]


def open_read(name: str | Path) -> Any:
    """Open a file to read its bytes; what comes back can seek, and is closed by ``with``."""
    if not storage.is_remote(name):
        return Path(name).open("rb")
    return storage.bucket(str(name)).blob(storage.split(str(name))[1]).open("rb")


def open_write(name: str | Path) -> Any:
    """Open a file to write its bytes, in place of what is there; directories are made as needed."""
    if not storage.is_remote(name):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        return Path(name).open("wb")
    return storage.bucket(str(name)).blob(storage.split(str(name))[1]).open("wb", ignore_flush=True)


def read_text(name: str | Path) -> str:
    """Read a text file.

    Raises:
        OSError: There is no such file in a directory.
        InputError: There is none in Cloud Storage, or no access.
    """
    return storage.read_text(str(name)) if storage.is_remote(name) else Path(name).read_text(encoding="utf-8")


def write_text(name: str | Path, text: str) -> None:
    """Write a text file."""
    with open_write(name) as file:
        file.write(text.encode("utf-8"))


def remove(place: str | Path) -> None:
    """Delete a place and everything below it, if there is anything."""
    if storage.is_remote(place):
        storage.delete(str(place))
    else:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def whole_place(place: str | Path) -> Iterator[str]:
    """Yield a place to write into, whose content stands only when the block ends well.

    A directory is written beside its name and renamed. Cloud Storage renames nothing: there the place itself is
    written, and emptied when the block raises; it belongs to one step of one run, which nobody reads before the step
    has ended.

    Args:
        place: Directory or prefix. What is there already is replaced.

    Yields:
        Where to write.
    """
    if not storage.is_remote(place):
        with whole_directory(place) as directory:
            yield str(directory)
        return
    remove(place)
    try:
        yield str(place)
    except BaseException:
        remove(place)
        raise


@contextmanager
def here(place: str | Path) -> Iterator[Path]:
    """Yield the files of a place as a directory of this machine.

    Args:
        place: A directory, which is yielded as it is, or a prefix, whose files are copied.

    Yields:
        The directory.
    """
    if not storage.is_remote(place):
        yield Path(place)
        return
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "copy"
        storage.download(str(place), copy)
        yield copy
