"""Files in a bucket: copied beside the output, then read like any other."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.example_generation.sources.handles import Handle
from pipeline_tools import storage
from pipeline_tools.errors import InputError


def fetch(handle: Handle, scratch: Path) -> list[Path]:
    """Copy the objects of a handle.

    Args:
        handle: Whose location begins with ``gs://`` or ``s3://``; ``*``, ``?`` and ``[…]`` match within an object's
            name, slashes included.
        scratch: Where to put the copies.

    Returns:
        At least one path below ``scratch / "gs:"`` or ``scratch / "s3:"``, sorted; bucket and name of the object are
        part of it.

    Raises:
        InputError: There is no such object, or no access, or an object changes while it is copied.
    """
    scheme, _, location = handle.location.partition("//")
    bucket, _, pattern = location.partition("/")
    prefix = pattern[: min((pattern.find(mark) for mark in "*?[" if mark in pattern), default=len(pattern))]
    listed = storage.objects(f"{scheme}//{bucket}/{prefix}", str(handle), prefix=True)
    matching = {name: each for name, each in listed.items() if name == pattern or fnmatch.fnmatchcase(name, pattern)}
    if not matching:
        raise InputError(f"{handle}: no object matches")
    for each in matching.values():
        if not each.size:
            raise InputError(f"{handle}: {each.uri} is empty (0 bytes)")
    copies = {scratch / scheme / bucket / name: each for name, each in matching.items()}
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
        text = str(error)
        for scheme in ("gs:", "s3:"):
            text = text.replace(f"{scratch}/{scheme}/", f"{scheme}//")
        raise InputError(text) from error.__cause__
