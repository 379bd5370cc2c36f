"""Connect to a Kubeflow Pipelines service, and keep credentials out of every message."""

from __future__ import annotations

import base64
import contextlib
import functools
import io
import json
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote, urlsplit, urlunsplit

import google.auth.exceptions
import kfp
import kfp_server_api
import urllib3
from kfp.client.token_credentials_base import TokenCredentialsBase

from pipeline_tools.errors import InputError, ServiceError

ENDPOINT_VARIABLE = "KF_PIPELINES_ENDPOINT"
"""The environment variable that kfp.Client reads, too."""

_TIMEOUT = (10, 120)  # seconds to connect, and to wait for an answer: without a limit, a silent server blocks forever
_SHORTEST = 6  # characters of a cookie that can be a secret; a flag such as `a=1` is not one
_LONGEST = 2000  # characters of a service's message that are shown


@dataclass(frozen=True, repr=False)
class Access:
    """How to reach a Kubeflow Pipelines service; what `kfp.Client` takes, with files for what is secret.

    Attributes:
        endpoint: URL of the service. Default: ``KF_PIPELINES_ENDPOINT``. Optional inside a cluster and with
            `kube_context`.
        token: A bearer token.
        token_file: A file with a bearer token. It is read for each request, so it may be renewed.
        cookies: The ``Cookie`` header, as a browser sends it after logging in.
        client_id: Client ID of Identity-Aware Proxy.
        other_client_id: Client ID of a desktop application that asks for the user's consent.
        other_client_secret: Secret of that client.
        proxy: URL of an HTTP proxy.
        ssl_ca_cert: File with the certificate authorities to trust.
        verify_ssl: Whether to check the server's certificate.
        kube_context: A context of the kubeconfig file, to go through the Kubernetes API.
        ui_host: URL of the user interface, if it differs from the endpoint.
    """

    endpoint: str | None = None
    token: str | None = None
    token_file: str | os.PathLike[str] | None = None
    cookies: str | None = None
    client_id: str | None = None
    other_client_id: str | None = None
    other_client_secret: str | None = None
    proxy: str | None = None
    ssl_ca_cert: str | os.PathLike[str] | None = None
    verify_ssl: bool | None = None
    kube_context: str | None = None
    ui_host: str | None = None

    def __repr__(self) -> str:
        return f"Access({_without_user(self.endpoint or '')!r})"  # the rest may be secret


class Connection:
    """A connected `kfp.Client`, with errors that are safe to show.

    Args:
        access: How to reach the service.

    Attributes:
        client: The client.
        ui: URL of the user interface; empty if unknown.

    Raises:
        InputError: An argument cannot be used.
        ServiceError: The service cannot be reached or denies access.
    """

    def __init__(self, access: Access) -> None:
        endpoint = _endpoint(access)
        self._secrets = _Secrets()
        self._secrets.add(access.token, access.other_client_secret, access.cookies)
        values = [part.partition("=")[2] for part in (access.cookies or "").split(";")]
        self._secrets.add(*(value for value in values if len(value) >= _SHORTEST))
        if access.proxy:
            self._secrets.add(urlsplit(access.proxy).password)
        self._where = endpoint or "the cluster's Kubeflow Pipelines service"
        self.ui = _page(access.ui_host or os.environ.get("KF_PIPELINES_UI_ENDPOINT") or endpoint)
        with self.request("reaching the service"), _output_to(sys.stderr), warnings.catch_warnings():
            # The client warns about the versions of the service that it was written for.
            warnings.simplefilter("ignore", FutureWarning)
            self.client: Any = _Client(
                self._secrets,
                host=endpoint or None,
                existing_token=access.token,
                credentials=_TokenFile(access.token_file, self._secrets) if access.token_file else None,
                cookies=access.cookies,
                client_id=access.client_id,
                other_client_id=access.other_client_id,
                other_client_secret=access.other_client_secret,
                proxy=access.proxy,
                ssl_ca_cert=_file(access.ssl_ca_cert, "CA certificates"),
                verify_ssl=access.verify_ssl,
                kube_context=access.kube_context,
                ui_host=access.ui_host,
            )
            self.client.get_kfp_healthz()

    @contextlib.contextmanager
    def request(self, what: str) -> Iterator[None]:
        """Turn errors inside the block into a `ServiceError` that contains no secret.

        Args:
            what: What is being requested, for the message.
        """
        try:
            with _output_to(io.StringIO()):  # the client prints links of its own
                yield
        except ServiceError as error:
            raise ServiceError(self._secrets.hide(f"{self._where}: {what}: {error}"), error.status) from None
        except InputError:
            raise
        except (
            kfp_server_api.OpenApiException,
            urllib3.exceptions.HTTPError,
            google.auth.exceptions.GoogleAuthError,
            OSError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            message = self._secrets.hide(f"{self._where}: {what}: {_reason(error)}")
            raise ServiceError(message[:_LONGEST], getattr(error, "status", None) or None) from None

    def page(self, path: str) -> str:
        """Return the link to a page of the user interface; empty if its URL is unknown."""
        return f"{self.ui}/#/{path}" if self.ui else ""

    def hide(self, text: str) -> str:
        """Replace every secret in a text by asterisks."""
        return self._secrets.hide(text)


class _Client(kfp.Client):
    """A client that checks the service's health once, instead of five times with a traceback and five seconds each."""

    def __init__(self, secrets: _Secrets, **options: Any) -> None:
        self._secrets = secrets
        self._health: Any = None
        super().__init__(**options)

    def get_kfp_healthz(self, sleep_duration: int = 5) -> Any:  # noqa: ARG002
        """Check the health of the service; this is the first request."""
        if self._health is None:
            api = self._healthz_api.api_client
            # Secrets that the client found itself: in its context file, or from Google.
            header = self._context_setting.get("client_authentication_header_value")
            self._secrets.add(*api.configuration.api_key.values(), api.cookie, header)
            _guard_requests(api)
            self._health = self._healthz_api.healthz_service_get_healthz()
        return self._health


class _TokenFile(TokenCredentialsBase):
    """A bearer token that is read again for each request."""

    def __init__(self, path: str | os.PathLike[str], secrets: _Secrets) -> None:
        self._path = Path(path)
        self._secrets = secrets
        self._read()

    def refresh_api_key_hook(self, config: Any) -> None:
        config.api_key["authorization"] = self._read()

    def _read(self) -> str:
        try:
            token = self._path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{self._path}: cannot read a token: {getattr(error, 'strerror', error)}") from None
        if not token:
            raise InputError(f"{self._path}: the file is empty; it must contain a bearer token")
        self._secrets.add(token)
        return token


class _Secrets:
    """Texts that must not be shown."""

    def __init__(self) -> None:
        self._forms: set[str] = set()

    def add(self, *secrets: str | None) -> None:
        for secret in secrets:
            plain = (secret or "").strip()
            plain = plain.removeprefix("Bearer ")
            if plain and plain != "placeholder":  # what kfp uses before it has read a token
                coded = base64.b64encode(plain.encode()).decode()
                self._forms |= {plain, quote(plain, safe=""), json.dumps(plain)[1:-1], coded}

    def hide(self, text: str) -> str:
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, "***")
        return text


