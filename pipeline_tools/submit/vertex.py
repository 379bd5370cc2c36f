"""Submit to Vertex AI Pipelines with Google's SDK."""

from __future__ import annotations

import datetime
import logging
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kfp.dsl.base_component import BaseComponent

from pipeline_tools.errors import InputError
from pipeline_tools.extras import require
from pipeline_tools.google_errors import google_errors
from pipeline_tools.image import IMAGE
from pipeline_tools.runs.result import Step, StepStatus
from pipeline_tools.submit.cron import five_fields
from pipeline_tools.submit.kubeflow import Recurrence
from pipeline_tools.submit.prepare import PreparedPackage, prepare
from pipeline_tools.submit.states import find_step
from pipeline_tools.submit.submission import RunStatus, State, Submission

_DIGITS = 32  # of the digest: a label has at most 63 characters
_RUNS: dict[str, RunStatus] = {
    "PIPELINE_STATE_SUCCEEDED": "succeeded",
    "PIPELINE_STATE_FAILED": "failed",
    "PIPELINE_STATE_CANCELLED": "canceled",
    "PIPELINE_STATE_RUNNING": "running",
    "PIPELINE_STATE_CANCELLING": "running",
    "PIPELINE_STATE_PAUSED": "running",
}
_STEPS: dict[str, StepStatus] = {
    "FAILED": "failed",
    "CANCELLED": "interrupted",
    "RUNNING": "running",
    "CANCEL_PENDING": "running",
    "CANCELLING": "running",
    "PENDING": "pending",
    "SUCCEEDED": "succeeded",
    "SKIPPED": "skipped",
    "NOT_TRIGGERED": "skipped",
}
_ORDER = tuple(dict.fromkeys(_STEPS.values()))  # of several iterations, the first of these is the step's status


@dataclass(frozen=True)
class Target:
    """Where in Google Cloud where a pipeline runs.

    Attributes:
        project: ID or number of the project.
        pipeline_root: ``gs://`` path under which artifacts are stored.
        region: For example ``us-central1``.
        service_account: E-mail of the service account that steps run as. Default: the project's Compute Engine account.
        network: Full name of a peered network, ``projects/NUMBER/global/networks/NAME``.
    """

    project: str
    pipeline_root: str
    region: str = "us-central1"
    service_account: str | None = None
    network: str | None = None

    def check(self) -> None:
        """Check every field, before anything is sent.

        Raises:
            InputError: A field is invalid; the message names it.
        """
        if not re.fullmatch(r"[a-z][-a-z0-9]{4,28}[a-z0-9]|\d+", self.project):
            raise InputError(f"--project {self.project!r}: give the id or number of a Google Cloud project")
        if not re.fullmatch(r"[a-z]+-[a-z]+\d+", self.region):
            raise InputError(f"--region {self.region!r}: give a region such as us-central1")
        if not re.fullmatch(r"gs://[a-z0-9][-_.a-z0-9]+(/.*)?", self.pipeline_root):
            raise InputError(
                f"--pipeline-root {self.pipeline_root!r}: artifacts are stored in Cloud Storage; give gs://bucket/path"
            )


def submit_to_vertex(
    pipeline: BaseComponent | str | os.PathLike[str],
    arguments: Mapping[str, Any] | None = None,
    *,
    target: Target,
    run_name: str | None = None,
    image: str | None = None,
    caching: bool = True,
    recurrence: Recurrence | None = None,
) -> Submission:
    """Start a run of a pipeline on Vertex AI Pipelines, or a schedule.

    Vertex AI does not version pipelines: each run has its own specification, and the label ``package-sha256`` with the
    first 32 digits of the package's SHA-256.

    Args:
        pipeline: What ``@dsl.pipeline`` made, or the path of a package (``.tar.gz``) or specification (``.yaml``).
        arguments: Values of its parameters; all others keep their defaults.
        target: Where it runs.
        run_name: Display name. Default: the pipeline's name and the UTC time, or the cron expression of a schedule.
        image: The image to run the components in. Vertex AI must be able to pull it, for example from Artifact
            Registry.
        caching: Whether steps may reuse cached results.
        recurrence: A schedule. Vertex AI does not catch up on missed runs.

    Returns:
        What was submitted; its `wait` follows the run.

    Raises:
        InputError: An argument cannot be used; nothing was sent.
        ServiceError: Vertex AI cannot be reached or refuses the request.
        MissingExtraError: The extra ``cloud`` is not installed.
    """
    target.check()
    prepared = prepare(pipeline, arguments, image=image)
    if prepared.needs_image:
        raise InputError(
            f"steps run in {IMAGE}, which is in no registry; build and push an image, and name it with --image"
        )
    cron = five_fields(recurrence.cron) if recurrence else None
    now = datetime.datetime.now(datetime.timezone.utc)
    name = run_name or f"{prepared.name} {cron or f'{now:%Y-%m-%d %H:%M:%S}'}"
    sdk = _sdk()
    with _errors("describing the run"):
        job = _job(sdk, prepared, target, name, now, caching)
    poll: Callable[[], State] | None = None
    if recurrence:
        schedule = _schedule(sdk, job, target, name, str(cron), recurrence)
        ids, link = {"recurring_run": schedule.resource_name}, _page(target, "schedules", schedule.resource_name)
    else:
        with _errors(f"starting the run {name!r}"):
            job.submit(service_account=target.service_account, network=target.network)
        ids, link = {"run": job.resource_name}, _page(target, "runs", job.resource_name)
        poll = _follower(job, prepared)
    return Submission(
        service="vertex",
        pipeline=prepared.name,
        sha256=prepared.sha256,
        parameters=prepared.arguments,
        ids=ids,
        links=dict.fromkeys(ids, link),
        run=name,
        cron=cron,
        status="scheduled" if recurrence else "pending",
        steps={} if recurrence else {key: Step(key, display) for key, display in prepared.steps().items()},
        notes=("Vertex AI ignores the Kubernetes settings of the pipeline",) if prepared.platform else (),
        poll=poll,
    )


