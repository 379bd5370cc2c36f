"""Dataflow: it takes jobs from the real DataflowRunner, and runs each in a fresh process, `worker.py`.

Like the real service it refuses names that are none, lets one active job have a name, tells a failing worker's own
traceback as a message, and goes through the states that clients wait for. Unlike it, it has one worker, which tries
once and reports no progress.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import grpc
from google.cloud import dataflow as api
from google.protobuf import json_format

ROOT = Path(__file__).parents[2]
State, Importance = api.JobState, api.JobMessageImportance
ENDED = (State.JOB_STATE_DONE, State.JOB_STATE_FAILED, State.JOB_STATE_CANCELLED)
FAILED = (
    "Workflow failed. Causes: The job failed because a work item has failed 4 times. Look in previous log entries for "
    "the cause of each one of the 4 failures. The work item was attempted on these workers: \n\n  {name}-harness"
)


class Jobs:
    """The jobs there are, each with a folder ``jobs/ID`` of its own.

    Args:
        folder: Where jobs are recorded, and tests say what workers lack.
        environment: Variables that workers get.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._numbers = itertools.count(1)
        self._jobs: dict[str, api.Job] = {}
        self._messages: dict[str, list[api.JobMessage]] = {}
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.RLock()
        self._image = folder / "image"
        self._image.mkdir()
        for package in ("components", "taxi_pipeline"):
            (self._image / package).symlink_to(ROOT / package)

    def create(self, request: Any, context: Any) -> Any:
        """Take a job, and start its worker."""
        job = api.Job(request.job)
        name = r"[a-z]([-a-z0-9]{0,1022}[a-z0-9])?"
        if not re.fullmatch(name, job.name):
            _refuse(context, f"The job name {job.name!r} is invalid; it must match the regular expression {name!r}")
        for label in (*job.labels, *job.labels.values()):
            if not re.fullmatch(r"[-_a-z0-9]{0,63}", label):
                _refuse(context, f"The label {label!r} is invalid: small letters, digits, - and _, at most 63")
        if not request.project_id or not request.location:
            _refuse(context, "A job needs a project and a location")
        with self._lock:
            for other in self._jobs.values():
                if other.name == job.name and other.current_state not in ENDED:
                    return other  # by its client_request_id the client sees that this is not the job it made
            now = datetime.now(timezone.utc)
            job.id = f"{now:%Y-%m-%d_%H_%M_%S}-{next(self._numbers):019}"
            job.project_id, job.location = request.project_id, request.location
            job.create_time = job.start_time = now
            self._jobs[job.id], self._messages[job.id] = job, []
            (self._folder / "jobs" / job.id).mkdir(parents=True)
            hidden = json.loads((self._folder / "hidden.json").read_text())
            bucket = job.environment.temp_storage_prefix.split("/")[1]
            self._write(job.id, "lacking.json", json.dumps(hidden.get(bucket, [])))
            body = json_format.MessageToDict(type(request).pb(request))
            self._write(job.id, "request.json", json.dumps(_with_integers(body)))
            self._enter(job.id, State.JOB_STATE_PENDING)
        threading.Thread(target=self._work, args=(job.id,), daemon=True).start()
        return job

    def get(self, request: Any, context: Any) -> Any:
        """Give a job."""
        if request.job_id not in self._jobs:
            context.abort(grpc.StatusCode.NOT_FOUND, f"({request.job_id}): Information about job could not be found.")
        return self._jobs[request.job_id]

    def all_of(self, request: Any, _context: Any) -> Any:
        """Give the jobs of a project in a location."""
        place = request.project_id, request.location
        return api.ListJobsResponse(
            jobs=[job for job in self._jobs.values() if (job.project_id, job.location) == place]
        )

    def update(self, request: Any, context: Any) -> Any:
        """Cancel a job."""
        job = self.get(request, context)
        if request.job.requested_state != State.JOB_STATE_CANCELLED:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "this stand-in can only cancel a job")
        with self._lock:
            if job.current_state not in ENDED:
                self._say(job.id, Importance.JOB_MESSAGE_BASIC, "Cancel request is committed for workflow job.")
                self._enter(job.id, State.JOB_STATE_CANCELLED)
                if job.id in self._workers:
                    self._workers[job.id].kill()
        return job

    def messages(self, request: Any, context: Any) -> Any:
        """Give a job's messages, from a time and an importance on."""
        job = self.get(request, context)
        start = request.start_time
        return api.ListJobMessagesResponse(
            job_messages=[
                message
                for message in self._messages[job.id]
                if message.message_importance >= request.minimum_importance and (not start or message.time >= start)
            ]
        )

    def metrics(self, request: Any, context: Any) -> Any:
        """Give the counters and distributions of a job that is done."""
        path = self._folder / "jobs" / self.get(request, context).id / "metrics.json"
        found = json.loads(path.read_text()) if path.exists() else []
        return api.JobMetrics.wrap(json_format.ParseDict({"metrics": found}, api.JobMetrics.pb(api.JobMetrics())))

    def stop(self) -> None:
        """End all workers."""
        with self._lock:
            for worker in self._workers.values():
                worker.kill()
                worker.wait()

    def _work(self, job_id: str) -> None:
        folder = self._folder / "jobs" / job_id
        scratch = folder / "worker"
        scratch.mkdir()
        script = str(Path(__file__).with_name("worker.py"))
        command = [sys.executable, "-I", script, str(folder), str(self._image)]
        environment = {**self._environment, "HOME": str(scratch), "TMPDIR": str(scratch)}
        with self._lock, (folder / "worker.log").open("wb") as log:
            if self._jobs[job_id].current_state in ENDED:
                return
            self._say(job_id, Importance.JOB_MESSAGE_BASIC, "Starting 1 worker: a fresh process on this machine")
            # The worker ends with its standard input, should this process be killed.
            worker = self._workers[job_id] = subprocess.Popen(
                command, cwd=scratch, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment
            )
            self._write(job_id, "pid", str(worker.pid))
            self._enter(job_id, State.JOB_STATE_RUNNING)
        code = worker.wait()
        with self._lock:
            del self._workers[job_id]
            worker.stdin.close()
            shutil.rmtree(scratch, ignore_errors=True)
            if self._jobs[job_id].current_state in ENDED:
                return
            if code:
                told, log = folder / "error.txt", (folder / "worker.log").read_text()[-3000:]
                error = told.read_text() if told.exists() else f"The worker ended with code {code}:\n{log}"
                self._say(job_id, Importance.JOB_MESSAGE_ERROR, error)
                self._say(job_id, Importance.JOB_MESSAGE_ERROR, FAILED.format(name=self._jobs[job_id].name))
            self._say(job_id, Importance.JOB_MESSAGE_BASIC, "Worker pool stopped.")
            self._enter(job_id, State.JOB_STATE_FAILED if code else State.JOB_STATE_DONE)

    def _enter(self, job_id: str, state: Any) -> None:
        job = self._jobs[job_id]
        job.current_state, job.current_state_time = state, datetime.now(timezone.utc)
        self._write(job_id, "state", state.name)

    def _say(self, job_id: str, importance: Any, text: str) -> None:
        said = self._messages[job_id]
        now = datetime.now(timezone.utc)
        said.append(api.JobMessage(id=str(len(said)), time=now, message_text=text, message_importance=importance))
        told = [(each.message_importance.name, each.message_text) for each in said]
        self._write(job_id, "messages.json", json.dumps(told))
        time.sleep(0.001)  # clients tell messages apart by their time

    def _write(self, job_id: str, name: str, text: str) -> None:
        path = self._folder / "jobs" / job_id / name
        path.with_suffix(".new").write_text(text)
        path.with_suffix(".new").replace(path)


