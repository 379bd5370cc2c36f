"""Google's services as tests use them.

The fixture `google` gives a test a bucket of its own, empty, and what a process must be given to reach the stand-ins::

    def test_a_job(google):
        google.bucket.write("rows.csv", b"...")
        subprocess.run([..., f"--temp_location={google.bucket.uri}/temp"], env={**os.environ, **google.env}, check=True)
        (job,) = google.jobs()
        assert job.body["environment"]["workerPools"][0]["machineType"] == "n2-standard-4"
        assert job.state == "JOB_STATE_DONE", job.log
        assert google.bucket.names("out/")

Give the environment to a process of its own: TensorFlow and gRPC read it once. What is written to a bucket lies in
memory, and ends with the session.

The stand-ins live in one process (`__main__.py`), with a folder of files to speak by: ``environment.json``,
``routes.json`` (read at each connection), ``requests.log``, ``hidden.json`` (read at each job), and ``jobs/ID/`` with
``request.json``, ``state``, ``pid``, ``messages.json``, ``worker.log``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = "test-project"
REGION = "us-central1"


class Bucket:
    """A bucket of Cloud Storage, seen from the test.

    Args:
        client: A ``google.cloud.storage.Client`` that speaks to the emulator.
        name: Of the bucket, which is made where there is none.
    """

    def __init__(self, client: Any, name: str) -> None:
        self.name = name
        self.uri = f"gs://{name}"
        self.real = client.lookup_bucket(name) or client.create_bucket(name)
        """The ``google.cloud.storage.Bucket``."""

    def names(self, prefix: str = "") -> list[str]:
        """Names of objects, sorted."""
        return sorted(blob.name for blob in self.real.list_blobs(prefix=prefix))

    def read(self, name: str) -> bytes:
        return self.real.blob(name).download_as_bytes()

    def write(self, name: str, content: bytes | str) -> str:
        """Write an object; its address is returned."""
        self.real.blob(name).upload_from_string(content)
        return f"{self.uri}/{name}"

    def upload(self, path: Path, name: str) -> str:
        """Write a file, or a directory's files; the address is returned."""
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file():
                self.write(f"{name}/{file.relative_to(path)}" if file != path else name, file.read_bytes())
        return f"{self.uri}/{name}"

    def download(self, prefix: str, target: Path) -> Path:
        """Copy the objects below ``prefix/``, save those for directories, to a directory, which is returned."""
        for name in [name for name in self.names(f"{prefix}/") if not name.endswith("/")]:
            file = target / name[len(prefix) + 1 :]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self.read(name))
        return target


@dataclass(frozen=True)
class Job:
    """A Dataflow job.

    Attributes:
        id: As Dataflow gave it.
        project: It was sent to.
        region: It was sent to.
        body: Of the CreateJob request: a Job, in the API's JSON.
    """

    id: str
    project: str
    region: str
    body: dict[str, Any]
    _folder: Path
    _client: Any

    @property
    def options(self) -> dict[str, Any]:
        """The pipeline options that workers get."""
        return self.body["environment"]["sdkPipelineOptions"]["options"]

    @property
    def pipeline(self) -> Any:
        """The staged pipeline, a ``beam_runner_api_pb2.Pipeline``."""
        from apache_beam.portability.api import beam_runner_api_pb2
        from google.cloud.storage import Blob

        blob = Blob.from_uri(self.options["pipelineUrl"], client=self._client)
        return beam_runner_api_pb2.Pipeline.FromString(blob.download_as_bytes())

    @property
    def state(self) -> str:
        """Its name, as ``JOB_STATE_DONE``."""
        return (self._folder / "state").read_text()

    @property
    def messages(self) -> list[tuple[str, str]]:
        """Importance and text."""
        return [tuple(message) for message in json.loads((self._folder / "messages.json").read_text())]

    @property
    def log(self) -> str:
        """What the worker printed."""
        log = self._folder / "worker.log"
        return log.read_text() if log.exists() else ""


class Google:
    """The services, with one bucket; jobs and hidden modules are those of that bucket.

    Args:
        folder: Of the stand-ins.
        name: Of the bucket.
    """

    def __init__(self, folder: Path, name: str) -> None:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        self._folder = folder
        self.project, self.region = PROJECT, REGION
        self.env: dict[str, str] = json.loads((folder / "environment.json").read_text())
        """Variables that lead a process's clients of Google's services to the stand-ins."""
        port = json.loads((folder / "routes.json").read_text())["storage.googleapis.com"]["http"]
        self._client = storage.Client(
            PROJECT, AnonymousCredentials(), client_options={"api_endpoint": f"http://127.0.0.1:{port}"}
        )
        self.bucket = Bucket(self._client, name)

    def jobs(self) -> list[Job]:
        """Jobs with a ``temp_location`` in the bucket, in the order in which they came."""
        found = []
        for folder in sorted((self._folder / "jobs").glob("*"), key=lambda folder: folder.name.rpartition("-")[2]):
            request = json.loads((folder / "request.json").read_text())
            if request["job"]["environment"]["tempStoragePrefix"].split("/")[1] == self.bucket.name:
                place = request["projectId"], request["location"]
                found.append(Job(folder.name, *place, request["job"], folder, self._client))
        return found

    def hide(self, *modules: str) -> None:
        """Let the workers of jobs yet to come lack modules, and what is inside them."""
        path = self._folder / "hidden.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), self.bucket.name: list(modules)}))

    def route(self, host: str, **ports: int) -> None:
        """Lead a host, which may contain ``*``, to a port for ``http``, or one for ``grpc``."""
        path = self._folder / "routes.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), host: ports}))

    def requests(self) -> list[str]:
        """What came to the proxy so far: host, method, path and client, or host and ``grpc``."""
        return (self._folder / "requests.log").read_text().splitlines()


@contextmanager
def services(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the stand-ins, in a process of their own, with an empty folder."""
    (folder / "hidden.json").write_text("{}")
    (folder / "routes.json").write_text("{}")
    command = [sys.executable, "-m", "tests.google", str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        try:
            if process.stdout.readline() != b"ready\n":
                pytest.fail(f"Google's services ended at once:\n{(folder / 'log').read_text()[-3000:]}")
            yield process
        finally:
            try:
                process.communicate(timeout=120)
            finally:
                process.kill()


@pytest.fixture(scope="session")
def google_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the stand-ins, which run until the session ends: `Google` takes it, and a name for a bucket."""
    for module in ("apache_beam", "gcp_storage_emulator", "google.cloud.dataflow", "google.cloud.storage", "trustme"):
        pytest.importorskip(module, reason=f"Google's services need {module}: taxi-pipeline[local,cloud,dev]")
    folder = tmp_path_factory.mktemp("google")
    with services(folder):
        yield folder


@pytest.fixture
def google(google_folder: Path, request: pytest.FixtureRequest) -> Google:
    """Google's services, with a bucket named after the test."""
    return Google(google_folder, re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:63].strip("-"))
