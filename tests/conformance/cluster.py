"""As much of a Kubernetes cluster as Argo's own workflow controller needs: an API server on loopback, and a kubelet.

The API server keeps objects in memory and serves list, watch, create, update, patch and delete. The kubelet starts each
pod's main container as a process of this machine and does what Argo's executor does around it: inputs from, and outputs
to, a directory that stands for the artifact repository; a WorkflowTaskResult says what came out.
"""

from __future__ import annotations

import json
import queue
import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.pipeline_tools.compiler.argo import interpreter
from tests.pipeline_tools.compiler.argo.interpreter import Interpreter, kubernetes_expand

NAMESPACE = "argo"
WORKFLOWS = "/apis/argoproj.io/v1alpha1/workflows"
RESULTS = "/apis/argoproj.io/v1alpha1/workflowtaskresults"
PODS = "/api/v1/pods"
CONFIG_MAPS = "/api/v1/configmaps"
KINDS = {
    "workflows": "Workflow",
    "pods": "Pod",
    "configmaps": "ConfigMap",
    "namespaces": "Namespace",
    "workflowtaskresults": "WorkflowTaskResult",
    "workflowtasksets": "WorkflowTaskSet",
    "workflowartifactgctasks": "WorkflowArtifactGCTask",
    "cronworkflows": "CronWorkflow",
    "workflowtemplates": "WorkflowTemplate",
    "clusterworkflowtemplates": "ClusterWorkflowTemplate",
}


class ApiServer:
    """Objects by collection and name, with a version for each change, and watchers."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._version = 1
        self._objects: dict[str, dict[str, dict[str, Any]]] = {}
        self._watchers: list[tuple[str, queue.SimpleQueue[dict[str, Any]]]] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": self}))
        self._http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop serving."""
        self._http.shutdown()
        self._http.server_close()

    def put(self, collection: str, thing: dict[str, Any], event: str = "MODIFIED") -> dict[str, Any]:
        """Keep an object and tell the watchers."""
        with self._lock:
            self._version += 1
            metadata = thing["metadata"]
            if "name" not in metadata:
                metadata["name"] = f"{metadata['generateName']}{self._version:05d}"
            metadata.update(namespace=NAMESPACE, resourceVersion=str(self._version))
            metadata.setdefault("uid", f"uid-{self._version}")
            metadata.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
            thing.setdefault("kind", KINDS.get(collection.rpartition("/")[2], "Thing"))
            thing.setdefault(
                "apiVersion", "v1" if collection.startswith("/api/") else collection[6:].rpartition("/")[0]
            )
            if collection == PODS:
                thing.setdefault("status", {}).setdefault("phase", "Pending")
            self._objects.setdefault(collection, {})[metadata["name"]] = thing
            self._tell(collection, event, thing)
            return thing

    def get(self, collection: str, name: str) -> dict[str, Any] | None:
        """Give a copy of an object."""
        with self._lock:
            found = self._objects.get(collection, {}).get(name)
            return None if found is None else json.loads(json.dumps(found))

    def all(self, collection: str) -> tuple[list[dict[str, Any]], int]:
        """Give copies of all objects of a collection, and the version of the list."""
        with self._lock:
            return json.loads(json.dumps(list(self._objects.get(collection, {}).values()))), self._version

    def remove(self, collection: str, name: str) -> dict[str, Any] | None:
        """Delete an object."""
        with self._lock:
            gone = self._objects.get(collection, {}).pop(name, None)
            if gone is not None:
                self._version += 1
                gone["metadata"]["resourceVersion"] = str(self._version)
                self._tell(collection, "DELETED", gone)
            return gone

    def watch(self, collection: str) -> queue.SimpleQueue[dict[str, Any]]:
        """Follow a collection; what is there already comes first."""
        with self._lock:
            events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
            for thing in self._objects.get(collection, {}).values():
                events.put({"type": "ADDED", "object": json.loads(json.dumps(thing))})
            self._watchers.append((collection, events))
            return events

    def _tell(self, collection: str, event: str, thing: dict[str, Any]) -> None:
        for watched, events in self._watchers:
            if watched == collection:
                events.put({"type": event, "object": json.loads(json.dumps(thing))})


