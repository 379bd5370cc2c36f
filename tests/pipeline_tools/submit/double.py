"""A Kubeflow Pipelines service of our own, on a real socket: it keeps what it is told, and checks each request."""

from __future__ import annotations

import email
import email.policy
import io
import itertools
import json
import re
import ssl
import tarfile
import threading
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import yaml

from tests.pipeline_tools.submit import kfp_api

PREFIX = re.compile("/pipeline(?=/)|/api/v1/namespaces/kubeflow/services/ml-pipeline:http/proxy/(?=/)")
"""Where else the service is: in Kubeflow, and behind the Kubernetes API."""
NOW = "2026-11-24T10:00:{:02}Z"


class RefusalError(Exception):
    def __init__(self, status, body, kind="application/json"):
        super().__init__(status)
        self.status, self.body, self.kind = status, body, kind


def refused(status, message):
    """An error as the service's gateway writes it."""
    return RefusalError(status, json.dumps({"error": message, "code": 5, "message": message, "details": []}))


class Double:
    """The service.

    Attributes:
        requests: What was asked: method, path and body.
        problems: Requests that the API does not have.
        token: What must be sent as a bearer token; none: nothing.
        intercept: Called with method and path before anything else; may raise a RefusalError.
        script: How runs go: for each look the state of the run and of its tasks. The last stays.
    """

    def __init__(self, multi_user=False):
        self.pipelines, self.versions, self.experiments, self.runs, self.recurring = {}, {}, {}, {}, {}
        self.requests, self.problems, self.headers, self.forms, self.files = [], [], [], [], {}
        self.token = None
        self.intercept = lambda _method, _path, _headers: None
        self.script = [("RUNNING", {}), ("SUCCEEDED", None)]
        self.looks = {}
        self.multi_user = multi_user
        self.clock = itertools.count()
        self.lock = threading.Lock()

    def asked(self, method, path):
        return [body for each, where, body in self.requests if each == method and re.fullmatch(path, where)]

    # What each operation does, by the name that the API gives it.

    def healthz_service_get_healthz(self):
        return {"multi_user": self.multi_user}

    def pipeline_service_list_pipelines(self, filter="", namespace="", **_paging):  # noqa: A002
        self._one_namespace(namespace)
        return {"pipelines": [each for each in _filtered(self.pipelines, filter) if each["namespace"] == namespace]}

    def pipeline_service_create_pipeline(self, pipeline):
        self._one_namespace(pipeline.get("namespace", ""))
        name, namespace = pipeline["display_name"], pipeline.get("namespace", "")
        if any((each["display_name"], each["namespace"]) == (name, namespace) for each in self.pipelines.values()):
            raise refused(409, f"Already exist error: The name {name} already exist")
        made = {"namespace": "", **pipeline, "pipeline_id": _new(), "created_at": self._now()}
        return self.pipelines.setdefault(made["pipeline_id"], made)

    def pipeline_service_list_pipeline_versions(self, pipeline_id, page_token="", page_size="20", sort_by=""):
        assert sort_by in ("", "created_at desc")
        found = [each for each in self.versions.values() if each["pipeline_id"] == pipeline_id]
        found.sort(key=lambda each: each["created_at"], reverse=bool(sort_by))
        start, size = int(page_token or 0), min(int(page_size), 2)  # so that there are pages
        answer = {"pipeline_versions": found[start : start + size], "total_size": len(found)}
        return answer | ({"next_page_token": str(start + size)} if start + size < len(found) else {})

    def upload_pipeline_version(self, files, pipelineid, name, description=""):
        file_name, content = files["uploadfile"]
        if len(content) > 32 << 20:
            raise RefusalError(
                400, json.dumps({"error_message": "File size too large. Maximum supported file size: 32 MiB"})
            )
        if any(each["pipeline_id"] == pipelineid and each["display_name"] == name for each in self.versions.values()):
            message = "Failed to create a pipeline version"
            raise RefusalError(409, json.dumps({"error_message": message, "error_details": message}))
        made = {
            "pipeline_id": pipelineid,
            "pipeline_version_id": _new(),
            "display_name": name,
            "description": description,
            "created_at": self._now(),
            "pipeline_spec": _spec(file_name, content),
        }
        self.files[made["pipeline_version_id"]] = content
        return self.versions.setdefault(made["pipeline_version_id"], made)

    def experiment_service_list_experiments(self, filter="", namespace="", **_paging):  # noqa: A002
        self._one_namespace(namespace)
        return {"experiments": [each for each in _filtered(self.experiments, filter) if each["namespace"] == namespace]}

    def experiment_service_create_experiment(self, experiment):
        self._one_namespace(experiment.get("namespace", ""))
        made = {"namespace": "", **experiment, "experiment_id": _new(), "created_at": self._now()}
        return self.experiments.setdefault(made["experiment_id"], made)

    def run_service_create_run(self, run):
        self._job(run)
        made = {**run, "run_id": _new(), "created_at": self._now(), "state": "PENDING"}
        return self.runs.setdefault(made["run_id"], made)

    def run_service_get_run(self, run_id, **_experiment):
        if run_id not in self.runs:
            raise refused(404, f"Run {run_id} not found")
        look = self.looks[run_id] = self.looks.get(run_id, -1) + 1
        state, tasks = self.script[min(look, len(self.script) - 1)]
        run = self.runs[run_id]
        if isinstance(state, dict):
            run["error"], state = state["error"], state["state"]
        version = self.versions[run["pipeline_version_reference"]["pipeline_version_id"]]
        names = list(version["pipeline_spec"]["root"]["dag"]["tasks"])
        run |= {"state": state, "run_details": {"task_details": list(_details(run_id, names, tasks))}}
        return run

    def recurring_run_service_list_recurring_runs(self, experiment_id="", filter="", **_paging):  # noqa: A002
        return {"recurringRuns": [e for e in _filtered(self.recurring, filter) if e["experiment_id"] == experiment_id]}

    def recurring_run_service_create_recurring_run(self, recurring_run):
        self._job(recurring_run)
        assert recurring_run["mode"] == "ENABLE"
        made = {**recurring_run, "recurring_run_id": _new(), "status": "ENABLED"}
        return self.recurring.setdefault(made["recurring_run_id"], made)

    def _job(self, job):
        if job["experiment_id"] not in self.experiments:
            raise refused(404, f"Experiment {job['experiment_id']} not found")
        reference = job["pipeline_version_reference"]
        version = self.versions[reference["pipeline_version_id"]]
        assert version["pipeline_id"] == reference["pipeline_id"]
        root = version["pipeline_spec"]["root"]
        known = root.get("inputDefinitions", {}).get("parameters", {})
        for name, value in job["runtime_config"].get("parameters", {}).items():
            if name not in known:
                raise refused(400, f"Invalid input error: parameter {name} is not found in the pipeline spec")
            kinds = {"STRING": str, "NUMBER_INTEGER": int, "NUMBER_DOUBLE": (int, float), "BOOLEAN": bool,
                     "LIST": list, "STRUCT": dict}  # fmt: skip
            assert isinstance(value, kinds[known[name]["parameterType"]]), (name, value)

    def _one_namespace(self, namespace):
        if namespace and not self.multi_user:
            raise refused(400, "Invalid input error: In single-user mode, a namespace shouldn't be given")
        if self.multi_user and not namespace:
            raise refused(400, "Invalid input error: Namespace is empty")

    def _now(self):
        return NOW.format(next(self.clock) % 60)


