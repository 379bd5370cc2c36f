"""A model base path in a bucket.

A bucket cannot rename directories. A version is therefore uploaded under a name that no server reads and copied to its
path inside the bucket; its ``saved_model.pb``, without which no server can load it, is copied last.
"""

from __future__ import annotations

import datetime
from pathlib import Path

from components.lib.deploy.names import SAVED_MODEL_FILE
from pipeline_tools import storage
from pipeline_tools.errors import InputError

_CLAIMS = ".publishing"
_STALE = datetime.timedelta(hours=1)
"""After this time a publisher that has not finished is taken for dead."""


class BucketModelBase:
    """Versions in a bucket. Publishers claim their number by an object that only one of them can create.

    Args:
        model_base_path: ``gs://bucket/path`` or ``s3://bucket/path``.
        model_name: A DNS label.

    Raises:
        InputError: The path names no bucket, or there are no credentials. So do the methods, where they meet an error
            of the bucket.
    """

    def __init__(self, model_base_path: str, model_name: str) -> None:
        storage.split(model_base_path, f"model_base_path={model_base_path}")
        self._uri = f"{model_base_path.rstrip('/')}/{model_name}"

    def versions(self) -> list[int]:
        """List the complete versions, in order."""
        return sorted(version for version, complete in self._versions().items() if complete)

    def path(self, version: int) -> str:
        """Say where a version is."""
        return f"{self._uri}/{version}"

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
            raise InputError(f"{model}: not a SavedModel, it holds no {SAVED_MODEL_FILE}")
        self._sweep()
        version = self._claim()
        claim = self._claim_uri(version)
        storage.upload(model, claim)
        names = sorted(path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file())
        for name in sorted(names, key=lambda name: name == SAVED_MODEL_FILE):  # last: without it there is no version
            storage.copy(f"{claim}/{name}", f"{self.path(version)}/{name}")
        storage.delete(claim)
        return version

    def withdraw(self, version: int) -> None:
        """Remove a version, so that servers go back to the one before."""
        storage.delete(f"{self.path(version)}/{SAVED_MODEL_FILE}")  # first: from here on it is not a version
        storage.delete(self.path(version))

    def prune(self, keep: int) -> list[int]:
        """Remove all but the newest versions.

        Args:
            keep: How many stay.

        Returns:
            The versions removed.
        """
        removed = self.versions()[:-keep]
        for version in removed:
            self.withdraw(version)
        return removed

    def _versions(self) -> dict[int, bool]:
        """Find the versions, and whether each is complete."""
        found: dict[int, bool] = {}
        for name in storage.objects(self._uri):
            first, _, rest = name.partition("/")
            if first.isdecimal():
                found[int(first)] = found.get(int(first), False) or rest == SAVED_MODEL_FILE
        return found

    def _claims(self) -> dict[int, storage.Object]:
        claims = storage.objects(f"{self._uri}/{_CLAIMS}")
        return {int(name): claim for name, claim in claims.items() if name.isdecimal()}

    def _claim(self) -> int:
        version = max([*self._versions(), *self._claims()], default=0) + 1
        while not storage.create(self._claim_uri(version)):
            version += 1  # another publisher was quicker
        return version

    def _sweep(self) -> None:
        versions = self._versions()
        for version, claim in self._claims().items():
            if datetime.datetime.now(datetime.timezone.utc) - claim.created > _STALE:
                if not versions.get(version, True):
                    storage.delete(self.path(version))
                storage.delete(claim.uri)

    def _claim_uri(self, version: int) -> str:
        return f"{self._uri}/{_CLAIMS}/{version}"
