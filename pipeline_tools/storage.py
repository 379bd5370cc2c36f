"""Objects in Google Cloud Storage, named by ``gs://bucket/name``, read and written like files and directories."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline_tools.atomic import atomic_directory, atomic_file
from pipeline_tools.errors import InputError
from pipeline_tools.google_errors import google_errors

SCHEME = "gs://"
READER = "Storage Object Viewer"
WRITER = "Storage Object User"

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_WORKERS = 8
"""Objects that are copied at a time: most are small, and each costs a round trip."""


def is_remote(name: object) -> bool:
    """Tell whether a name means Cloud Storage.

    Args:
        name: A path, a module's name, a URI.

    Returns:
        Whether it begins with ``gs://``.
    """
    return isinstance(name, str) and name.startswith(SCHEME)


def split(uri: str, what: str = "") -> tuple[str, str]:
    """Take a URI apart.

    Args:
        uri: ``gs://bucket/name`` or ``gs://bucket``.
        what: What errors begin with; default the URI.

    Returns:
        The bucket, and the name without slashes around it; empty for the bucket itself.

    Raises:
        InputError: It is no such URI.
    """
    bucket, _, name = uri.removeprefix(SCHEME).partition("/")
    if not is_remote(uri) or not _BUCKET.fullmatch(bucket):
        raise InputError(f"{what or uri}: names no bucket; it must be gs://bucket/path, the bucket in small letters")
    return bucket, name.strip("/")


def client(project: str = "") -> Any:
    """Give the client that the surrounding credentials open.

    Args:
        project: The client's project; default that of the surroundings, which reading and writing objects can do
            without.

    Returns:
        A ``google.cloud.storage.Client``; the same one for the same surroundings.

    Raises:
        InputError: There are no credentials.
    """
    return _client(project, os.environ.get("STORAGE_EMULATOR_HOST"), os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"))


@functools.lru_cache(maxsize=4)
def _client(project: str, _emulator: str | None, _credentials: str | None) -> Any:
    from google.cloud import storage

    with translate_errors("Cloud Storage"):
        return storage.Client(project=project or None)


def bucket(uri: str) -> Any:
    """Give the bucket of a URI, without asking whether it is there.

    Args:
        uri: As `split` takes it.

    Returns:
        A ``google.cloud.storage.Bucket``.

    Raises:
        InputError: The URI names no bucket, or there are no credentials.
    """
    name, _ = split(uri)
    return client().bucket(name)


def translate_errors(what: str, role: str = READER) -> AbstractContextManager[None]:
    """Translate the errors of Cloud Storage, as `google_errors` does.

    Args:
        what: The URI or parameter that messages begin with.
        role: The role that the account needs on the bucket for what the block does.

    Returns:
        A context manager that raises ``ServiceError``, an ``InputError``.
    """
    return google_errors(
        what, "Cloud Storage", missing="no such bucket or object", roles=f"the role {role} on the bucket"
    )


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
    _, name = split(uri, what)
    with translate_errors(what or uri):
        content: bytes = bucket(uri).blob(name).download_as_bytes()
    return content


def read_text(uri: str, what: str = "") -> str:
    """Read one object as UTF-8; otherwise as `read_bytes`.

    Raises:
        InputError: There is no such object, no access, or it is no text.
    """
    try:
        return read_bytes(uri, what).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{what or uri}: no UTF-8 text ({error})") from None


def write_bytes(uri: str, content: bytes) -> None:
    """Write one object.

    Args:
        uri: Its URI.
        content: Its content.

    Raises:
        InputError: No such bucket, or no access.
    """
    with translate_errors(uri, WRITER):
        bucket(uri).blob(split(uri)[1]).upload_from_string(content, content_type="application/octet-stream")


def objects(uri: str) -> dict[str, Any]:
    """List what lies below a URI, as below a directory.

    Args:
        uri: ``gs://bucket/name``; objects whose name begins with ``name/`` lie below it.

    Returns:
        ``google.cloud.storage.Blob`` by the name relative to the URI, in order. Objects that only stand for a
        directory are left out.

    Raises:
        InputError: There is no such bucket, or no access.
    """
    name, prefix = split(uri)
    prefix = prefix and prefix + "/"
    with translate_errors(uri):
        found = {blob.name.removeprefix(prefix): blob for blob in client().list_blobs(name, prefix=prefix)}
    return {name: found[name] for name in sorted(found) if not name.endswith("/") and name}


def fetch(copies: Mapping[Path, Any], what: str) -> None:
    """Copy objects to files, several at a time.

    Args:
        copies: A blob for each file; directories are made. A blob that was listed is copied as it was then: where it
            was replaced meanwhile, that is an error and no mixture.
        what: What errors begin with.

    Raises:
        InputError: No access, or an object has changed.
    """
    from google.cloud.storage import transfer_manager as manager

    for path in copies:
        path.parent.mkdir(parents=True, exist_ok=True)
    with translate_errors(what):
        results = manager.download_many(
            [(blob, str(path)) for path, blob in copies.items()],
            worker_type=manager.THREAD,
            max_workers=_WORKERS,
        )
        for result, (path, blob) in zip(results, copies.items(), strict=True):
            if isinstance(result, Exception):
                path.unlink(missing_ok=True)
                _raise_changed(result, blob, what)


def _raise_changed(error: Exception, blob: Any, what: str) -> None:
    from google.api_core.exceptions import NotFound

    if isinstance(error, NotFound):
        raise InputError(f"{what}: gs://{blob.bucket.name}/{blob.name} was there a moment ago, and has been replaced")
    raise error


def download(uri: str, path: str | os.PathLike[str]) -> None:
    """Copy an object to a file, or what lies below a URI to a directory: whole or not at all.

    Args:
        uri: Name of an object, or what the names of several begin with before a slash.
        path: Where the copy shall stand; what stands there is replaced.

    Raises:
        InputError: There is nothing of that name, no access, or names that no directory can hold.
    """
    _, name = split(uri)
    with translate_errors(uri):
        single = bucket(uri).get_blob(name) if name else None
    if single is not None:
        with atomic_file(path) as scratch:
            fetch({scratch: single}, uri)
        return
    found = objects(uri)
    if not found:
        raise InputError(f"{uri}: there is no such object, and nothing below that name")
    with atomic_directory(path) as scratch:
        fetch(local_paths(found, scratch, uri), uri)


def local_paths(found: Mapping[str, Any], folder: Path, what: str) -> dict[Path, Any]:
    """Say which file each object becomes.

    Args:
        found: As `objects` lists them.
        folder: Where the files shall stand.
        what: What errors begin with.

    Returns:
        What `fetch` takes.

    Raises:
        InputError: A name would lead out of the folder, or one object has the name of another's directory.
    """
    directories = {str(parent) for name in found for parent in PurePosixPath(name).parents}
    for name in found:
        if {"", ".", ".."} & set(name.split("/")):
            raise InputError(f"{what}: the object {name!r} below it has a name that no file can have")
        if name in directories:
            raise InputError(f"{what}: {name!r} below it is an object, and objects lie below it; remove one")
    return {folder / name: blob for name, blob in found.items()}


def upload(path: str | os.PathLike[str], uri: str, last: str = "") -> None:
    """Copy a file to an object, or a directory to objects below a URI.

    Object storage cannot make several objects appear at once. What can be had: an upload that fails, or is
    interrupted, takes away what it has written; and the file that readers look for is written when all others are
    there.

    Args:
        path: File or directory; empty directories are no objects.
        uri: Where it shall lie.
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
    """Copy files to objects of one bucket, several at a time; where one fails, all are taken away again.

    Args:
        copies: A file for each URI.
        what: What errors begin with.

    Raises:
        InputError: No such bucket, or no access.
    """
    from google.cloud.storage import transfer_manager as manager

    if not copies:
        return
    with translate_errors(what, WRITER):
        pairs = [(str(path), bucket(uri).blob(split(uri)[1])) for uri, path in copies.items()]
        try:
            manager.upload_many(pairs, worker_type=manager.THREAD, max_workers=_WORKERS, raise_exception=True)
        except BaseException:
            remove(copies)
            raise


def delete(uri: str) -> None:
    """Delete an object, and all that lie below that name; what is gone already is no error.

    Args:
        uri: Of one object, or what the names of several begin with before a slash.

    Raises:
        InputError: No such bucket, or no access.
    """
    name, prefix = split(uri)
    with translate_errors(uri, WRITER):
        # Those that only stand for a directory, too, as TensorFlow makes them.
        below = list(client().list_blobs(name, prefix=prefix and prefix + "/"))
        _delete([*below, bucket(uri).blob(prefix)] if prefix else below)


def remove(uris: Iterable[str]) -> None:
    """Delete objects as far as possible, while another error is on its way.

    Args:
        uris: Of one object each.
    """
    with contextlib.suppress(InputError), translate_errors(""):
        _delete([bucket(uri).blob(split(uri)[1]) for uri in uris])


def _delete(blobs: list[Any]) -> None:
    from google.api_core.exceptions import NotFound

    def one(blob: Any) -> None:
        with contextlib.suppress(NotFound):
            blob.delete()

    with ThreadPoolExecutor(_WORKERS) as pool:
        list(pool.map(one, blobs))