def _new():
    return str(uuid.uuid4())


def _filtered(things, text):
    if not text:
        return list(things.values())
    (predicate,) = json.loads(text)["predicates"]
    assert (predicate["operation"], predicate["key"]) in ((1, "display_name"), ("EQUALS", "display_name"))
    return [each for each in things.values() if each["display_name"] == predicate["stringValue"]]


def _spec(file_name, content):
    """Read an upload as the service does: a member of exactly this name, or YAML."""
    if file_name.endswith(".tar.gz"):
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            content = archive.extractfile("pipeline.yaml").read()
    return next(yaml.safe_load_all(content))


def _details(run_id, names, tasks):
    """Tell of tasks as the service does: for each its driver, itself, and the pod of its executor."""
    if tasks is None:
        tasks = dict.fromkeys(names, "SUCCEEDED")
    base = {"run_id": run_id, "create_time": NOW.format(0), "start_time": NOW.format(0)}
    yield {**base, "task_id": "root", "display_name": "root", "state": "RUNNING", "end_time": "1970-01-01T00:00:00Z"}
    yield {**base, "task_id": "root-driver", "display_name": "root-driver", "state": "SUCCEEDED"}
    for name, state in tasks.items():
        told = state if isinstance(state, dict) else {"state": state}
        ended = {"end_time": NOW.format(7)} if told["state"] in ("SUCCEEDED", "FAILED", "SKIPPED") else {}
        yield {
            **base,
            "task_id": f"{name}-1",
            "display_name": f"{name}-driver",
            "state": told.get("driver", "SUCCEEDED"),
        }
        if told["state"] == "DRIVING":
            continue
        children = [{"pod_name": f"pod-of-{name}"}]
        yield {**base, **ended, "task_id": f"{name}-2", "display_name": name, "parent_task_id": "root",
               "state": told["state"], "child_tasks": children}  # fmt: skip
        executor = {**base, **ended, "task_id": f"{name}-3", "display_name": "executor", "state": told["state"],
                    "parent_task_id": f"{name}-2", "pod_name": f"pod-of-{name}"}  # fmt: skip
        if "error" in told:
            executor["error"] = {"code": 2, "message": told["error"]}
        yield executor


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def double(self) -> Double:
        return self.server.double

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.double.headers.append(dict(self.headers))
        try:
            status, kind, answer = 200, "application/json", json.dumps(self.work(body))
        except kfp_api.ViolationError as problem:
            self.double.problems.append(str(problem))
            status, kind, answer = 400, "application/json", json.dumps({"message": str(problem)})
        except RefusalError as refusal:
            status, kind, answer = refusal.status, refusal.kind, refusal.body
        except Exception as error:
            self.double.problems.append(repr(error))
            status, kind, answer = 500, "application/json", json.dumps({"message": repr(error)})
        content = answer.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def work(self, body):
        parts = urlsplit(self.path)  # a proxy is told the whole address
        if parts.path == "/oauth2/token":
            self.double.forms.append(dict(parse_qsl(body.decode())))
            return {"id_token": self.double.token}
        operation, variables = kfp_api.find_operation(self.command, PREFIX.sub("", parts.path))
        query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        kfp_api.check_query(operation, query)
        arguments = {**variables, **query}
        if operation.files:
            arguments["files"] = _multipart(self.headers["Content-Type"], body)
            assert set(arguments["files"]) == operation.files
            told = sorted(operation.files)
        else:
            told = json.loads(body) if body else None
            kfp_api.check_body(operation, told)
            if operation.body:
                arguments[_body_name(operation.body)] = told
        return self.do(operation, arguments, parts.path, told)

    def do(self, operation, arguments, path, told):
        self.double.requests.append((self.command, path, told))
        self.double.intercept(self.command, path, self.headers)
        if self.double.token and self.headers.get("Authorization") != f"Bearer {self.double.token}":
            raise refused(401, f"Request not authenticated: {self.headers.get('Authorization')}")
        with self.double.lock:
            answer = getattr(self.double, operation.name)(**arguments)
        kfp_api.check(answer, operation.response, f"answer of {operation.name}")
        return answer

    do_GET = do_POST = do_DELETE = do_PATCH = answer  # noqa: N815

    def log_message(self, *_):
        return


def serve(double: Double, context: ssl.SSLContext | None = None) -> tuple[ThreadingHTTPServer, Callable[[], None]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.double = double
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()

    def stop():
        server.shutdown()
        thread.join()
        server.server_close()

    return server, stop


def _body_name(model):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", model.removeprefix("V2beta1")).lower()


def _multipart(content_type, body):
    message = email.message_from_bytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=email.policy.HTTP
    )
    return {
        part.get_param("name", header="content-disposition"): (part.get_filename(), part.get_payload(decode=True))
        for part in message.iter_parts()
    }
