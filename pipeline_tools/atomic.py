"""Write files and directories atomically: whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def sync_file(path: str | os.PathLike[str]) -> None:
    """Have the system write a file, or the names in a directory, to the disk: after a power cut they are there."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(path: str | os.PathLike[str]) -> None:
    """Have the system write a directory and everything in it to the disk; links are not followed."""
    for folder, _, names in os.walk(path):
        for name in names:
            file = os.path.join(folder, name)  # noqa: PTH118 - as os.walk gives them
            if os.path.isfile(file) and not os.path.islink(file):  # noqa: PTH113, PTH114
                sync_file(file)
        sync_file(folder)


@contextmanager
def atomic_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a scratch directory that is renamed to ``path`` if the block succeeds.

    Args:
        path: Where the finished directory goes. What is there already is replaced at the end.

    Yields:
        The scratch directory, empty. When the block raises, it is removed and ``path`` is left as it was.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    scratch.chmod(0o755)  # mkdtemp keeps others out; an artifact is for others
    try:
        yield scratch
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        elif target.exists():
            target.unlink()
        scratch.replace(target)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a scratch file that is renamed to ``path`` if the block succeeds.

    Args:
        path: Where the finished file goes.

    Yields:
        The name to write to. When the block raises, it is removed and ``path`` is left as it was.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    scratch = Path(name)
    try:
        yield scratch
        scratch.chmod(0o644)
        sync_file(scratch)
        scratch.replace(target)
        sync_file(target.parent)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
