"""The folder in Cloud Storage that a run keeps beside its directory, as a cluster keeps its pipeline root.

Steps work on files of this machine. What KFP's launcher does around a step in a cluster, the runner does here: what the
step wrote is uploaded, and what others wrote for it in the bucket (the workers of a Beam job) is fetched.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline_tools import storage
from pipeline_tools.errors import InputError


@dataclass(frozen=True)
class RemoteDir:
    """A folder in a bucket.

    Attributes:
        uri: ``gs://bucket/folder``, without a slash at its end.
    """

    uri: str

    @property
    def artifacts(self) -> str:
        """Where the outputs of the steps are."""
        return f"{self.uri}/artifacts"

    def outputs(self, step: str) -> str:
        """Where the outputs of a step are."""
        return f"{self.artifacts}/{step}"

    def synchronize(self, step: str, folder: Path, leave: str) -> None:
        """Make a step's outputs equal on this machine and in the bucket; where both have a file, this machine's counts.

        Args:
            step: Its name.
            folder: Where its outputs are on this machine.
            leave: A file in it that is not an output.

        Raises:
            InputError: The bucket cannot be read or written.
        """
        uri = self.outputs(step)
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        local = {path.relative_to(folder).as_posix(): path for path in files}
        there = {name: blob for name, blob in storage.objects(uri).items() if name not in local}
        storage.fetch(storage.local_paths(there, folder, uri), uri)
        storage.put({f"{uri}/{name}": path for name, path in local.items() if name != leave}, uri)

    def discard(self, step: str) -> None:
        """Delete what a step that failed has left.

        Args:
            step: Its name.

        Raises:
            InputError: The bucket cannot be written.
        """
        storage.delete(self.outputs(step))

    def publish(self, run_dir: Path, package: Path, record: Path) -> None:
        """Upload what tells of the run: the package, the logs, and at last the record.

        Args:
            run_dir: The run's directory.
            package: The package in it.
            record: The record in it.

        Raises:
            InputError: The bucket cannot be written.
        """
        files = [package, *(path for path in (run_dir / "logs").rglob("*") if path.is_file())]
        storage.put({self._uri(path, run_dir): path for path in files}, self.uri)
        storage.put({self._uri(record, run_dir): record}, self.uri)

    def _uri(self, path: Path, run_dir: Path) -> str:
        return f"{self.uri}/{path.relative_to(run_dir).as_posix()}"


def open_remote_dir(uri: str) -> RemoteDir:
    """Check that a folder can become that of a run.

    Args:
        uri: ``gs://bucket/folder``.

    Returns:
        The folder, in which nothing is, and which can be written to.

    Raises:
        InputError: Something is there already, there is no such bucket, or no access.
    """
    _, name = storage.split(uri, f"run directory {uri}")
    if not name:
        raise InputError(f"{uri}: the run directory must be a folder in the bucket: {uri.rstrip('/')}/folder")
    remote = RemoteDir(uri.rstrip("/"))
    found = next(iter(storage.objects(remote.uri)), None)
    if found is not None:
        raise InputError(
            f"{uri}: the run directory is not empty, {found} is in it. Nothing was touched: name another, or remove it"
        )
    probe = f"{remote.uri}/.probe"
    storage.write_bytes(probe, b"")
    storage.delete(probe)
    return remote
