"""Read and write an artifact's path in the same way, whether it is a directory or a prefix in Cloud Storage."""

from __future__ import annotations

import fnmatch
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline_tools import storage
from pipeline_tools.atomic import atomic_directory


def join(path: str | Path, *names: str) -> str:
    """Join names to a path."""
    return "/".join([str(path).rstrip("/"), *names])


def list_files(path: str | Path, pattern: str) -> list[str]:
    """List the files directly under a path.

    Args:
        path: Directory or prefix; it need not be there.
        pattern: Of their names, such as ``*.parquet``.

    Returns:
        Full names, sorted; empty if there are none.
    """
    if storage.is_remote(path):
        names = [name for name in storage.objects(str(path)) if "/" not in name]
    else:
        names = [each.name for each in Path(path).iterdir() if each.is_file()] if Path(path).is_dir() else []
    return [join(path, name) for name in sorted(names) if fnmatch.fnmatchcase(name, pattern)]


def open_read(name: str | Path) -> Any:
    """Open a file to read its bytes; what comes back can seek, and is closed by ``with``."""
    if not storage.is_remote(name):
        return Path(name).open("rb")
    return storage.open_object(str(name), "rb")


def open_write(name: str | Path) -> Any:
    """Open a file to write its bytes, replacing what is there; directories are made as needed."""
    if not storage.is_remote(name):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        return Path(name).open("wb")
    return storage.open_object(str(name), "wb")


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


def remove(path: str | Path) -> None:
    """Delete a path and everything below it; a path that does not exist is not an error."""
    if storage.is_remote(path):
        storage.delete(str(path))
    else:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[str]:
    """Yield a path to write to; the content appears only if the block succeeds.

    A directory is written beside its name and renamed. Cloud Storage renames nothing: there the path itself is
    written, and emptied when the block raises; it belongs to one step of one run, which nobody reads before the step
    has ended.

    Args:
        path: Directory or prefix. What is there already is replaced.

    Yields:
        Where to write.
    """
    if not storage.is_remote(path):
        with atomic_directory(path) as directory:
            yield str(directory)
        return
    remove(path)
    try:
        yield str(path)
    except BaseException:
        remove(path)
        raise


@contextmanager
def local_copy(path: str | Path) -> Iterator[Path]:
    """Yield the files below a path as a local directory.

    Args:
        path: A directory, which is yielded as it is, or a prefix, whose files are copied.

    Yields:
        The directory.
    """
    if not storage.is_remote(path):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "copy"
        storage.download(str(path), copy)
        yield copy
