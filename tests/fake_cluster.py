"""A Kubernetes API server of our own: discovery, server-side apply, reading, reviews of rights, a hook for controllers.

The real clients speak to it on a real socket, by a kubeconfig as any other.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import yaml

RESOURCES = {
    ("v1", "configmaps"): "ConfigMap",
    ("v1", "services"): "Service",
    ("v1", "pods"): "Pod",
    ("apps/v1", "deployments"): "Deployment",
    ("autoscaling/v2", "horizontalpodautoscalers"): "HorizontalPodAutoscaler",
}


class FakeCluster:
    """Holds objects by (kind, namespace, name); `controller` is called with each that was applied."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.applied: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str, dict[str, list[str]]]] = []
        self.resources = dict(RESOURCES)
        self.controller: Callable[[dict[str, Any]], None] = roll_out_at_once
        self.refuse: dict[str, tuple[int, str]] = {}
        self.owners: dict[tuple[str, str, str], str] = {}
        self.namespaces = {"default", "models"}
        self.logs: dict[str, str] = {}  # by pod
        self.deleted: list[str] = []
        self.may: Callable[[dict[str, Any], str], bool] = lambda _attributes, _user: True

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        path = path.rstrip("/")  # some clients end some paths so
        self.requests.append((method, path, query))
        found = self._discovery(path)
        if found is not None:
            return 200, found
        parts = path.strip("/").split("/")
        if parts[1] == "authorization.k8s.io":
            allowed = self.may(body["spec"]["resourceAttributes"], body["spec"].get("user", ""))
            return 201, {**body, "status": {"allowed": allowed}}
        if parts[2:3] == ["namespaces"] and len(parts) == 4:
            found = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": parts[3]}}
            return (200, found) if parts[3] in self.namespaces else failure(404, f'namespaces "{parts[3]}" not found')
        if len(parts) == (3 if parts[0] == "apis" else 2):
            return failure(404, f"the server knows no {'/'.join(parts[1:])}")
        api = "/".join(parts[1:3]) if parts[0] == "apis" else parts[1]
        rest = parts[3:] if parts[0] == "apis" else parts[2:]
        _, namespace, plural, *names = rest
        kind = self.resources[(api, plural)]
        if method == "GET" and not names:
            wanted = dict(each.split("=") for each in query.get("labelSelector", [""])[0].split(",") if each)
            items = [
                each
                for key, each in self.objects.items()
                if key[:2] == (kind, namespace) and wanted.items() <= each["metadata"].get("labels", {}).items()
            ]
            return 200, {"apiVersion": api, "kind": f"{kind}List", "metadata": {}, "items": items}
        key = (kind, namespace, names[0])
        if names[1:] == ["log"]:
            return (200, self.logs[names[0]]) if names[0] in self.logs else failure(404, f"{names[0]} has no log")
        if method == "DELETE" and key[0] in self.refuse:
            return failure(*self.refuse[key[0]])
        if method == "DELETE":
            self.deleted.append(f"{kind} {names[0]}")
            gone = self.objects.pop(key, None)
            return (200, gone) if gone else failure(404, f"{plural} {names[0]} not found")
        if method == "GET":
            return (200, self.objects[key]) if key in self.objects else failure(404, f"{plural} {names[0]} not found")
        assert method == "PATCH", method
        return self._apply(key, query, body)

    def _apply(self, key: tuple[str, str, str], query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if key[0] in self.refuse:
            return failure(*self.refuse[key[0]])
        owner = self.owners.setdefault(key, query["fieldManager"][0])
        if owner != query["fieldManager"][0] and query.get("force") != ["true"]:
            return failure(409, f'Apply failed with 1 conflict: conflict with "{owner}": .spec.replicas')
        before = self.objects.get(key, {})
        generation = before.get("metadata", {}).get("generation", 0) + (before.get("spec") != body.get("spec"))
        found = {**body, "status": before.get("status", {})}
        found["metadata"] = {**body["metadata"], "generation": generation}
        self.objects[key] = found
        self.applied.append(copy.deepcopy(body))
        self.controller(found)
        return 200, found

    def _discovery(self, path: str) -> Any:
        groups: dict[str, set[str]] = {}
        for api, _ in self.resources:
            if "/" in api:
                groups.setdefault(api.split("/")[0], set()).add(api)
        if path == "/version":
            names = ("gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform")
            return {"major": "1", "minor": "34", "gitVersion": "v1.34.0", **dict.fromkeys(names, "")}
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            listed = [
                {
                    "name": name,
                    "versions": [{"groupVersion": api, "version": api.split("/")[1]} for api in apis],
                    "preferredVersion": {"groupVersion": min(apis), "version": min(apis).split("/")[1]},
                }
                for name, apis in groups.items()
            ]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
        api = path.removeprefix("/apis/").removeprefix("/api/")
        found = [
            {"name": plural, "kind": kind, "namespaced": True, "singularName": "", "verbs": ["get", "list", "patch"]}
            for (each, plural), kind in self.resources.items()
            if each == api
        ]
        return {"kind": "APIResourceList", "groupVersion": api, "resources": found} if found else None


def failure(code: int, message: str) -> tuple[int, Any]:
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


def roll_out_at_once(found: dict[str, Any]) -> None:
    """What the Deployment controller writes once all is well."""
    if found["kind"] == "Deployment":
        count = found["spec"].setdefault("replicas", 1)
        found["status"] = {
            "observedGeneration": found["metadata"]["generation"],
            **dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), count),
        }
    elif found["kind"] == "InferenceService":
        found["status"] = {
            "observedGeneration": found["metadata"]["generation"],
            "conditions": [{"type": "Ready", "status": "True"}],
        }


@contextmanager
def serving(fake: FakeCluster, folder: Path) -> Iterator[Path]:
    """Serve a cluster until the block ends; give its kubeconfig, written into a folder."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            url = urlparse(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = yaml.safe_load(self.rfile.read(length)) if length else None
            code, found = fake.answer(self.command, url.path, parse_qs(url.query), body)
            content = found.encode() if isinstance(found, str) else json.dumps(found).encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain" if isinstance(found, str) else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PATCH = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "fake",
        "clusters": [{"name": "fake", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
        "users": [{"name": "fake", "user": {"token": "none"}}],
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    yield folder / "kubeconfig"
    server.shutdown()
    server.server_close()
    thread.join()
