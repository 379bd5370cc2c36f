"""What a source handle may be, and what it stands for."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from pipeline_tools.errors import InputError
from pipeline_tools.storage import is_remote

KINDS = """A handle is one of
  trips.csv, day-*.csv.gz, data/**/*.parquet    CSV or Parquet files: a path or a glob (.csv, .csv.gz, .parquet)
  gs://bucket/folder/*.parquet                  the same in Cloud Storage, and s3://… in S3
  bq://project.dataset.table                    a BigQuery table; project.dataset.table alone is one, too
  sample://name                                 data that an installed package offers"""

SAMPLES = "components.samples"
"""Entry-point group; each entry names a ``pathlib.Path`` of a data file inside its package."""

_SUFFIXES = {".csv": "csv", ".csv.gz": "csv", ".parquet": "parquet"}
# Google's rules, without the quoting that would let other characters in: a project may have a domain before it.
_TABLE = re.compile(
    r"(?:[a-z][a-z0-9.\-]{1,60}:)?[a-z][a-z0-9\-]{4,61}[a-z0-9]\.[A-Za-z0-9_]{1,1024}\.[A-Za-z0-9_\-]{1,1024}"
)
_BUCKET = re.compile(r"(gs|s3)://[a-z0-9][a-z0-9._\-]{1,220}[a-z0-9]/.+")


@dataclass(frozen=True)
class Handle:
    """A source, known by kind.

    Attributes:
        text: As it was given.
        kind: ``csv``, ``parquet`` or ``bigquery``.
        location: A path or glob, local, ``gs://`` or ``s3://``; of a table, ``project.dataset.table``.
        parameter: The parameter that gave it; errors mention it.
    """

    text: str
    kind: str
    location: str
    parameter: str

    @property
    def remote(self) -> bool:
        """Whether the files lie in Cloud Storage."""
        return is_remote(self.location)

    def __str__(self) -> str:
        return f"{self.parameter}={self.text}"

    def of(self, path: Path) -> str:
        """Name one of its files, by the parameter alone if it is the only one.

        Args:
            path: The file.

        Returns:
            What an error begins with.
        """
        return str(self) if str(path) == self.text else f"{self}: {path}"


def parse_handle(text: str, parameter: str = "input_handle") -> Handle:
    """Tell which kind of source a handle names; looks at nothing but the handle.

    Args:
        text: The handle.
        parameter: The parameter that gave it.

    Returns:
        The handle with its kind.

    Raises:
        InputError: It is of no known kind; the message lists them.
    """
    location = text.strip()
    scheme, mark, rest = location.partition("://")
    if mark and scheme == "sample":
        location = str(_sample(rest, f"{parameter}={text}"))
    elif mark and scheme == "bq":
        if not _TABLE.fullmatch(rest):
            raise InputError(f"{parameter}={text}: {rest!r} is not a BigQuery table; write bq://project.dataset.table")
        return Handle(text, "bigquery", rest, parameter)
    elif mark and not _BUCKET.fullmatch(location):
        raise InputError(f"{parameter}={text}: no such kind of source.\n{KINDS}")
    name = location.rpartition("/")[2].lower()
    for suffix, kind in _SUFFIXES.items():
        if name.endswith(suffix):
            return Handle(text, kind, location, parameter)
    if not mark and _TABLE.fullmatch(location) and not Path(location).exists():
        return Handle(text, "bigquery", location, parameter)
    raise InputError(f"{parameter}={text}: this tells no kind of source.\n{KINDS}")


def list_files(handle: Handle) -> list[Path]:
    """List the local files of a handle.

    Args:
        handle: Of kind ``csv`` or ``parquet``, not in Cloud Storage.

    Returns:
        At least one path, sorted; each file once, by whatever names the pattern finds it.

    Raises:
        InputError: There is no such file, or one of them is empty.
    """
    found = [handle.location] if Path(handle.location).is_file() else _expand(handle.location)
    files: dict[tuple[int, int], Path] = {}
    for path in sorted(map(Path, set(found))):
        if path.is_file():
            files.setdefault(file_identity(path), path)
    if not files:
        pattern = any(mark in handle.location for mark in "*?[")
        said = "no file matches this pattern" if pattern else "no such file"
        raise InputError(f"{handle}: {said} (looked in {Path.cwd()})")
    for file in files.values():
        if file.stat().st_size == 0:
            raise InputError(f"{handle.of(file)} is empty (0 bytes)")
    return list(files.values())


def file_identity(path: Path) -> tuple[int, int]:
    """Identify a file, whatever links name it.

    Args:
        path: One of its names.

    Returns:
        Its device, and its number there.
    """
    stat = path.stat()
    return stat.st_dev, stat.st_ino


def _expand(pattern: str) -> list[str]:
    """List what a pattern matches; ``**`` matches folders of any depth, and enters each once, links or not."""
    before, mark, after = pattern.partition("**/")
    if not mark or (before and not before.endswith("/")):
        return glob.glob(pattern)  # noqa: PTH207 - Path.glob takes no absolute pattern
    found: list[str] = []
    entered = set()
    for start in glob.glob(before) if before else ["."]:  # noqa: PTH207
        for folder, folders, _ in os.walk(start, followlinks=True):
            identity = file_identity(Path(folder))
            if identity in entered:
                folders.clear()
                continue
            entered.add(identity)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            found += _expand(str(Path(glob.escape(folder)) / after))
    return found


def _sample(name: str, where: str) -> Path:
    offered = {entry.name: entry for entry in entry_points(group=SAMPLES)}
    if name not in offered:
        raise InputError(
            f"{where}: no installed package offers this sample; there is {', '.join(sorted(offered)) or 'none'}"
        )
    return Path(offered[name].load())
