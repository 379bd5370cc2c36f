"""Vertex AI Pipelines of our own: jobs and schedules, in the real protocol and the SDK's own messages."""

from __future__ import annotations

import itertools
import re
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.cloud import aiplatform_v1 as api
from google.cloud import resourcemanager_v3
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

PYTHON = {"STRING": str, "NUMBER_INTEGER": (int, float), "NUMBER_DOUBLE": (int, float), "BOOLEAN": bool,
          "LIST": list, "STRUCT": dict}  # fmt: skip
JobState, TaskState = api.PipelineState, api.PipelineTaskDetail.State


class Fake:
    """The service.

    Attributes:
        jobs: By resource name.
        schedules: In the order in which they came.
        script: How runs go: for each look the state of the job and of its tasks. The last stays.
        refuse: A status and a message, to refuse everything with.
    """

    def __init__(self):
        self.jobs, self.schedules, self.looks = {}, [], {}
        self.script = [("RUNNING", {}), ("SUCCEEDED", None)]
        self.refuse = None
        self.numbers = itertools.count(1)

    def create_pipeline_job(self, request, context):
        job = api.PipelineJob(request.pipeline_job)
        self._check(job, context)
        if not re.fullmatch(r"[a-z][-a-z0-9]{0,127}", request.pipeline_job_id):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"pipeline_job_id {request.pipeline_job_id}")
        job.name = f"{request.parent}/pipelineJobs/{request.pipeline_job_id}"
        if job.name in self.jobs:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, f"{job.name} exists")
        job.state = JobState.PIPELINE_STATE_PENDING
        self.jobs[job.name] = job
        return job

    def get_pipeline_job(self, request, context):
        if request.name not in self.jobs:
            context.abort(grpc.StatusCode.NOT_FOUND, f"{request.name} is not found")
        look = self.looks[request.name] = self.looks.get(request.name, -1) + 1
        state, tasks = self.script[min(look, len(self.script) - 1)]
        job = api.PipelineJob(self.jobs[request.name])
        job.state = JobState[f"PIPELINE_STATE_{state}"]
        spec = json_format.MessageToDict(api.PipelineJob.pb(job).pipeline_spec)
        if tasks is None:
            tasks = dict.fromkeys(spec["root"]["dag"]["tasks"], "SUCCEEDED")
        details = [api.PipelineTaskDetail(task_id=1, task_name=spec["pipelineInfo"]["name"], state=TaskState.RUNNING)]
        for number, (name, told) in enumerate(tasks.items(), 2):
            state, _, error = told.partition(": ")
            detail = {
                "task_id": number,
                "task_name": name,
                "state": TaskState[state],
                "start_time": "2026-11-24T10:00:00Z",
            }
            if state in ("SUCCEEDED", "FAILED"):
                detail["end_time"] = "2026-11-24T10:00:07Z"
            if error:
                detail["error"] = {"code": 9, "message": error}
            details.append(api.PipelineTaskDetail(**detail))
        job.job_detail = api.PipelineJobDetail(task_details=details)
        return job

    def create_schedule(self, request, context):
        schedule = api.Schedule(request.schedule)
        self._check(schedule.create_pipeline_job_request.pipeline_job, context)
        if len(schedule.cron.removeprefix("TZ=Europe/Berlin ").split()) != 5:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"cron {schedule.cron!r}")
        schedule.name = f"{request.parent}/schedules/{next(self.numbers)}"
        self.schedules.append(schedule)
        return schedule

    def list_schedules(self, request, _context):
        name = re.fullmatch(r'display_name="(.+)"', request.filter)[1]
        return api.ListSchedulesResponse(schedules=[each for each in self.schedules if each.display_name == name])

    def get_project(self, _request, _context):
        return resourcemanager_v3.Project(name="projects/1234")

    def _check(self, job, context):
        """Refuse what Vertex AI cannot run: another specification, unknown or mistyped parameters, no bucket."""
        try:
            spec = json_format.MessageToDict(api.PipelineJob.pb(job).pipeline_spec)
            json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
            assert spec["schemaVersion"] == "2.1.0"
            assert job.runtime_config.gcs_output_directory.startswith("gs://")
            known = spec["root"].get("inputDefinitions", {}).get("parameters", {})
            given = json_format.MessageToDict(api.PipelineJob.pb(job).runtime_config).get("parameterValues", {})
            for name, value in given.items():
                assert isinstance(value, PYTHON[known[name]["parameterType"]]), (name, value)
            assert all(re.fullmatch(r"[-_a-z0-9]{0,63}", value) for value in job.labels.values()), job.labels
        except Exception as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, repr(error))


def serve(fake: Fake) -> tuple[grpc.Server, int]:
    def handler(function, kind):
        def call(request, context):
            if fake.refuse:
                context.abort(*fake.refuse)
            return function(request, context)

        return grpc.unary_unary_rpc_method_handler(call, kind.deserialize, lambda told: type(told).serialize(told))

    services = {
        "aiplatform.v1.PipelineService": {
            "CreatePipelineJob": handler(fake.create_pipeline_job, api.CreatePipelineJobRequest),
            "GetPipelineJob": handler(fake.get_pipeline_job, api.GetPipelineJobRequest),
        },
        "aiplatform.v1.ScheduleService": {
            "CreateSchedule": handler(fake.create_schedule, api.CreateScheduleRequest),
            "ListSchedules": handler(fake.list_schedules, api.ListSchedulesRequest),
        },
        # The SDK asks whose the bucket is, and waits for a minute if nobody answers.
        "resourcemanager.v3.Projects": {"GetProject": handler(fake.get_project, resourcemanager_v3.GetProjectRequest)},
    }
    server = grpc.server(ThreadPoolExecutor(4))
    for name, methods in services.items():
        handlers = grpc.method_handlers_generic_handler(f"google.cloud.{name}", methods)
        server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port
