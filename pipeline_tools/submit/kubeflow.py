"""Submit to Kubeflow Pipelines: a pipeline, a version for this package, an experiment, a run."""

from __future__ import annotations

import datetime
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kfp_server_api
from kfp.dsl.base_component import BaseComponent

from pipeline_tools.errors import InputError, ServiceError
from pipeline_tools.image import IMAGE
from pipeline_tools.runs.result import Step
from pipeline_tools.submit.connection import Access, Connection
from pipeline_tools.submit.cron import six_fields
from pipeline_tools.submit.prepare import PreparedPackage, prepare
from pipeline_tools.submit.states import read_state
from pipeline_tools.submit.submission import State, Submission

_PAGE = 100
_EQUALS = 1  # FilterOperation in the API
_TAKEN = 409


@dataclass(frozen=True)
class Recurrence:
    """A schedule.

    Attributes:
        cron: A cron expression; see `pipeline_tools.submit.cron.six_fields`.
        max_concurrency: Maximum number of concurrent runs, 1 to 10.
        catchup: Whether runs that were missed while the schedule was off are started later.
    """

    cron: str
    max_concurrency: int = 1
    catchup: bool = True


def submit(
    pipeline: BaseComponent | str | os.PathLike[str],
    arguments: Mapping[str, Any] | None = None,
    *,
    access: Access | None = None,
    experiment: str | None = None,
    run_name: str | None = None,
    namespace: str | None = None,
    pipeline_name: str | None = None,
    version_name: str | None = None,
    image: str | None = None,
    pipeline_root: str | None = None,
    service_account: str | None = None,
    caching: bool = True,
    recurrence: Recurrence | None = None,
) -> Submission:
    """Upload a pipeline to a Kubeflow Pipelines service and start a run, or a recurring run.

    A version is identified by the bytes of its package: if the service already has them, that version is used;
    otherwise they become a new version. Everything that can be checked locally is checked before anything is sent.

    Args:
        pipeline: What ``@dsl.pipeline`` made, or the path of a package (``.tar.gz``) or specification (``.yaml``).
        arguments: Values of its parameters; all others keep their defaults.
        access: How to connect to the service. Default: the URL in ``KF_PIPELINES_ENDPOINT``.
        experiment: Name of the experiment, which is created if necessary. Default:
            ``KF_PIPELINES_DEFAULT_EXPERIMENT_NAME``, or ``Default``.
        run_name: Name of the run. Default: the pipeline's name and the UTC time, or the schedule of a recurring run.
        namespace: The user's namespace, if the service is multi-user.
        pipeline_name: Name of the pipeline in the service. Default: its own name.
        version_name: Name of a new version. Default: the first twelve digits of the package's SHA-256.
        image: The image to run the components in, instead of the default image of this version.
        pipeline_root: Where artifacts are stored, for example ``gs://bucket/runs``. Default: the service's.
        service_account: The Kubernetes service account of the steps.
        caching: Whether steps may reuse cached results.
        recurrence: A schedule; starts a recurring run instead of a run.

    Returns:
        What was submitted; its `wait` follows the run.

    Raises:
        InputError: An argument cannot be used; nothing was sent.
        ServiceError: The service cannot be reached or refuses a request, which the message names.
    """
    prepared = prepare(pipeline, arguments, image=image, caching=caching)
    cron = six_fields(recurrence.cron) if recurrence else None
    service = _Service(Connection(access or Access()), namespace)
    name = pipeline_name or prepared.name
    pipeline_id = service.pipeline(name)
    version, created = service.version(pipeline_id, name, prepared, version_name)
    group = service.experiment(experiment or os.environ.get("KF_PIPELINES_DEFAULT_EXPERIMENT_NAME") or "Default")
    job: dict[str, Any] = {
        "experiment_id": group.experiment_id,
        "job_name": run_name or f"{name} {cron or f'{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M:%S}'}",
        "params": dict(prepared.arguments),
        "pipeline_id": pipeline_id,
        "version_id": version.pipeline_version_id,
        "pipeline_root": pipeline_root,
        "service_account": service_account,
    }
    ids = {"pipeline": pipeline_id, "version": version.pipeline_version_id, "experiment": group.experiment_id}
    poll: Callable[[], State] | None = None
    if recurrence:
        ids["recurring_run"] = service.recurring(job, str(cron), recurrence)
    else:
        ids["run"] = service.run(job)
        poll = service.follower(ids["run"], prepared)
    return Submission(
        service="kubeflow",
        pipeline=name,
        sha256=prepared.sha256,
        parameters=prepared.arguments,
        ids=ids,
        links=service.links(ids),
        version=version.display_name,
        version_created=created,
        experiment=group.display_name,
        run=job["job_name"],
        cron=cron,
        status="scheduled" if recurrence else "pending",
        steps={} if recurrence else {key: Step(key, display) for key, display in prepared.steps().items()},
        notes=_notes(prepared, version, created, version_name),
        poll=poll,
    )


