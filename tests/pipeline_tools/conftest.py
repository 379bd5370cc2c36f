"""Services on this machine: one that answers as told, and one of Kubeflow Pipelines; and the command, called here."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from tests.command import taxi_pipeline
from tests.pipeline_tools.submit.double import Double, serve

Answer = tuple[int, Any, dict[str, str]]


class Service:
    """Answers (method, path) with (status, JSON, headers); keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Any] = {}
        self.asked: list[dict[str, Any]] = []
        self.address = ""

    def answer(self, request: dict[str, Any]) -> Answer:
        self.asked.append(request)
        found = self.answers.get((request["method"], request["path"]), (404, {}))
        found = found(request) if callable(found) else found
        status, body, *headers = found
        return status, body, headers[0] if headers else {}


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            url = urlparse(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            request = {
                "method": self.command,
                "path": url.path,
                "query": parse_qs(url.query),
                "headers": {name.title(): value for name, value in self.headers.items()},
                "body": _read(self.rfile.read(length).decode()),
            }
            status, body, headers = made.answer(request)
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_HEAD = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def redirected(service, monkeypatch) -> Callable[[], None]:
    """Send the requests for Google's hosts to the service; the path there begins with the host."""
    import requests.adapters

    send = requests.adapters.HTTPAdapter.send

    def rewrite(self: Any, request: Any, **options: Any) -> Any:
        url = urlparse(request.url)
        if url.hostname and url.hostname.endswith(".googleapis.com"):
            request.url = f"http://{service.address}/{url.hostname}{url.path}" + (f"?{url.query}" if url.query else "")
        return send(self, request, **options)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", rewrite)
    return service


def _read(body: str) -> Any:
    """A request's body: JSON, a form as its text, or nothing."""
    return json.loads(body) if body.startswith("{") else body


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing of the person who runs the tests: no context of kfp's, no endpoint, no credentials."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("kfp.Client._LOCAL_KFP_CONTEXT", str(home / "context.json"))
    for name in list(os.environ):
        if name.startswith(("KF_PIPELINES_", "TAXI_PIPELINE_", "KUBERNETES_")):
            monkeypatch.delenv(name)


@pytest.fixture
def double(nobody) -> Iterator[Double]:
    service = Double()
    server, stop = serve(service)
    service.url = f"http://127.0.0.1:{server.server_port}"
    yield service
    stop()
    assert service.problems == []


@pytest.fixture
def command(double, monkeypatch):
    """Call `taxi-pipeline submit` as its script does, but in this process, which is quicker."""

    def call(*arguments, variables=None):
        line = ["submit", *map(str, arguments)]
        if not {"--endpoint", "--help"} & set(line) and ("--vertex" not in line or "--experiment" in line):
            line += ["--endpoint", double.url]
        for name, value in (variables or {}).items():
            monkeypatch.setenv(name, value)
        return taxi_pipeline(*line)

    return call
