"""Objects in a bucket (``gs://`` or ``s3://``), read and written like files and directories, by way of fsspec."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline_tools.atomic import atomic_directory, atomic_file
from pipeline_tools.buckets import errors, file_system, is_remote, service_of, split
from pipeline_tools.errors import InputError

_AT_A_TIME = 8
"""Requests that are under way at once: most objects are small, and each costs a round trip."""


@dataclass(frozen=True)
class Object:
    """An object, as it was when it was listed.

    Attributes:
        uri: Its URI.
        size: Its size in bytes.
        version: What changes whenever its content is written anew: a generation, else an ETag.
        created: When it was written (UTC).
    """

    uri: str
    size: int
    version: str
    created: datetime.datetime


def read_bytes(uri: str, what: str = "") -> bytes:
    """Read one object.

    Args:
        uri: Its URI.
        what: What errors begin with; default the URI.

    Returns:
        Its content.

    Raises:
        InputError: There is no such object, or no access.
    """
    split(uri, what)
    with errors(uri, what):
        content: bytes = file_system(uri).cat_file(uri)
    return content


def read_text(uri: str, what: str = "") -> str:
    """Read one object as UTF-8; otherwise as `read_bytes`.

    Raises:
        InputError: There is no such object, no access, or its content is not UTF-8.
    """
    try:
        return read_bytes(uri, what).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{what or uri}: not UTF-8 text ({error})") from None


def write_bytes(uri: str, content: bytes) -> None:
    """Write one object.

    Args:
        uri: Its URI.
        content: Its content.

    Raises:
        InputError: No such bucket, or no access.
    """
    with errors(uri, writing=True):
        file_system(uri).pipe_file(uri, content)


def create(uri: str) -> bool:
    """Write an empty object, unless there is one of that name already; of several writers one succeeds.

    Args:
        uri: Its URI.

    Returns:
        Whether it was written.

    Raises:
        InputError: No such bucket, or no access.
    """
    with errors(uri, writing=True):
        try:
            file_system(uri).pipe_file(uri, b"", mode="create")
        except FileExistsError:
            return False
    return True


def open_object(uri: str, mode: str) -> Any:
    """Open an object like a file.

    Args:
        uri: Its URI.
        mode: ``rb`` or ``wb``.

    Returns:
        A file, to be closed by ``with``; one that is read can seek.

    Raises:
        InputError: There is no such object, or no access.
    """
    with errors(uri, writing="w" in mode):
        return file_system(uri).open(uri, mode, cache_type="readahead")


def objects(uri: str, what: str = "", *, prefix: bool = False) -> dict[str, Object]:
    """List what is below a URI, as below a directory.

    Args:
        uri: ``gs://bucket/name``; objects whose name begins with ``name/`` are below it.
        what: What errors begin with; default the URI.
        prefix: List all objects whose URI begins with ``uri``.

    Returns:
        The objects by name relative to the URI (with ``prefix``, to the bucket), in order. Objects that only stand for
        a directory are left out.

    Raises:
        InputError: There is no such bucket, or no access.
    """
    bucket, name = split(uri, what)
    scheme = service_of(uri).scheme
    folder = name.rpartition("/")[0] if prefix else name
    with errors(uri, what):
        below = file_system(uri).find(f"{bucket}/{folder}" if folder else bucket, detail=True)
    base = f"{bucket}/" if prefix or not name else f"{bucket}/{name}/"
    wanted = f"{bucket}/{name}" if prefix else base
    return {
        path.removeprefix(base): _object(f"{scheme}{path}", info)
        for path, info in sorted(below.items())
        if path.startswith(wanted) and not path.endswith("/") and info["type"] == "file"
    }


def _object(uri: str, info: Mapping[str, Any]) -> Object:
    written: Any = info.get("updated") or info.get("LastModified")
    if isinstance(written, str):
        written = datetime.datetime.fromisoformat(written.replace("Z", "+00:00"))
    version = info.get("generation") or info.get("ETag") or info.get("etag")
    return Object(uri, int(info["size"]), str(version), written)


def _information(uris: Iterable[str]) -> dict[str, Object | None]:
    """Ask for several objects, several at a time; None for one that is not there."""

    def ask(uri: str) -> Object | None:
        try:
            return _object(uri, file_system(uri).info(uri))
        except FileNotFoundError:
            return None

    uris = list(uris)
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        return dict(zip(uris, pool.map(ask, uris), strict=True))


def fetch(copies: Mapping[Path, Object], what: str) -> None:
    """Copy objects to files, several at a time.

    Args:
        copies: A listed object for each file; directories are made.
        what: What errors begin with.

    Raises:
        InputError: No access, or an object is no longer the one that was listed.
    """
    if not copies:
        return
    for path in copies:
        path.parent.mkdir(parents=True, exist_ok=True)
    uris = [each.uri for each in copies.values()]
    with errors(uris[0], what):
        try:
            file_system(uris[0]).get(uris, [str(path) for path in copies])
        except FileNotFoundError as error:
            if error.errno is not None:
                raise
        now = _information(uris)
    for path, listed in copies.items():
        current = now[listed.uri]
        if current is None or current.version != listed.version:
            for each in copies:
                each.unlink(missing_ok=True)
            raise InputError(
                f"{what}: {listed.uri} was replaced or deleted while it was read: {path.name} is not a copy"
            )


def download(uri: str, path: str | os.PathLike[str]) -> None:
    """Copy an object to a file, or what is below a URI to a directory: whole or not at all.

    Args:
        uri: Name of an object, or what the names of several begin with before a slash.
        path: Where the copy shall be; what is there already is replaced.

    Raises:
        InputError: There is nothing of that name, no access, or names that no directory can hold.
    """
    split(uri)
    with errors(uri):
        single = _information([uri])[uri] if not _is_bucket(uri) and file_system(uri).isfile(uri) else None
    if single is not None:
        with atomic_file(path) as scratch:
            fetch({scratch: single}, uri)
        return
    found = objects(uri)
    if not found:
        raise InputError(f"{uri}: there is no such object, and nothing below that name")
    with atomic_directory(path) as scratch:
        fetch(local_paths(found, scratch, uri), uri)


def _is_bucket(uri: str) -> bool:
    return not split(uri)[1]


def local_paths(found: Mapping[str, Object], folder: Path, what: str) -> dict[Path, Object]:
    """Say which file each object becomes.

    Args:
        found: As `objects` lists them.
        folder: Where the files shall be.
        what: What errors begin with.

    Returns:
        What `fetch` takes.

    Raises:
        InputError: A name would lead out of the folder, or one object has the name of another's directory.
    """
    directories = {str(parent) for name in found for parent in PurePosixPath(name).parents}
    for name in found:
        if {"", ".", ".."} & set(name.split("/")):
            raise InputError(f"{what}: the object {name!r} below it has a name that a file cannot have")
        if name in directories:
            raise InputError(f"{what}: {name!r} below it is an object, and there are objects below it; remove one")
    return {folder / name: each for name, each in found.items()}


def upload(path: str | os.PathLike[str], uri: str, last: str = "") -> None:
    """Copy a file to an object, or a directory to objects below a URI.

    Object storage cannot make several objects appear at once. What it can do: an upload that fails, or is interrupted,
    removes what it has written; and the file that readers look for is written when all others are there.

    Args:
        path: File or directory; empty directories are no objects.
        uri: Where it shall be.
        last: The file, relative to the directory, that is written after all others.

    Raises:
        InputError: No such bucket, or no access.
    """
    source = Path(path)
    if source.is_file():
        put({uri: source}, uri)
        return
    names = sorted(each.relative_to(source).as_posix() for each in source.rglob("*") if each.is_file())
    copies = {f"{uri.rstrip('/')}/{name}": source / name for name in names}
    final = f"{uri.rstrip('/')}/{last}" if last else ""
    put({target: file for target, file in copies.items() if target != final}, uri)
    if final in copies:
        try:
            put({final: copies[final]}, uri)
        except BaseException:
            remove(copies)
            raise


def put(copies: Mapping[str, Path], what: str) -> None:
    """Copy files to objects of one bucket, several at a time; where one fails, all are removed again.

    Args:
        copies: A file for each URI.
        what: What errors begin with.

    Raises:
        InputError: No such bucket, or no access.
    """
    if not copies:
        return
    uri = next(iter(copies))
    with errors(uri, what, writing=True):
        try:
            file_system(uri).put([str(path) for path in copies.values()], list(copies))
        except BaseException:
            remove(copies)
            raise


def copy(source: str, target: str) -> None:
    """Copy an object within a bucket.

    Args:
        source: Its URI.
        target: The copy's URI.

    Raises:
        InputError: No such object, or no access.
    """
    with errors(target, writing=True):
        file_system(target).cp_file(source, target)


def delete(uri: str) -> None:
    """Delete an object and all that are below that name; what is gone already is no error.

    Args:
        uri: Of one object, or what the names of several begin with before a slash.

    Raises:
        InputError: No such bucket, or no access.
    """
    bucket, name = split(uri)
    with errors(uri, writing=True):
        fs = file_system(uri)
        path = f"{bucket}/{name}" if name else bucket
        # Those that only stand for a directory, too, as TensorFlow makes them.
        below = [each for each in fs.find(path, withdirs=False) if each.startswith(f"{path}/") or each == path]
        candidates = [*below, *([path, f"{path}/"] if name else [])]
        _delete(uri, dict.fromkeys(candidates))


def _delete(uri: str, paths: Iterable[str]) -> None:
    def one(path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            file_system(uri).rm_file(path)

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        list(pool.map(one, paths))


def remove(uris: Iterable[str]) -> None:
    """Delete objects as far as possible, while another error is being raised.

    Args:
        uris: Of one object each.
    """
    for uri in uris:
        with contextlib.suppress(Exception):
            file_system(uri).rm_file(uri)


__all__ = [
    "Object",
    "copy",
    "create",
    "delete",
    "download",
    "errors",
    "fetch",
    "is_remote",
    "local_paths",
    "objects",
    "open_object",
    "put",
    "read_bytes",
    "read_text",
    "remove",
    "split",
    "upload",
    "write_bytes",
]