class _Handler(BaseHTTPRequestHandler):
    api: ApiServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def answer(self, thing: Any, code: int = 200) -> None:
        body = json.dumps(thing).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def place(self) -> tuple[str, str, str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        path = re.sub(r"/namespaces/[^/]+(?=/)", "", parts.path)
        match = re.fullmatch(r"(/api/v1|/apis/[^/]+/[^/]+)/([^/]+)(?:/([^/]+))?(?:/([^/]+))?", path)
        if match is None:
            return path, "", "", parse_qs(parts.query)
        return f"{match[1]}/{match[2]}", match[3] or "", match[4] or "", parse_qs(parts.query)

    def body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")

    def missing(self) -> None:
        self.answer({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}, 404)

    def do_GET(self) -> None:
        collection, name, _, query = self.place()
        if collection == "/version":
            self.answer({"major": "1", "minor": "33", "gitVersion": "v1.33.0"})
        elif name:
            found = self.api.get(collection, name)
            self.missing() if found is None else self.answer(found)
        elif query.get("watch"):
            self.follow(collection)
        else:
            items, version = self.api.all(collection)
            kind = KINDS.get(collection.rpartition("/")[2], "Thing")
            group = "v1" if collection.startswith("/api/") else collection[6:].rpartition("/")[0]
            metadata = {"resourceVersion": str(version)}
            self.answer({"kind": f"{kind}List", "apiVersion": group, "metadata": metadata, "items": items})

    def follow(self, collection: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        events = self.api.watch(collection)
        try:
            while True:
                line = json.dumps(events.get()).encode() + b"\n"
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
                self.wfile.flush()
        except OSError:
            pass

    def do_POST(self) -> None:
        collection, _, _, _ = self.place()
        thing = self.body()
        if collection.endswith("reviews"):
            self.answer({**thing, "status": {"allowed": True}}, 201)
        elif thing.get("metadata", {}).get("name") and self.api.get(collection, thing["metadata"]["name"]):
            status = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "reason": "AlreadyExists",
                "code": 409,
            }
            self.answer(status, 409)
        else:
            self.answer(self.api.put(collection, thing, "ADDED"), 201)

    def do_PUT(self) -> None:
        collection, _, _, _ = self.place()
        self.answer(self.api.put(collection, self.body()))

    def do_PATCH(self) -> None:
        collection, name, _, _ = self.place()
        found, patch = self.api.get(collection, name), self.body()
        if found is None:
            self.missing()
        else:
            self.answer(self.api.put(collection, _merge(found, patch) if isinstance(patch, dict) else found))

    def do_DELETE(self) -> None:
        collection, name, _, _ = self.place()
        self.body()
        gone = self.api.remove(collection, name)
        self.missing() if gone is None else self.answer(gone)


def _merge(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged


class Kubelet:
    """Runs pods, with the part of Argo's executor."""

    def __init__(self, server: ApiServer, directory: Path) -> None:
        self.server = server
        self.directory = directory
        self.ran: list[dict[str, Any]] = []
        self.started = 0
        self.on_start: Callable[[], None] = lambda: None
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        events = self.server.watch(PODS)
        seen: set[str] = set()
        while True:
            pod = events.get()["object"]
            if pod["metadata"]["name"] not in seen:
                seen.add(pod["metadata"]["name"])
                self.started += 1
                self.on_start()
                threading.Thread(target=self._run, args=(pod,), daemon=True).start()

    def _run(self, pod: dict[str, Any]) -> None:
        name = pod["metadata"]["name"]
        containers = {each["name"]: each for each in pod["spec"]["containers"]}
        variables = {e["name"]: e for e in pod["spec"]["initContainers"][0]["env"]}
        given = variables["ARGO_TEMPLATE"]
        text = given.get("value", "")
        if not text:
            reference = next(v for v in pod["spec"]["volumes"] if v["name"] == "argo-env-config")["configMap"]["name"]
            text = self.server.get(CONFIG_MAPS, reference)["data"]["ARGO_TEMPLATE"]
        template = json.loads(text)
        main = containers["main"]
        runner = _Runner(self.directory, main, pod)
        node, code = runner.run(template)
        self.ran.append(
            {"pod": pod, "template": template["name"], "code": code, "directory": runner.place, "node": node}
        )
        labels = {
            "workflows.argoproj.io/workflow": pod["metadata"]["labels"]["workflows.argoproj.io/workflow"],
            "workflows.argoproj.io/report-outputs-completed": "true",
        }
        outputs: dict[str, Any] = {"exitCode": str(code)}
        if node.parameters:
            outputs["parameters"] = [{"name": key, "value": value} for key, value in node.parameters.items()]
        if node.artifacts:
            outputs["artifacts"] = [{"name": key, "s3": {"key": one["key"]}} for key, one in node.artifacts.items()]
        node_id = pod["metadata"]["annotations"]["workflows.argoproj.io/node-id"]
        result: dict[str, Any] = {"metadata": {"name": node_id, "labels": labels}, "outputs": outputs}
        if node.phase == "Error":
            result.update(phase="Error", message=node.message)
        self.server.put(RESULTS, result, "ADDED")
        finished = {"exitCode": code, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:01Z"}
        statuses = [
            {"name": each, "state": {"terminated": {**finished, "exitCode": code if each == "main" else 0}}}
            for each in containers
        ]
        current = self.server.get(PODS, name)
        if current is not None:
            phase = "Succeeded" if code == 0 and node.phase != "Error" else "Failed"
            current["status"] = {"phase": phase, "containerStatuses": statuses, "startTime": "2026-01-01T00:00:00Z"}
            self.server.put(PODS, current)


class _Runner(Interpreter):
    """One pod that the real controller made, run with the interpreter's ways of files in and out."""

    def __init__(self, directory: Path, container: dict[str, Any], pod: dict[str, Any]) -> None:
        self.directory, self.environment, self.pods = directory, {}, []
        self.spec: dict[str, Any] = {}
        self.container, self.pod_object = container, pod
        self.place = directory / pod["metadata"]["name"]
        self.variables = {"workflow.name": pod["metadata"]["labels"]["workflows.argoproj.io/workflow"]}

    def run(self, template: dict[str, Any]) -> tuple[Any, int]:
        self.place.mkdir(parents=True)
        template = json.loads(interpreter._in_pod(json.dumps(template), self.place))
        for artifact in template.get("inputs", {}).get("artifacts", []):
            if "s3" in artifact:
                artifact["key"] = artifact["s3"]["key"]
        problem = self._load(template)
        if problem:
            return interpreter.Node("Error", message=problem), 64
        container = json.loads(interpreter._in_pod(json.dumps(self.container), self.place))
        environment: dict[str, str] = {}
        for item in container.get("env", []):
            environment[item["name"]] = kubernetes_expand(item.get("value", ""), environment)
        command = container["command"]
        assert command[:2] == ["/var/run/argo/argoexec", "emissary"], command
        words = [*command[command.index("--") + 1 :], *container.get("args", [])]
        code, output = self._start([kubernetes_expand(word, environment) for word in words], environment)
        if code != 0:
            return interpreter.Node("Failed", message=output), code
        return self._save(template, self.pod_object["metadata"]["name"], self.pod_object["metadata"]["name"]), 0

    def _start(self, line: list[str], environment: dict[str, str]) -> tuple[int, str]:
        import os
        import subprocess
        import sys

        base = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            line, env={**base, **environment, "HOME": str(self.place)}, cwd=self.place, capture_output=True, timeout=600
        )
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def run_workflow(
    server: ApiServer, manifest: dict[str, Any], parameters: dict[str, str], timeout: float
) -> dict[str, Any]:
    """Submit a workflow as `argo submit` does, and wait for its end."""
    manifest = json.loads(json.dumps(manifest))
    for parameter in manifest["spec"]["arguments"].get("parameters", []):
        parameter["value"] = parameters.get(parameter["name"], parameter.get("value"))
    name = server.put(WORKFLOWS, manifest, "ADDED")["metadata"]["name"]
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        workflow = server.get(WORKFLOWS, name)
        if workflow and workflow.get("status", {}).get("phase") in ("Succeeded", "Failed", "Error"):
            return workflow
        time.sleep(0.2)
    raise TimeoutError(f"{name} did not end: {json.dumps(workflow.get('status', {}))[:3000]}")
