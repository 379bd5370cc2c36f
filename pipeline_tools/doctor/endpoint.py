"""The API of Kubeflow Pipelines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import requests

from pipeline_tools.doctor.finding import Finding, Findings

TIMEOUT = 10.0
"""Seconds for one request."""

SERVED = "2.17"
"""The version of KFP's backend that the tests check packages with."""

_find = Findings("endpoint")


def check_endpoint(endpoint: str, token: str = "") -> Iterator[Finding]:
    """Check that Kubeflow Pipelines answers.

    Args:
        endpoint: URL of its API or its UI.
        token: A bearer token to send; never shown.

    Yields:
        What was found.
    """
    endpoint = endpoint if "://" in endpoint else f"http://{endpoint}"
    base = endpoint.split("/#")[0].rstrip("/")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    health = _get(f"{base}/apis/v2beta1/healthz", headers)
    if isinstance(health, Finding):
        yield health
        return
    if health.get("apiServerReady") is False:  # the UI answers for an API server that is down
        yield _find.wrong("api", f"{base}: the UI answers, but its API server does not", "kubectl get pods -n kubeflow")
        return
    users = "multiple users: give a namespace when you submit" if health.get("multi_user") else "a single user"
    yield _find.ok("api", f"Kubeflow Pipelines v2 answers at {base}, for {users}")
    version = _version_in(health) or _version_in(_get(f"{base}/apis/v1beta1/healthz", headers))
    if not version:
        yield _find.advice("version", "it does not report its version", f"make sure that it is {SERVED} or newer")
    elif _number(version) < _number(SERVED):
        yield _find.advice("version", f"{version}: tested with {SERVED}", "upgrade Kubeflow Pipelines")
    else:
        yield _find.ok("version", version)


def _version_in(health: dict[str, Any] | Finding) -> str:
    """Find the version: the UI reports it, and some API servers at the older path."""
    return "" if isinstance(health, Finding) else str(health.get("apiServerTagName") or health.get("tag_name") or "")


def _get(url: str, headers: dict[str, str]) -> dict[str, Any] | Finding:
    try:
        response = requests.get(url, headers=headers, timeout=TIMEOUT, allow_redirects=False)
    except requests.RequestException as error:
        reason = str(getattr(error.args[0], "reason", error) if error.args else error)
        remedy = "kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80, then --endpoint http://localhost:8080"
        return _find.wrong("api", f"{url} does not answer: {reason}", remedy)
    if response.status_code in (301, 302, 303, 307, 308, 401, 403):
        where = response.headers.get("Location", "").split("?")[0]
        told = f"{response.status_code}{f' to {where}' if where else ''}"
        return _find.wrong("api", f"{url} requires a login ({told})", "give a token: --token-file FILE")
    try:
        found = response.json()
    except ValueError:
        found = None
    if response.status_code != 200 or not isinstance(found, dict):
        return _find.wrong(
            "api", f"{url} answers {response.status_code}, but not like Kubeflow Pipelines v2", "check the URL"
        )
    return found


def _number(version: str) -> tuple[int, ...]:
    parts = version.lstrip("v").split("-")[0].split(".")[:2]
    return tuple(int(part) if part.isdecimal() else 0 for part in parts)