@contextlib.contextmanager
def _output_to(file: TextIO) -> Iterator[None]:
    """Redirect standard output, in the main thread only: all threads share it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with contextlib.redirect_stdout(file):
        yield


def _endpoint(access: Access) -> str:
    endpoint = (access.endpoint or os.environ.get(ENDPOINT_VARIABLE) or "").strip()
    if not endpoint:
        if access.kube_context:
            _check_context(access.kube_context)
            return ""
        if "KUBERNETES_SERVICE_HOST" in os.environ:
            return ""
        raise InputError(
            f"no Kubeflow Pipelines service given: use --endpoint URL, set {ENDPOINT_VARIABLE}, or choose a kubeconfig "
            "context with --kube-context. `kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80` makes one "
            "available at http://localhost:8080"
        )
    if "://" not in endpoint:
        endpoint = f"https://{endpoint}"
    parts = urlsplit(endpoint)
    if parts.username or parts.password:
        raise InputError(
            f"{_without_user(endpoint)}: the URL contains a user or password, which is not sent; use a token or cookies"
        )
    try:
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port >= 0)
    except ValueError:
        valid = False
    if not valid:
        raise InputError(f"{endpoint!r} is not the URL of a service; write it as https://host/pipeline")
    return _page(endpoint)


def _check_context(name: str) -> None:
    """Check that a context exists; the client would otherwise connect to localhost."""
    from kubernetes import config

    try:
        contexts = [each["name"] for each in config.list_kube_config_contexts()[0]]
    except config.ConfigException as error:
        raise InputError(f"--kube-context {name}: {error}") from None
    if name not in contexts:
        raise InputError(f"--kube-context {name}: the kubeconfig has {', '.join(contexts)}")


def _page(url: str | None) -> str:
    """Return a URL without the part that only the browser needs, such as ``/#/pipelines``."""
    if not url:
        return ""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _file(path: str | os.PathLike[str] | None, what: str) -> str | None:
    if path is None:
        return None
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file ({what})")
    return str(path)


def _guard_requests(api: Any) -> None:
    """Give each request a time limit, and reject an HTML page where the API should answer."""
    request = api.request

    @functools.wraps(request)
    def guarded(*arguments: Any, **options: Any) -> Any:
        options["_request_timeout"] = options.get("_request_timeout") or _TIMEOUT
        try:
            answer = request(*arguments, **options)
        except kfp_server_api.ApiException as error:
            error.body = error.body or b""  # the client decodes it even if there is none
            raise
        if "html" in (answer.getheader("content-type") or ""):
            raise ServiceError(
                "the answer is an HTML page, not the API. Either log in (--token-file, --cookies-file), or correct the "
                "URL: in Kubeflow, that of the Pipelines service ends in /pipeline"
            )
        return answer

    api.request = guarded


_HINTS = {
    401: "not authenticated: give a valid token (--token-file) or cookies (--cookies-file)",
    403: "permission denied: ask for access, or choose a --namespace of your own",
    413: "a proxy in front of the service rejects uploads of this size",
}


def _reason(error: Exception) -> str:
    if isinstance(error, kfp_server_api.ApiException) and error.status:
        said = _said(error.body) or str(error.reason or "")
        hint = _HINTS.get(error.status, "")
        return f"HTTP {error.status}: {said}{f' ({hint})' if hint else ''}"
    if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason is not None:
        return _reason(error.reason)
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return f"cannot connect ({str(error).rpartition(': ')[2]}); check the URL and the port-forward"
    if isinstance(error, kfp_server_api.ApiException):
        return str(error.reason)
    return str(error) or type(error).__name__


def _said(body: Any) -> str:
    """Extract the message from a response: JSON in three dialects, or text."""
    text = body.decode("utf-8", errors="replace") if isinstance(body, bytes) else str(body or "")
    with contextlib.suppress(ValueError):
        answer = json.loads(text)
        if isinstance(answer, dict):
            for key in ("error_details", "error_message", "message", "error"):
                if isinstance(answer.get(key), str) and answer[key]:
                    return str(answer[key])
    return " ".join(text.split()) if "<html" not in text.lower() else ""
