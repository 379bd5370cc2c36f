"""Limits that keep a file from being larger in memory than it looks, or from naming files outside its folder."""

from __future__ import annotations

import gzip
import io
import math
import re
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline_tools.errors import InputError

LARGEST_FILE = 32 * 2**20
"""Bytes of a package or specification, packed or unpacked: what the Pipelines backend takes as an upload."""
LARGEST_ARCHIVE = 2 * LARGEST_FILE
"""Bytes that the members of a package take together, unpacked."""
DEEPEST = 100
"""Levels of lists and mappings; protobuf's own readers stop there too."""
MOST_NODES = 250_000
"""Texts, lists and mappings of a document that has aliases, each counted as often as they repeat it."""
LONGEST_NAME = 200
"""Characters of a name that a file is named after: file systems take 255 bytes, endings included."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNSAFE = re.compile(r"[/\\\x00-\x1f\x7f]")


def read_member(path: Path, name: str) -> str:
    """Read one text file of a ``.tar.gz`` without unpacking anything to disk.

    Args:
        path: The archive.
        name: The member, which must be a file; links are not followed.

    Returns:
        Its text.

    Raises:
        InputError: The archive cannot be read, is too large, or has no such file.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{path}: has {path.stat().st_size:,} bytes; a package has {LARGEST_FILE:,} at most")
        with gzip.open(path) as packed:
            content = packed.read(LARGEST_ARCHIVE + 1)
        if len(content) > LARGEST_ARCHIVE:
            raise InputError(f"{path}: unpacks to more than {LARGEST_ARCHIVE:,} bytes")
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            members = {member.name: member for member in archive}
            found = members.get(name)
            file = archive.extractfile(found) if found is not None and found.isreg() else None
            if file is None:
                raise InputError(f"{path}: the package has no file member named {name}")
            return decode(file.read(), f"{path}:{name}")
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: not a package (a .tar.gz): {error}") from error


def read_file(path: Path) -> str:
    """Read a text file.

    Raises:
        InputError: It cannot be read, is too large, or is not UTF-8.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{path}: has {path.stat().st_size:,} bytes; a specification has {LARGEST_FILE:,} at most")
        return decode(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def decode(content: bytes, where: str) -> str:
    """Decode UTF-8.

    Raises:
        InputError: The bytes are not UTF-8; the message gives the place of the first that is not.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not UTF-8, from byte {error.start:,} on") from None


def load_yaml(text: str, where: str) -> list[Any]:
    """Read the documents of a YAML text.

    Args:
        text: The text.
        where: Names the file in errors.

    Returns:
        The documents.

    Raises:
        InputError: It is not YAML, or nests or repeats more than a specification does.
    """
    try:
        _check_structure(text, where)
        documents = list(yaml.load_all(text, Loader=_LOADER))
    except (yaml.YAMLError, ValueError) as error:  # a date that cannot be, for one
        raise InputError(f"{where}: not YAML: {error}") from error
    for document in documents:
        _check_values(document, where)
    return documents


def _check_structure(text: str, where: str) -> None:
    """Measure depth and what aliases repeat, before anything is built.

    A short text can repeat itself a billion times, and libyaml's own composer overruns the stack of a deep one.
    """
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []  # anchor, nodes in it so far
    aliased = False

    def close(anchor: str | None, size: int) -> None:
        if anchor:
            sizes[anchor] = size
        if open_nodes:
            outer, so_far = open_nodes.pop()
            open_nodes.append((outer, so_far + size))
        if aliased and size > MOST_NODES:
            raise InputError(f"{where}: its aliases repeat more than {MOST_NODES:,} values")

    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, 1))
            if len(open_nodes) > DEEPEST:
                raise InputError(f"{where}: line {_line(event)}: nested deeper than {DEEPEST} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            close(*open_nodes.pop())
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise InputError(
                    f"{where}: line {_line(event)}: the alias *{event.anchor} names nothing that ends before it"
                )
            aliased = True
            close(None, sizes[event.anchor])
        elif isinstance(event, yaml.ScalarEvent):
            close(event.anchor, 1)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _check_values(value: Any, where: str) -> None:
    """Refuse what JSON cannot say: the specification is a protobuf message in its JSON form."""
    waiting: list[tuple[Any, tuple[str, ...]]] = [(value, ())]
    while waiting:
        each, path = waiting.pop()
        field = ".".join(path)
        if isinstance(each, Mapping):
            for key, inner in each.items():
                if not isinstance(key, str):
                    raise InputError(f"{where}: {field}: the key {key!r} is not text; quote it")
                waiting.append((inner, (*path, key)))
        elif isinstance(each, list):
            waiting.extend((inner, (*path, str(index))) for index, inner in enumerate(each))
        elif isinstance(each, float) and not math.isfinite(each):
            raise InputError(f"{where}: {field}: {each} is not a number that JSON has")
        elif each is not None and not isinstance(each, (str, bool, int, float)):
            raise InputError(f"{where}: {field}: {each} is a {type(each).__name__}; quote it to have text")


def check_name(name: str, what: str) -> None:
    """Check that a file can be named after something in a specification.

    Args:
        name: The name.
        what: Says whose it is, for the error.

    Raises:
        InputError: The name is empty, too long, or would lead out of its folder.
    """
    if not name or name.startswith(".") or _UNSAFE.search(name) or len(name.encode()) > LONGEST_NAME:
        raise InputError(
            f"{what}: the name {name[:LONGEST_NAME]!r} cannot be that of a file; give one of up to {LONGEST_NAME} "
            "letters, digits, dashes and underscores"
        )


__all__ = [
    "DEEPEST",
    "LARGEST_ARCHIVE",
    "LARGEST_FILE",
    "LONGEST_NAME",
    "MOST_NODES",
    "check_name",
    "decode",
    "load_yaml",
    "read_file",
    "read_member",
]
