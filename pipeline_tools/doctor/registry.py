"""The image of the steps: whether its registry has it."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from pipeline_tools.doctor.finding import Finding, Findings
from pipeline_tools.errors import InputError

TIMEOUT = 10.0
"""Seconds for one request."""

_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_REFERENCE = re.compile(
    r"(?:(?P<host>[^/]*[.:][^/]*|localhost)/)?(?P<name>[a-z0-9._/-]+)(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>\w+:\w+))?"
)
_find = Findings("image")


def check_image(image: str) -> Iterator[Finding]:
    """Check that an image is in its registry.

    Args:
        image: ``registry/name:tag`` or ``…@sha256:…``.

    Yields:
        What was found.

    Raises:
        InputError: It is not the name of an image.
    """
    found = _REFERENCE.fullmatch(image)
    if found is None:
        raise InputError(f"--image {image}: must be registry/name:tag")
    host, name = found["host"], found["name"]
    reference = found["digest"] or found["tag"] or "latest"
    if host is None:
        yield _find.wrong(
            "name",
            f"{image} names no registry, so a cluster would look for it on Docker Hub",
            "make image IMAGE=REGISTRY/taxi-pipeline-python:TAG, push it, then compile --image with that name",
        )
        return
    plain = host.partition(":")[0] in ("localhost", "127.0.0.1")
    url = f"{'http' if plain else 'https'}://{host}/v2/{name}/manifests/{reference}"
    try:
        response = _ask(url, host)
    except requests.RequestException as error:
        yield _find.wrong("registry", f"{host} does not answer: {_reason(error)}", "check the name and the network")
        return
    if response.status_code == 200:
        digest = response.headers.get("Docker-Content-Digest", "")
        yield _find.ok("manifest", f"{image} exists{f': {digest}' if digest else ''}")
        if reference == "latest":
            yield _find.advice("tag", "latest can change while a pipeline runs", "use a version or a digest")
    elif response.status_code in (401, 403):
        yield _find.wrong("registry", f"{host} denies access to {name}", _how_to_log_in(host))
    elif response.status_code == 404:
        yield _find.wrong("manifest", f"{host} has no {name}:{reference}", f"make image IMAGE={image}, then push it")
    else:
        yield _find.wrong(
            "registry", f"{host} answers {response.status_code} for {name}:{reference}", "try again later"
        )


def _ask(url: str, host: str) -> requests.Response:
    """Request a manifest; if the registry wants a token, get one as it says."""
    headers = {"Accept": _MANIFESTS}
    response = requests.head(url, headers=headers, timeout=TIMEOUT)
    challenge = response.headers.get("WWW-Authenticate", "")
    if response.status_code != 401 or not challenge:
        return response
    user = _credentials(host)
    scheme, _, rest = challenge.partition(" ")
    if scheme.lower() == "basic" and user is not None:
        return requests.head(url, headers=headers, auth=user, timeout=TIMEOUT)
    fields = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    if scheme.lower() != "bearer" or "realm" not in fields:
        return response
    asked = {key: fields[key] for key in ("service", "scope") if key in fields}
    answer = requests.get(fields["realm"], params=asked, auth=user, timeout=TIMEOUT)
    if answer.status_code != 200:
        return response
    given = answer.json()
    headers["Authorization"] = f"Bearer {given.get('token') or given.get('access_token')}"
    return requests.head(url, headers=headers, timeout=TIMEOUT)


def _credentials(host: str) -> tuple[str, str] | None:
    """Find credentials: in Docker's configuration, or for Google's registries the application default credentials."""
    path = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    try:
        known: Any = json.loads(path.read_text(encoding="utf-8"))
        user, _, password = base64.b64decode(known["auths"][host]["auth"]).decode().partition(":")
    except (OSError, ValueError, KeyError, TypeError):
        pass
    else:
        return user, password
    if host.endswith((".pkg.dev", "gcr.io")):
        from pipeline_tools.doctor.google import access_token

        token = access_token()
        return ("oauth2accesstoken", token) if token else None
    return None


def _how_to_log_in(host: str) -> str:
    if host.endswith((".pkg.dev", "gcr.io")):
        return "grant roles/artifactregistry.reader, and run: gcloud auth application-default login"
    return f"docker login {host}; a cluster needs an imagePullSecret of its own"


def _reason(error: requests.RequestException) -> str:
    cause = error.args[0] if error.args else error
    return str(getattr(cause, "reason", cause))
