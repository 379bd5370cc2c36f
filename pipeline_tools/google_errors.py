"""Turn errors of Google Cloud's client libraries into errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline_tools.errors import PipelineToolsError, ServiceError

LOG_IN = (
    "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a service account's key file"
)


@contextmanager
def google_errors(
    subject: str,
    service: str,
    *,
    missing: str = "not found",
    roles: str = "",
    others: tuple[type[Exception], ...] = (),
) -> Iterator[None]:
    """Translate what a Google client raises inside the block.

    Args:
        subject: What messages begin with: a parameter, a URI, or what is being done.
        service: Name of the service, for example ``Cloud Storage``.
        missing: What it means that the service did not find something.
        roles: What the account needs, as the rest of a sentence that begins with "the account that runs this needs".
        others: Further exceptions that the client raises for a request that failed.

    Yields:
        Nothing.

    Raises:
        ServiceError: In place of any error of the service, of the connection to it, or of the credentials.
    """
    from concurrent.futures import TimeoutError as FutureTimeoutError

    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError, TransportError
    from requests import RequestException

    try:
        yield
    except PipelineToolsError:
        raise  # translated already, or not Google's
    except exceptions.NotFound as error:
        raise ServiceError(f"{subject}: {missing} ({error.message})", error.code) from None
    except exceptions.Forbidden as error:
        needed = f"; the account that runs this needs {roles}" if roles else ""
        raise ServiceError(f"{subject}: access denied{needed} ({error.message})", error.code) from None
    except exceptions.PreconditionFailed as error:
        text = f"{subject}: an object changed meanwhile; run again when nobody else writes there"
        raise ServiceError(text, error.code) from None
    except (exceptions.RetryError, exceptions.DeadlineExceeded, FutureTimeoutError, TimeoutError) as error:
        raise ServiceError(f"{subject}: {service} did not finish in time ({error})") from None
    except (TransportError, RequestException, exceptions.ServiceUnavailable) as error:
        raise ServiceError(f"{subject}: {service} cannot be reached ({error})", getattr(error, "code", None)) from None
    except (GoogleAuthError, exceptions.Unauthorized) as error:
        text = f"{subject}: there are no Google Cloud credentials that work ({error}); {LOG_IN}"
        raise ServiceError(text, getattr(error, "code", None)) from None
    except exceptions.GoogleAPICallError as error:
        status = f" with HTTP {error.code}" if error.code else ""
        raise ServiceError(f"{subject}: {service} refuses this{status} ({error.message})", error.code) from None
    except others as error:
        raise ServiceError(f"{subject}: {service} failed: {error}") from None