class _Service:
    """The requests to a Kubeflow Pipelines service."""

    def __init__(self, connection: Connection, namespace: str | None) -> None:
        self._connection = connection
        self._client = connection.client
        self._namespace = namespace or self._client.get_user_namespace() or None

    def pipeline(self, name: str) -> str:
        """Return the ID of the pipeline with this name; create it if necessary."""
        with self._connection.request(f"looking for the pipeline {name!r}"):
            found = self._client.list_pipelines(filter=_named(name), namespace=self._namespace).pipelines
        if not found:
            with self._connection.request(f"creating the pipeline {name!r}"):
                # Created empty: a first upload would name the version after the pipeline.
                body = kfp_server_api.V2beta1Pipeline(display_name=name, namespace=self._namespace)
                found = [self._client.pipelines.pipeline_service_create_pipeline(pipeline=body)]
        return self._id(found[0].pipeline_id)

    def version(
        self, pipeline_id: str, name: str, prepared: PreparedPackage, version_name: str | None
    ) -> tuple[Any, bool]:
        """Return the version with these bytes, and whether it is new."""
        found = self._version_with(pipeline_id, prepared)
        if found is not None:
            return found, False
        wanted = version_name or prepared.sha256[:12]
        try:
            with (
                tempfile.TemporaryDirectory() as scratch,
                self._connection.request(f"uploading the version {wanted!r} of the pipeline {name!r}"),
            ):
                path = Path(scratch) / prepared.file_name
                path.write_bytes(prepared.content)
                version = self._client.upload_pipeline_version(
                    str(path), wanted, pipeline_id=pipeline_id, description=_mark(prepared)
                )
        except ServiceError as error:
            if error.status != _TAKEN:
                raise
            found = self._version_with(pipeline_id, prepared)  # somebody else has just uploaded the same package
            if found is not None:
                return found, False
            raise InputError(
                f"the pipeline {name!r} already has a version {wanted!r} with different content; choose another "
                "--version-name"
            ) from None
        return version, True

    def _version_with(self, pipeline_id: str, prepared: PreparedPackage) -> Any:
        with self._connection.request("looking at the pipeline's versions"):
            mark = _mark(prepared)
            return next((each for each in self._versions(pipeline_id) if mark in (each.description or "")), None)

    def _versions(self, pipeline_id: str) -> Iterator[Any]:
        token = ""
        while True:
            page = self._client.list_pipeline_versions(
                pipeline_id, page_token=token, page_size=_PAGE, sort_by="created_at desc"
            )
            yield from page.pipeline_versions or []
            token = page.next_page_token
            if not token:
                return

    def experiment(self, name: str) -> Any:
        """Return the experiment with this name; create it if necessary."""
        with self._connection.request(f"looking for the experiment {name!r}"):
            return self._client.create_experiment(name, namespace=self._namespace)

    def run(self, job: Mapping[str, Any]) -> str:
        """Start a run and return its ID."""
        with self._connection.request(f"starting the run {job['job_name']!r}"):
            return self._id(self._client.run_pipeline(**job).run_id)

    def recurring(self, job: Mapping[str, Any], cron: str, recurrence: Recurrence) -> str:
        """Start a recurring run and return its ID. A second one of the same name is an error: both would start runs."""
        name = job["job_name"]
        with self._connection.request(f"looking for the recurring run {name!r}"):
            there = self._client.list_recurring_runs(experiment_id=job["experiment_id"], filter=_named(name))
        if there.recurring_runs:
            other = there.recurring_runs[0].recurring_run_id
            where = self._connection.page(f"recurringrun/details/{other}") or other
            raise InputError(
                f"the experiment already has a recurring run {name!r}: {where}. Delete it, or choose another --run-name"
            )
        with self._connection.request(f"creating the recurring run {name!r}"):
            made = self._client.create_recurring_run(
                **job,
                cron_expression=cron,
                max_concurrency=recurrence.max_concurrency,
                no_catchup=not recurrence.catchup,
            )
        return self._id(made.recurring_run_id)

    def _id(self, told: str | None) -> str:
        with self._connection.request("reading the response"):
            if not told:
                raise RuntimeError("it contains no ID; is this Kubeflow Pipelines 2.0 or later?")
        return told

    def follower(self, run_id: str, prepared: PreparedPackage) -> Callable[[], State]:
        """Return a function that reads the state of a run."""
        names = prepared.steps()

        def poll() -> State:
            with self._connection.request("reading the state of the run"):
                return read_state(self._client.get_run(run_id), names, self._connection.hide)

        return poll

    def links(self, ids: Mapping[str, str]) -> dict[str, str]:
        """Return the pages of the user interface."""
        pages = {
            "pipeline": "pipelines/details/{pipeline}/version/{version}",
            "experiment": "experiments/details/{experiment}",
            "run": "runs/details/{run}",
            "recurring_run": "recurringrun/details/{recurring_run}",
        }
        return {key: self._connection.page(path.format(**ids)) for key, path in pages.items() if key in ids}


def _notes(prepared: PreparedPackage, version: Any, created: bool, version_name: str | None) -> tuple[str, ...]:
    notes = []
    if prepared.needs_image:
        notes.append(
            f"steps run in {IMAGE}, which no registry has: the cluster must have it, or give --image with one that it "
            "can pull"
        )
    if version_name and not created and version.display_name != version_name:
        notes.append(
            f"the version {version.display_name!r} holds these bytes; it is not made again as {version_name!r}"
        )
    return tuple(notes)


def _mark(prepared: PreparedPackage) -> str:
    """Write what a version's description says of its bytes."""
    return f"sha256:{prepared.sha256}"


def _named(name: str) -> str:
    return json.dumps({"predicates": [{"operation": _EQUALS, "key": "display_name", "stringValue": name}]})
