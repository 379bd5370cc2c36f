"""Files in Cloud Storage: copied beside the output, then read like any other."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.errors import InputError
from components.example_gen.handles import Handle
from components.extras import require


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
    bucket_name, _, pattern = handle.location.removeprefix("gs://").partition("/")
    prefix = pattern[: min((pattern.find(mark) for mark in "*?[" if mark in pattern), default=len(pattern))]
    with _understood(handle):
        client = _client(project)
        blobs = [
            blob
            for blob in client.list_blobs(bucket_name, prefix=prefix)
            if blob.name == pattern or fnmatch.fnmatchcase(blob.name, pattern)
        ]
        if not blobs:
            raise InputError(f"{handle}: no object matches")
        paths = []
        for blob in sorted(blobs, key=lambda blob: str(blob.name)):
            if not blob.size:
                raise InputError(f"{handle}: gs://{bucket_name}/{blob.name} is empty (0 bytes)")
            path = scratch / "gs:" / bucket_name / blob.name
            path.parent.mkdir(parents=True, exist_ok=True)
            # The generation that was listed: an object replaced meanwhile is an error, not a mixture.
            blob.download_to_filename(str(path), if_generation_match=blob.generation)
            paths.append(path)
    return paths


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


def _client(project: str) -> Any:
    require("google.cloud.storage")
    from google.cloud import storage

    return storage.Client(project=project or None)


@contextmanager
def _understood(handle: Handle) -> Iterator[None]:
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except exceptions.NotFound as error:
        raise InputError(f"{handle}: no such bucket or object ({error.message})") from None
    except exceptions.Forbidden as error:
        raise InputError(
            f"{handle}: access denied; it needs the role Storage Object Viewer ({error.message})"
        ) from None
    except exceptions.PreconditionFailed:
        raise InputError(f"{handle}: an object changed while it was read; run again when it is complete") from None
    except GoogleAuthError as error:
        raise InputError(
            f"{handle}: there are no Google Cloud credentials that work ({error}); run `gcloud auth "
            "application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a service account's key"
        ) from None
