"""The services that keep objects in buckets: how each is opened, and what its errors mean."""

from __future__ import annotations

import functools
import os
import re
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pipeline_tools.errors import InputError, MissingExtraError
from pipeline_tools.extras import require

_AUTHORITIES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""Variables that name a file of certificates, in the order in which requests reads them."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


@dataclass(frozen=True)
class Service:
    """A service whose objects fsspec reads and writes.

    Attributes:
        scheme: What URIs of its objects begin with.
        name: What people call it.
        package: The package that fsspec needs for it.
        extra: The extra of this package that brings it.
        reader: What an account needs to read.
        writer: What an account needs to write.
        credentials: How to give credentials.
    """

    scheme: str
    name: str
    package: str
    extra: str
    reader: str
    writer: str
    credentials: str


_GCS = Service(
    scheme="gs://",
    name="Cloud Storage",
    package="gcsfs",
    extra="cloud",
    reader="the role Storage Object Viewer",
    writer="the role Storage Object User",
    credentials="run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a service "
    "account's key",
)
_S3 = Service(
    scheme="s3://",
    name="S3",
    package="s3fs",
    extra="s3",
    reader="s3:GetObject and s3:ListBucket",
    writer="s3:PutObject, s3:DeleteObject and s3:ListBucket",
    credentials="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_ENDPOINT_URL for a service other than "
    "Amazon's), or run `aws configure`",
)
SERVICES = (_GCS, _S3)


def is_remote(name: object) -> bool:
    """Tell whether a name means an object in a bucket, or what is below it.

    Args:
        name: A path, a module's name, a URI.

    Returns:
        Whether it begins with ``gs://`` or ``s3://``.
    """
    return isinstance(name, str) and name.startswith(tuple(service.scheme for service in SERVICES))


def service_of(uri: str) -> Service:
    """Find the service of a URI for which `is_remote` holds."""
    return next(service for service in SERVICES if uri.startswith(service.scheme))


def split(uri: str, what: str = "") -> tuple[str, str]:
    """Split a URI into bucket and name.

    Args:
        uri: ``gs://bucket/name`` or ``gs://bucket``; with ``s3://`` likewise.
        what: What errors begin with; default the URI.

    Returns:
        The bucket, and the name without slashes around it; empty for the bucket itself.

    Raises:
        InputError: It is not such a URI.
    """
    bucket, _, name = uri.partition("://")[2].partition("/")
    if not is_remote(uri) or not _BUCKET.fullmatch(bucket):
        form = " or ".join(f"{service.scheme}bucket/path" for service in SERVICES)
        raise InputError(f"{what or uri}: must be {form}, with the bucket's name in lower case")
    return bucket, name.strip("/")


def file_system(uri: str) -> Any:
    """Open the file system of a URI with the credentials of the environment.

    Args:
        uri: A URI of an object or a bucket.

    Returns:
        An ``fsspec.AbstractFileSystem``; the same one for the same service and environment.

    Raises:
        MissingExtraError: The client library is not installed.
        InputError: There are no credentials.
    """
    service = service_of(uri)
    # gcsfs would otherwise ask each bucket for its kind first, a request more that emulators do not know.
    os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    require(service.package, service.extra)
    import fsspec

    with errors(uri):
        if service is _S3:
            endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
            return fsspec.filesystem("s3", endpoint_url=endpoint, use_listings_cache=False)
        names = ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", *_AUTHORITIES)
        return _cloud_storage(os.getpid(), tuple(os.environ.get(name, "") for name in names))


@functools.lru_cache(maxsize=2)
def _cloud_storage(_pid: int, environment: tuple[str, ...]) -> Any:
    """Open Cloud Storage, once for each process and environment: clients must not be inherited by a fork."""
    import gcsfs
    from aiohttp import TCPConnector
    from fsspec.asyn import get_loop

    endpoint, _, *authorities = environment
    context = ssl.create_default_context(cafile=next((path for path in authorities if path), None))
    with warnings.catch_warnings():
        # Only what makes and lists buckets needs a project.
        warnings.filterwarnings("ignore", "GCS project not set", UserWarning)
        return gcsfs.GCSFileSystem(
            # Named, so that a missing key is an error: left open, gcsfs would try the caches of other programs, and go
            # on as nobody.
            token="anon" if endpoint else "google_default",
            endpoint_url=endpoint or None,
            # Proxies and certificates, as Google's own clients obey them; aiohttp alone reads neither variable.
            session_kwargs={"trust_env": True, "connector": TCPConnector(ssl=context, loop=get_loop())},
            use_listings_cache=False,
            skip_instance_cache=True,
        )


@contextmanager
def errors(uri: str, what: str = "", *, writing: bool = False) -> Iterator[None]:
    """Turn the errors of a service into messages that say what to do.

    Args:
        uri: Of what is read or written.
        what: What messages begin with; default the URI.
        writing: Whether the block writes.

    Yields:
        Nothing.

    Raises:
        InputError: In place of any error of the service, of the way to it, or of the credentials. Other errors pass.
    """
    try:
        yield
    except (InputError, MissingExtraError):
        raise
    except Exception as error:
        meaning = _meaning(error, service_of(uri), writing=writing)
        if meaning is None:
            raise
        raise InputError(f"{what or uri}: {meaning}") from error


def _meaning(error: Exception, service: Service, *, writing: bool) -> str | None:
    from aiohttp import ClientError

    status = getattr(error, "code", None)  # of gcsfs' HttpError
    origin = type(error).__module__.partition(".")[0]
    if isinstance(error, FileNotFoundError) and error.errno is None:  # one of the operating system has a number
        return f"no such bucket or object ({error})"
    if _is_credentials_error(error) or str(status) == "401":
        return f"no {service.name} credentials that work ({error}); {service.credentials}"
    if isinstance(error, PermissionError) or str(error).startswith("Forbidden:"):
        needed = service.writer if writing else service.reader
        return f"access denied; the account that runs this needs {needed} on the bucket ({_last_line(error)})"
    if isinstance(error, (ClientError, ConnectionError, TimeoutError)) or origin == "requests":
        return f"{service.name} cannot be reached ({error or type(error).__name__})"
    if origin == "botocore" and "onnect" in type(error).__name__:
        return f"{service.name} cannot be reached ({error})"
    if status is not None or origin in ("botocore", "google") or str(error).startswith("Bad Request:"):
        return f"{service.name} refuses this ({_last_line(error)})"
    return None


def _is_credentials_error(error: Exception) -> bool:
    module, name = type(error).__module__, type(error).__name__
    if module == "google.auth.exceptions":
        return name != "TransportError"
    return module == "botocore.exceptions" and "Credential" in name


def _last_line(error: Exception) -> str:
    return str(error).strip().rpartition("\n")[2]
