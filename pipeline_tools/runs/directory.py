"""The directory that holds everything of one run."""

from __future__ import annotations

import datetime
import errno
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from pipeline_tools.errors import InputError
from pipeline_tools.runs.remote import RemoteDir, open_remote_dir
from pipeline_tools.storage import is_remote


@dataclass(frozen=True)
class RunDir:
    """Where the parts of a run are.

    ``artifacts/`` holds only what is whole: a step writes below ``partial/``, and what it wrote is moved when it has
    succeeded.

    Attributes:
        path: The directory, absolute.
        remote: The folder in Cloud Storage that holds the same, if there is one.
    """

    path: Path
    remote: RemoteDir | None = None

    @property
    def root(self) -> str:
        """What ``{{$.pipeline_root}}`` means."""
        return self.remote.artifacts if self.remote else str(self.artifacts)

    @property
    def artifacts(self) -> Path:
        """The outputs of the steps that succeeded."""
        return self.path / "artifacts"

    @property
    def workspace(self) -> Path:
        """What ``dsl.WORKSPACE_PATH_PLACEHOLDER`` means: a directory that the steps share."""
        return self.path / "workspace"

    @property
    def imports_log(self) -> Path:
        """What was printed while the steps' modules were imported. No step can have this name."""
        return self.path / "logs" / "_imports.log"

    def outputs(self, step: str) -> Path:
        """Where the outputs of a step are when it has succeeded."""
        return self.artifacts / step

    def imported(self, uri: str) -> Path:
        """Where the copy of an artifact is that a step is given from elsewhere in Cloud Storage."""
        names = uri.partition("://")[2].split("/")
        inside = ("%" + name.replace(".", "%2E") if name in ("", ".", "..") else name for name in names)
        return self.path.joinpath("imported", *inside)

    def partial(self, step: str) -> Path:
        """Where the attempts of a step work, each in a directory of its own.

        Names of steps can contain one another (``train`` and ``train/0``); these do not.
        """
        return self.path / "partial" / step.replace("/", "~")

    def log(self, step: str) -> Path:
        """Where the output of a step goes."""
        return self.path / "logs" / f"{step}.log"


def create_run_dir(path: str | os.PathLike[str] | None, pipeline: str, now: datetime.datetime) -> RunDir:
    """Make the directory of a run.

    Args:
        path: Where; default ``runs/<pipeline>-<UTC time>-<id>`` in the working directory. A ``gs://`` folder has its
            copy there.
        pipeline: Name of the pipeline.
        now: The time that goes into the name.

    Returns:
        The directory, which exists, is empty and can be written to.

    Raises:
        InputError: Something is there already, or the directory cannot be made or written to.
    """
    remote = None
    if path is not None and str(path).startswith(("gs:/", "s3:/")):
        if not is_remote(path):
            raise InputError(f"{path}: a Path cannot hold a URI; give the run directory as a string")
        remote, path = open_remote_dir(str(path)), None
    if path is None:
        path = Path("runs") / f"{pipeline}-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    target = Path(path).absolute()
    try:
        if target.is_dir() and any(target.iterdir()):
            raise InputError(
                f"{target}: the run directory is not empty. Nothing was touched: name another, or remove it"
            )
        target.mkdir(parents=True, exist_ok=True)
        probe = target / ".probe"
        probe.write_bytes(b"\0" * 65536)  # creating a name works on a full disk, writing does not
        probe.unlink()
    except OSError as error:
        raise InputError(f"{target}: cannot use this as the run directory: {why(error, target)}") from error
    return RunDir(target, remote)


def why(error: OSError, path: Path) -> str:
    """Say what an operating system error means, with the free space where the disk is full."""
    text = error.strerror or str(error)
    while not path.exists():
        path = path.parent
    if is_full(error):
        return f"{text} ({shutil.disk_usage(path).free / 1e6:.1f} MB free); make room, or choose another disk"
    return text


def is_full(error: BaseException) -> bool:
    """Tell whether an error means that a disk or a quota is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
