"""Files in Cloud Storage: copied beside the output, then read like any other."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.example_generation.sources.handles import Handle
from pipeline_tools import storage
from pipeline_tools.errors import InputError


def fetch(handle: Handle, scratch: Path, project: str = "") -> list[Path]:
    """Copy the objects of a handle.

    Args:
        handle: Whose location begins with ``gs://``; ``*``, ``?`` and ``[…]`` match within an object's name, slashes
            included.
        scratch: Where to put the copies.
        project: Passed on to the client.

    Returns:
        At least one path below ``scratch / "gs:"``, sorted; bucket and name of the object are part of it.

    Raises:
        InputError: There is no such object, or no access, or an object changes while it is copied.
    """
    bucket, _, pattern = handle.location.removeprefix("gs://").partition("/")
    prefix = pattern[: min((pattern.find(mark) for mark in "*?[" if mark in pattern), default=len(pattern))]
    with storage.translate_errors(str(handle)):
        listed = storage.client(project).list_blobs(bucket, prefix=prefix)
        blobs = [blob for blob in listed if blob.name == pattern or fnmatch.fnmatchcase(blob.name, pattern)]
    if not blobs:
        raise InputError(f"{handle}: no object matches")
    for blob in blobs:
        if not blob.size:
            raise InputError(f"{handle}: gs://{bucket}/{blob.name} is empty (0 bytes)")
    copies = {scratch / "gs:" / bucket / blob.name: blob for blob in blobs}
    storage.fetch(copies, str(handle))
    return sorted(copies)


@contextmanager
def naming_objects(scratch: Path) -> Iterator[None]:
    """Let errors name objects, and not their copies.

    Args:
        scratch: As given to `fetch`.

    Yields:
        Nothing.
    """
    try:
        yield
    except InputError as error:
        raise InputError(str(error).replace(f"{scratch}/gs:/", "gs://")) from error.__cause__
