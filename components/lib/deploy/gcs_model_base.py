"""A model base path in Google Cloud Storage.

A bucket knows no rename of directories. A version is therefore uploaded under a name that no server reads and copied
to its place inside the bucket; its ``saved_model.pb``, without which no server can load it, is copied last.
"""

from __future__ import annotations

import contextlib
import functools
import time
from pathlib import Path
from typing import Any

from components.lib.deploy.names import SAVED_MODEL_FILE
from pipeline_tools import storage
from pipeline_tools.errors import InputError

_CLAIMS = ".publishing"
_STALE = 3600.0
"""Seconds after which a publisher that has not finished is taken for dead."""


class GcsModelBase:
    """Versions in a bucket. Publishers claim their number by an object that only one of them can create.

    Args:
        model_base_path: ``gs://bucket/path``.
        model_name: A DNS label.

    Raises:
        InputError: The path names no bucket, or there are no credentials. So do the methods, where they meet an error
            of the bucket.
    """

    def __init__(self, model_base_path: str, model_name: str) -> None:
        what = f"model_base_path={model_base_path}"
        _, path = storage.split(model_base_path, what)
        self._bucket = storage.bucket(model_base_path)
        self._prefix = "/".join(part for part in (path, model_name) if part) + "/"
        self._translate_errors = functools.partial(storage.translate_errors, what, storage.WRITER)

    def versions(self) -> list[int]:
        """List the whole versions, in order."""
        with self._translate_errors():
            return sorted(version for version, whole in self._found().items() if whole)

    def path(self, version: int) -> str:
        """Say where a version lies."""
        return self._uri(f"{self._prefix}{version}")

    def publish(self, model: Path) -> int:
        """Copy a SavedModel here as the next version.

        Args:
            model: Directory of the SavedModel; left as it is.

        Returns:
            The version.

        Raises:
            InputError: There is no SavedModel.
        """
        if not (model / SAVED_MODEL_FILE).is_file():
            raise InputError(f"{model}: no {SAVED_MODEL_FILE} in it, so this is not a SavedModel")
        with self._translate_errors():
            self._sweep()
            version = self._claim()
            claim = f"{self._prefix}{_CLAIMS}/{version}"
            storage.upload(model, self._uri(claim))
            names = sorted(path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file())
            names.sort(key=lambda name: name == SAVED_MODEL_FILE)  # last: without it there is no version
            for name in names:
                blob = self._bucket.blob(f"{claim}/{name}")
                self._bucket.copy_blob(blob, self._bucket, f"{self._prefix}{version}/{name}")
            storage.delete(self._uri(claim))
        return version

    def withdraw(self, version: int) -> None:
        """Take a version away, so that servers go back to the one before."""
        from google.api_core.exceptions import NotFound

        with self._translate_errors():
            with contextlib.suppress(NotFound):
                # First: without it, this is not a version any more.
                self._bucket.blob(f"{self._prefix}{version}/{SAVED_MODEL_FILE}").delete()
            storage.delete(self.path(version))

    def prune(self, keep: int) -> list[int]:
        """Take all but the newest versions away.

        Args:
            keep: How many stay.

        Returns:
            The versions taken away.
        """
        removed = self.versions()[:-keep]
        for version in removed:
            self.withdraw(version)
        return removed

    def _found(self) -> dict[int, bool]:
        found: dict[int, bool] = {}
        for blob in self._bucket.list_blobs(prefix=self._prefix):
            first, _, rest = blob.name.removeprefix(self._prefix).partition("/")
            if first.isdecimal():
                found[int(first)] = found.get(int(first), False) or rest == SAVED_MODEL_FILE
        return found

    def _claims(self) -> dict[int, Any]:
        prefix = f"{self._prefix}{_CLAIMS}/"
        blobs = self._bucket.list_blobs(prefix=prefix)
        names = {blob.name.removeprefix(prefix): blob for blob in blobs}
        return {int(name): blob for name, blob in names.items() if name.isdecimal()}

    def _claim(self) -> int:
        from google.api_core.exceptions import PreconditionFailed

        version = max([*self._found(), *self._claims()], default=0) + 1
        while True:
            try:
                self._bucket.blob(f"{self._prefix}{_CLAIMS}/{version}").upload_from_string(b"", if_generation_match=0)
            except PreconditionFailed:  # noqa: PERF203 - another publisher was quicker
                version += 1
            else:
                return version

    def _sweep(self) -> None:
        found = self._found()
        for version, blob in self._claims().items():
            if time.time() - blob.time_created.timestamp() > _STALE:
                if not found.get(version, True):
                    storage.delete(self.path(version))
                storage.delete(self._uri(blob.name))

    def _uri(self, name: str) -> str:
        return f"gs://{self._bucket.name}/{name}"
