"""What all tests share: golden files, stand-ins for Google's services, and finished runs of workflow1."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.google.fixtures import google, google_folder  # noqa: F401
from tests.shared import SMALL, made_once

GOLDEN = Path(__file__).parent / "golden"

SLOW_FIRST = ("campaign", "full", "e2e")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate-golden", action="store_true", help="write the golden files anew instead of comparing with them"
    )


def pytest_configure(config: pytest.Config) -> None:
    # A shell starts what it puts into the background with these ignored, and so would be what the tests start.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no core waits for another at the end."""
    items.sort(key=lambda item: next((at for at, name in enumerate(SLOW_FIRST) if item.get_closest_marker(name)), 9))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with a golden file, or write it with --regenerate-golden."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--regenerate-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        assert path.is_file(), f"no golden file {name}: run pytest --regenerate-golden and look at what it wrote"
        assert text == path.read_text(encoding="utf-8"), f"{name} has changed: if that is meant, --regenerate-golden"

    return check


@pytest.fixture(scope="session")
def workflow1_run(tmp_path_factory: pytest.TempPathFactory):
    """One run of workflow1 with its defaults, on the bundled trips, that all end-to-end tests look at."""
    from pipeline_tools.local import run
    from taxi_pipeline.workflow1 import workflow1

    return made_once(tmp_path_factory, "workflow1", lambda folder: run(workflow1, run_dir=folder / "run"))


@pytest.fixture(scope="session")
def small_workflow1_run(tmp_path_factory: pytest.TempPathFactory):
    """One run of workflow1 with the arguments SMALL."""
    from pipeline_tools.local import run
    from taxi_pipeline.workflow1 import workflow1

    return made_once(tmp_path_factory, "small-workflow1", lambda folder: run(workflow1, SMALL, run_dir=folder / "run"))


class Bucket:
    """A bucket of a service on this machine, looked at by the service's own client and not by fsspec."""

    def __init__(self, uri: str, client: Any) -> None:
        self.uri = uri
        self._client = client

    def names(self) -> list[str]:
        if self.uri.startswith("gs://"):
            return sorted(blob.name for blob in self._client.bucket("bucket").list_blobs())
        return sorted(each["Key"] for each in self._client.list_objects_v2(Bucket="bucket").get("Contents", []))

    def put(self, name: str, content: bytes = b"") -> None:
        if self.uri.startswith("gs://"):
            self._client.bucket("bucket").blob(name).upload_from_string(content)
        else:
            self._client.put_object(Bucket="bucket", Key=name, Body=content)

    def remove(self, name: str) -> None:
        if self.uri.startswith("gs://"):
            self._client.bucket("bucket").blob(name).delete()
        else:
            self._client.delete_object(Bucket="bucket", Key=name)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give boto3's client of a service that speaks S3, with one bucket, `bucket`; child processes reach it too."""
    server = pytest.importorskip("moto.server", reason="pip install 'moto[s3,server]'")
    boto3 = pytest.importorskip("boto3", reason="needs taxi-pipeline[s3]")
    for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    service = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    service.start()
    host, port = service.get_host_and_port()
    requests.post(f"http://{host}:{port}/moto-api/reset", timeout=10)  # buckets outlive the server: they are global
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    yield client
    service.stop()


@pytest.fixture(params=["gcs", "s3"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """Give a bucket of each service in turn."""
    client = request.getfixturevalue(request.param)
    return Bucket({"gcs": "gs://bucket", "s3": "s3://bucket"}[request.param], client)


@pytest.fixture
def gcs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give the real client of an emulated Cloud Storage with one bucket, `bucket`; child processes reach it too."""
    from google.cloud import storage

    emulator = pytest.importorskip("gcp_storage_emulator.server", reason="pip install gcp-storage-emulator")
    # It answers one request at a time. Of those beyond five that wait, Linux lets some try again after a minute.
    monkeypatch.setattr(HTTPServer, "request_queue_size", 128)
    monkeypatch.setattr(HTTPServer.serve_forever, "__defaults__", (0.02,))  # seconds until it sees that it shall end
    server = emulator.create_server("127.0.0.1", 0, in_memory=True, default_bucket="bucket")
    server.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server._api._httpd.socket.getsockname()[1]}")
    yield storage.Client(project=None)
    server.stop()
