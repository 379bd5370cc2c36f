"""A Google Cloud project: credentials, APIs, rights, and the bucket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline_tools.doctor.finding import Finding, Findings

TIMEOUT = 15.0
"""Seconds for one answer."""

LOG_IN = "gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS to a key file"

APIS = {
    "aiplatform.googleapis.com": "deploying to Vertex AI, and Vertex AI Pipelines",
    "artifactregistry.googleapis.com": "the image",
    "bigquery.googleapis.com": "reading rows from BigQuery",
    "bigquerystorage.googleapis.com": "read_mode=cloud",
    "compute.googleapis.com": "Dataflow's workers",
    "container.googleapis.com": "a cluster on GKE",
    "dataflow.googleapis.com": "preprocess_mode=cloud and tfma_mode=cloud",
    "storage.googleapis.com": "gs:// paths",
}
"""API -> what for."""

PERMISSIONS = {
    "aiplatform.endpoints.deploy": "roles/aiplatform.user",
    "aiplatform.models.upload": "roles/aiplatform.user",
    "bigquery.jobs.create": "roles/bigquery.jobUser",
    "bigquery.readsessions.create": "roles/bigquery.readSessionUser",
    "dataflow.jobs.create": "roles/dataflow.developer",
    "dataflow.jobs.get": "roles/dataflow.developer",
    "dataflow.messages.list": "roles/dataflow.developer",
}
"""Permission in the project -> the role that has it."""

BUCKET_PERMISSIONS = tuple(f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list"))

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_find = Findings("project")
_machine = Findings("machine")


def check_credentials() -> Finding:
    """Tell which credentials of Google's this machine has, without asking the network.

    Returns:
        What was found.
    """
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS", "")
    if named:
        if not Path(named).is_file():
            return _machine.wrong("credentials", f"GOOGLE_APPLICATION_CREDENTIALS={named}: no such file", LOG_IN)
        return _machine.ok("credentials", f"Google Cloud: {named}")
    folder = os.environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud"
    path = Path(folder) / "application_default_credentials.json"
    if path.is_file():
        return _machine.ok("credentials", f"Google Cloud: {path}")
    return _machine.advice("credentials", "no file with Google Cloud credentials: needed for `cloud` modes", LOG_IN)


def check_project(project: str, bucket: str) -> Iterator[Finding]:
    """Check a project and a bucket in it.

    Args:
        project: Its id; empty to check the bucket alone.
        bucket: ``gs://name`` or its name; empty for none.

    Yields:
        What was found.
    """
    import google.auth
    from google.auth import exceptions
    from google.auth.transport.requests import AuthorizedSession
    from requests import RequestException

    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
        session = AuthorizedSession(credentials)
        if project:
            yield from _check_apis(session, project)
            yield from _check_permissions(session, project)
        if bucket:
            yield from _check_bucket(session, bucket.removeprefix("gs://").partition("/")[0])
    except exceptions.DefaultCredentialsError:
        yield _find.wrong("credentials", "no Google Cloud credentials found", LOG_IN)
    except exceptions.RefreshError as error:
        yield _find.wrong("credentials", f"Google rejects the credentials: {_first_line(error)}", LOG_IN)
    except (RequestException, exceptions.TransportError) as error:
        yield _find.wrong(
            "network", f"Google's services do not answer: {_first_line(error)}", "check the proxy settings"
        )


def access_token() -> str:
    """Return a token of the application default credentials; empty if there are none.

    Returns:
        The token. It must not be shown.
    """
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
        credentials.refresh(Request())
    except GoogleAuthError:
        return ""
    return str(credentials.token)


def _first_line(error: Exception) -> str:
    return str(error.args[0] if error.args else error).splitlines()[0]


def _refused(response: Any) -> str:
    """Return Google's message for a failed request."""
    try:
        return f"{response.status_code}: {response.json()['error']['message']}"
    except (ValueError, KeyError, TypeError):
        return str(response.status_code)


def _check_apis(session: Any, project: str) -> Iterator[Finding]:
    names = [("names", f"projects/{project}/services/{api}") for api in APIS]
    url = f"https://serviceusage.googleapis.com/v1/projects/{project}/services:batchGet"
    response = session.get(url, params=names, timeout=TIMEOUT)
    if response.status_code != 200:
        yield _find.advice(
            "apis", f"cannot be listed: {_refused(response)}", "grant roles/serviceusage.serviceUsageViewer"
        )
        return
    states = {each["name"].rpartition("/")[2]: each.get("state") for each in response.json().get("services", [])}
    off = [api for api in APIS if states.get(api) != "ENABLED"]
    for api in off:
        yield _find.advice(
            "apis", f"{api} is not enabled: needed for {APIS[api]}", f"gcloud services enable {api} --project {project}"
        )
    if not off:
        yield _find.ok("apis", f"all {len(APIS)} APIs that any step uses are enabled in {project}")


def _check_permissions(session: Any, project: str) -> Iterator[Finding]:
    url = f"https://cloudresourcemanager.googleapis.com/v3/projects/{project}:testIamPermissions"
    response = session.post(url, json={"permissions": list(PERMISSIONS)}, timeout=TIMEOUT)
    if response.status_code != 200:
        yield _find.wrong(
            "permissions",
            f"permissions in {project} cannot be read: {_refused(response)}",
            f"check the id, and: gcloud services enable cloudresourcemanager.googleapis.com --project {project}",
        )
        return
    granted = response.json().get("permissions", [])
    missing: dict[str, list[str]] = {}
    for permission, role in PERMISSIONS.items():
        if permission not in granted:
            missing.setdefault(role, []).append(permission)
    for role, permissions in missing.items():
        yield _find.advice(
            "permissions",
            f"you lack {', '.join(permissions)} in {project}",
            f"gcloud projects add-iam-policy-binding {project} --member=… --role={role}",
        )
    if not missing:
        yield _find.ok("permissions", f"you have all permissions that any step needs in {project}")


def _check_bucket(session: Any, bucket: str) -> Iterator[Finding]:
    url = f"https://storage.googleapis.com/storage/v1/b/{bucket}"
    wanted = [("permissions", each) for each in BUCKET_PERMISSIONS]
    response = session.get(f"{url}/iam/testPermissions", params=wanted, timeout=TIMEOUT)
    if response.status_code == 404:
        yield _find.wrong(
            "bucket", f"gs://{bucket} does not exist", f"gcloud storage buckets create gs://{bucket} --location=…"
        )
        return
    if response.status_code != 200:
        yield _find.wrong("bucket", f"gs://{bucket}: {_refused(response)}", LOG_IN)
        return
    missing = [each for each in BUCKET_PERMISSIONS if each not in response.json().get("permissions", [])]
    if missing:
        yield _find.wrong(
            "bucket",
            f"you lack {', '.join(missing)} in gs://{bucket}",
            f"gcloud storage buckets add-iam-policy-binding gs://{bucket} --member=… --role=roles/storage.objectAdmin",
        )
        return
    where = session.get(url, params={"fields": "location"}, timeout=TIMEOUT)
    location = f" in {where.json().get('location', '')}" if where.status_code == 200 else ""
    yield _find.ok("bucket", f"gs://{bucket}{location}: objects can be written, read, listed and deleted")