def _sdk() -> Any:
    sdk = require("google.cloud.aiplatform", "cloud")
    for part in ("pipeline_jobs", "pipeline_job_schedules", "schedules", "utils.gcs_utils", "base"):
        # It logs everything to standard output, which belongs to the command.
        logging.getLogger(f"google.cloud.aiplatform.{part}").setLevel(logging.CRITICAL)
    return sdk


def _job(sdk: Any, prepared: PreparedPackage, target: Target, name: str, now: datetime.datetime, caching: bool) -> Any:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "pipeline.yaml"
        path.write_text(yaml.safe_dump(prepared.spec, sort_keys=True), encoding="utf-8")
        stem = re.sub(r"[^-0-9a-z]+", "-", prepared.name.lower()).strip("-")
        return sdk.PipelineJob(
            display_name=name,
            template_path=str(path),
            job_id=f"{stem[:100]}-{now:%Y%m%d%H%M%S}-{secrets.token_hex(3)}",
            pipeline_root=target.pipeline_root,
            parameter_values=dict(prepared.arguments),
            enable_caching=None if caching else False,
            labels={"package-sha256": prepared.sha256[:_DIGITS]},
            project=target.project,
            location=target.region,
        )


def _schedule(sdk: Any, job: Any, target: Target, name: str, cron: str, recurrence: Recurrence) -> Any:
    with _errors(f"looking for the schedule {name!r}"):
        there = sdk.PipelineJobSchedule.list(
            filter=f'display_name="{name}"', project=target.project, location=target.region
        )
    if there:
        page = _page(target, "schedules", there[0].resource_name)
        raise InputError(f"there is already a schedule {name!r}: {page}. Delete it, or choose another --run-name")
    with _errors(f"creating the schedule {name!r}"):
        return job.create_schedule(
            cron=cron,
            display_name=name,
            max_concurrent_run_count=recurrence.max_concurrency,
            service_account=target.service_account,
            network=target.network,
        )


def _page(target: Target, kind: str, resource: str) -> str:
    place = f"locations/{target.region}/pipelines/{kind}/{resource.rpartition('/')[2]}"
    return f"https://console.cloud.google.com/vertex-ai/{place}?project={target.project}"


def _follower(job: Any, prepared: PreparedPackage) -> Callable[[], State]:
    names = prepared.steps()

    def poll() -> State:
        with _errors("reading the state of the run"):
            told = job.api_client.get_pipeline_job(name=job.resource_name, timeout=60)
        details: dict[str, list[Any]] = {}
        for detail in told.job_detail.task_details:
            if name := find_step(detail.task_name, names):
                details.setdefault(name, []).append(detail)
        steps = {name: _step(name, names[name], details[name]) for name in names if name in details}
        return State(_RUNS.get(told.state.name, "pending"), told.error.message or None, steps)

    return poll


def _step(name: str, display: str, details: list[Any]) -> Step:
    statuses = [_STEPS.get(detail.state.name, "pending") for detail in details]
    status = min(statuses, key=_ORDER.index)
    starts = [detail.start_time for detail in details if detail.start_time]
    ends = [detail.end_time for detail in details if detail.end_time]
    over = status not in ("pending", "running") and starts and ends
    error = None
    if status == "failed":
        said = [detail.error.message for detail in details if detail.error.message]
        jobs = [detail.executor_detail.custom_job_detail.job for detail in details]
        jobs += [detail.executor_detail.container_detail.main_job for detail in details]
        where = f"; its job: {', '.join(filter(None, jobs))}" if any(jobs) else ""
        error = (said[0].strip() if said else "Vertex AI gives no reason") + where
    return Step(
        name,
        display,
        status=status,
        error=error,
        attempts=1,
        started=min(starts).isoformat() if starts else None,
        seconds=max(0.0, (max(ends) - min(starts)).total_seconds()) if over else None,
    )


def _errors(doing: str) -> AbstractContextManager[None]:
    return google_errors(
        f"Vertex AI: {doing}",
        "Vertex AI",
        roles="the role Vertex AI User on the project",
        others=(ValueError, RuntimeError),  # how the SDK says that an argument or a run is wrong
    )
