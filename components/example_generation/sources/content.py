"""What is in a file, told by its first bytes: Parquet or text, compressed or not.

DuckDB reads plain UTF-8 text and Parquet files where they are. Anything else is first copied as what it can read:
compressed files, so that their checksums are compared; text in UTF-16; text with line ends of several kinds.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
import mmap
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from components.example_generation.sources.handles import Handle
from pipeline_tools.errors import InputError

_PARQUET = b"PAR1"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Content:
    """A file, and what DuckDB reads of it.

    Attributes:
        path: The file.
        readable: The file itself, or a copy.
        kind: ``csv`` or ``parquet``.
    """

    path: Path
    readable: Path
    kind: str


def look_into(handle: Handle, path: Path, scratch: Path) -> Content:
    """Tell what a file holds, and copy it if DuckDB could not read it as it is.

    Args:
        handle: What named it.
        path: The file.
        scratch: Where a copy may be.

    Returns:
        The file.

    Raises:
        InputError: It cannot be read: a compressed file is cut off or damaged, a text is not UTF-8 or has bad quotes.
    """
    readable = path
    start = _start(handle, path)
    opener = next((opener for magic, opener in _COMPRESSED.items() if start.startswith(magic)), None)
    if opener:
        readable = _new(scratch)
        try:
            with opener(path) as source, readable.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, ValueError) as error:
            raise InputError(f"{handle.of(path)} is cut off or damaged: {error}") from None
        if not readable.stat().st_size:
            raise InputError(f"{handle.of(path)} is empty (0 bytes, once decompressed)")
        start = _start(handle, readable)
    if start.startswith(_PARQUET) or (handle.kind == "parquet" and not opener):
        return Content(path, readable, "parquet")
    encoding = "utf-16" if start.startswith(_UTF16) else "utf-8-sig"
    if encoding == "utf-16" or _line_ends(readable) > 1:
        readable = _rewrite(handle, path, readable, encoding, _new(scratch))
    return Content(path, readable, "csv")


def _start(handle: Handle, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(8)
    except OSError as error:
        raise InputError(f"{handle.of(path)} cannot be read: {error.strerror}") from None


def _new(scratch: Path) -> Path:
    """Name a file for a copy; copies are few beside what they hold."""
    directory = scratch / "copies"
    directory.mkdir(exist_ok=True)
    return directory / str(sum(1 for _ in directory.iterdir()))


def _line_ends(path: Path) -> int:
    """Count how many of the three kinds of line end a file has; a bare CR counts twice, for DuckDB reads none."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        returns = content.find(b"\r")
        if returns < 0:
            return 1
        feeds = both = bare = 0
        while block := content.read(1 << 20):
            if block.endswith(b"\r"):
                block += content.read(1)
            pairs = block.count(b"\r\n")
            both += pairs
            feeds += block.count(b"\n") - pairs
            bare += block.count(b"\r") - pairs
    return bool(feeds) + bool(both) + 2 * bool(bare)


def _rewrite(handle: Handle, path: Path, source: Path, encoding: str, target: Path) -> Path:
    """Copy a text as UTF-8 whose rows end with LF; line breaks within quotes stay as they are."""
    try:
        with (
            source.open(encoding=encoding, newline="") as rows,
            target.open("w", encoding="utf-8", newline="") as file,
        ):
            reader = csv.reader(rows, strict=True)
            csv.writer(file, lineterminator="\n").writerows(reader)
    except UnicodeError as error:
        raise InputError(f"{handle.of(path)} is not {encoding.removesuffix('-sig').upper()}: {error}") from None
    except csv.Error as error:
        raise InputError(f"{handle.of(path)}, line {reader.line_num}: {error}") from None
    return target


@contextmanager
def _zip(path: Path) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        if len(names) != 1:
            raise ValueError(f"the archive holds {len(names)} files, and must hold one")
        with archive.open(names[0]) as file:
            yield file


def _zstandard(path: Path) -> Any:
    import pyarrow as pa

    return pa.input_stream(str(path), compression="zstd")


_COMPRESSED: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
    b"PK\x03\x04": _zip,
    b"\x28\xb5\x2f\xfd": _zstandard,
}
"""How a compressed file is opened, by its first bytes."""