def _with_integers(value: Any) -> Any:
    """Write whole numbers as the service writes them: a Struct knows floating-point numbers only."""
    if isinstance(value, dict):
        return {key: _with_integers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_integers(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _refuse(context: Any, text: str) -> None:
    context.abort(grpc.StatusCode.INVALID_ARGUMENT, text)


def start(jobs: Jobs) -> tuple[grpc.Server, int]:
    """Serve jobs by gRPC; the server and its port are returned."""
    services = {
        "JobsV1Beta3": {
            "CreateJob": (jobs.create, api.CreateJobRequest),
            "GetJob": (jobs.get, api.GetJobRequest),
            "ListJobs": (jobs.all_of, api.ListJobsRequest),
            "UpdateJob": (jobs.update, api.UpdateJobRequest),
        },
        "MessagesV1Beta3": {"ListJobMessages": (jobs.messages, api.ListJobMessagesRequest)},
        "MetricsV1Beta3": {"GetJobMetrics": (jobs.metrics, api.GetJobMetricsRequest)},
    }
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", 64 << 20)])
    for name, methods in services.items():
        handlers = {
            method: grpc.unary_unary_rpc_method_handler(
                function, kind.deserialize, lambda message: type(message).serialize(message)
            )
            for method, (function, kind) in methods.items()
        }
        service = grpc.method_handlers_generic_handler(f"google.dataflow.v1beta3.{name}", handlers)
        server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port
