"""A model base path on this machine: ``<base>/<model_name>/<version>/``, each version there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from components.lib.deploy.names import SAVED_MODEL_FILE, check_model_name
from pipeline_tools import storage
from pipeline_tools.errors import InputError


class ModelBase(Protocol):
    """The versions of one model."""

    def versions(self) -> list[int]:
        """List the complete versions, in order."""

    def path(self, version: int) -> str:
        """Return the path of a version."""

    def publish(self, model: Path) -> int:
        """Publish a SavedModel as the next version.

        Args:
            model: Directory of the SavedModel, which is not changed.

        Returns:
            The version.
        """

    def withdraw(self, version: int) -> None:
        """Remove a version, so that servers return to the previous one."""

    def prune(self, keep: int) -> list[int]:
        """Remove all but the newest versions.

        Args:
            keep: How many to keep.

        Returns:
            The removed versions.
        """


def open_model_base(model_base_path: str, model_name: str) -> ModelBase:
    """Open the directory or bucket of a model's versions.

    Args:
        model_base_path: A directory, made where it is missing, or ``gs://bucket/path``.
        model_name: A DNS label.

    Returns:
        The versions.

    Raises:
        InputError: The name is not a DNS label, or the path cannot be used.
    """
    check_model_name(model_name)
    if storage.is_remote(model_base_path):
        from components.lib.deploy.bucket_model_base import BucketModelBase

        return BucketModelBase(model_base_path, model_name)
    if "://" in model_base_path:
        raise InputError(
            f"model_base_path={model_base_path}: must be a directory, gs://bucket/path or s3://bucket/path"
        )
    return LocalModelBase(model_base_path, model_name)


class LocalModelBase:
    """Versions in a directory. Publishers take turns with a lock that the kernel releases when its holder dies.

    Args:
        model_base_path: The directory; made where it is missing.
        model_name: A DNS label.

    Raises:
        InputError: The path is a file, or cannot be written to.
    """

    def __init__(self, model_base_path: str, model_name: str) -> None:
        self._directory = Path(model_base_path).absolute() / model_name
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"model_base_path={model_base_path}: {error.strerror} ({error.filename})") from None

    def versions(self) -> list[int]:
        """List the complete versions, in order."""
        return sorted(
            version for version in self._numbers() if (self._directory / str(version) / SAVED_MODEL_FILE).is_file()
        )

    def path(self, version: int) -> str:
        """Return the path of a version."""
        return str(self._directory / str(version))

    def publish(self, model: Path) -> int:
        """Publish a SavedModel as the next version, atomically by a rename.

        Args:
            model: Directory of the SavedModel, which is not changed.

        Returns:
            The version: one more than the largest number in the directory, including files.

        Raises:
            InputError: There is no SavedModel, or the disk is full or not writable.
        """
        if not (model / SAVED_MODEL_FILE).is_file():
            raise InputError(f"{model}: no {SAVED_MODEL_FILE} in it, so this is not a SavedModel")
        try:
            with self._lock():
                self._sweep()
                scratch = Path(tempfile.mkdtemp(prefix=".publish-", dir=self._directory))
                shutil.copytree(model, scratch, dirs_exist_ok=True)
                for path in [scratch, *scratch.rglob("*")]:
                    path.chmod(0o755 if path.is_dir() else 0o644)
                    _sync(path)
                version = max(self._numbers(), default=0) + 1
                scratch.rename(self._directory / str(version))
                _sync(self._directory)
        except OSError as error:
            reason = "disk full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror
            raise InputError(f"{self._directory}: nothing published: {reason or error}") from error
        return version

    def withdraw(self, version: int) -> None:
        """Remove a version, so that servers return to the previous one."""
        with self._lock():
            self._remove(version)

    def prune(self, keep: int) -> list[int]:
        """Remove all but the newest versions.

        Args:
            keep: How many to keep.

        Returns:
            The removed versions.
        """
        with self._lock():
            removed = self.versions()[:-keep]
            for version in removed:
                self._remove(version)
        return removed

    def _remove(self, version: int) -> None:
        # Renamed first: nobody must see a version that is partly deleted.
        scratch = Path(tempfile.mkdtemp(prefix=".removed-", dir=self._directory))
        with contextlib.suppress(FileNotFoundError):
            (self._directory / str(version)).rename(scratch / "version")
        shutil.rmtree(scratch)

    def _numbers(self) -> list[int]:
        return [int(path.name) for path in self._directory.iterdir() if path.name.isdecimal()]

    def _sweep(self) -> None:
        for pattern in (".publish-*", ".removed-*"):  # left by publishers that have died: this one has the lock
            for path in self._directory.glob(pattern):
                shutil.rmtree(path, ignore_errors=True)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        with (self._directory / ".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
