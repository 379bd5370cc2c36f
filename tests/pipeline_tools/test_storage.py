"""Cloud Storage as files and directories: the real client against an emulator."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipeline_tools import storage
from pipeline_tools.buckets import file_system
from pipeline_tools.errors import InputError


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    (tmp_path / "folder" / "a.txt").write_text("a")
    (tmp_path / "folder" / "empty").touch()
    (tmp_path / "folder" / "sub" / "b.bin").write_bytes(bytes(range(256)) * 40_000)  # more than one request's worth
    return tmp_path / "folder"


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_directory_goes_there_and_comes_back(bucket, folder, tmp_path):
    storage.upload(folder, f"{bucket.uri}/some/where/")
    assert bucket.names() == ["some/where/a.txt", "some/where/empty", "some/where/sub/b.bin"]
    assert list(storage.objects(f"{bucket.uri}/some")) == ["where/a.txt", "where/empty", "where/sub/b.bin"]

    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "old").touch()
    storage.download(f"{bucket.uri}/some/where", tmp_path / "back")
    assert content(tmp_path / "back") == content(folder)


def test_one_object_is_a_file(bucket, folder, tmp_path):
    storage.upload(folder / "a.txt", f"{bucket.uri}/x/ä b.txt")
    storage.download(f"{bucket.uri}/x/ä b.txt", tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == storage.read_text(f"{bucket.uri}/x/ä b.txt") == "a"


def test_a_name_is_no_prefix(bucket, tmp_path):
    for name in ("model/1", "models/2", "model.txt", "model/sub/"):
        bucket.put(name, name.encode())
    storage.download(f"{bucket.uri}/model", tmp_path / "model")
    assert content(tmp_path / "model") == {"1": b"model/1"}

    storage.delete(f"{bucket.uri}/model")
    assert bucket.names() == ["model.txt", "models/2"]
    storage.delete(f"{bucket.uri}/models/2")
    storage.delete(f"{bucket.uri}/models/2")
    assert bucket.names() == ["model.txt"]


def test_the_chosen_file_is_written_when_all_others_are_there(bucket, folder, monkeypatch):
    seen = {}
    upload = storage.put

    def watched(copies, what):
        seen[tuple(copies)] = bucket.names()
        upload(copies, what)

    monkeypatch.setattr(storage, "put", watched)
    storage.upload(folder, f"{bucket.uri}/x", last="a.txt")
    assert seen[(f"{bucket.uri}/x/a.txt",)] == ["x/empty", "x/sub/b.bin"]


@pytest.mark.parametrize("last", ["", "a.txt"])
def test_an_upload_that_fails_leaves_nothing(bucket, folder, monkeypatch, last):
    fs = type(file_system(bucket.uri))
    upload = fs._put_file

    async def failing(self, lpath, rpath, *args, **kwargs):
        if str(lpath).endswith("a.txt"):
            raise OSError("gone")
        return await upload(self, lpath, rpath, *args, **kwargs)

    monkeypatch.setattr(fs, "_put_file", failing)
    with pytest.raises(OSError, match="gone"):
        storage.upload(folder, f"{bucket.uri}/x", last=last)
    assert bucket.names() == []


def test_a_download_that_fails_leaves_what_was_there(bucket, folder, tmp_path, monkeypatch):
    storage.upload(folder, f"{bucket.uri}/x")
    found = storage.objects(f"{bucket.uri}/x")
    bucket.remove("x/empty")
    monkeypatch.setattr(storage, "objects", lambda uri: found)
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "old").touch()

    with pytest.raises(InputError, match=r"://bucket/x: .*://bucket/x/empty was replaced or deleted while it was read"):
        storage.download(f"{bucket.uri}/x", tmp_path / "back")
    assert content(tmp_path / "back") == {"old": b""}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back", "folder"]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (["x/a//b"], "the object 'a//b' below it has a name that a file cannot have"),
        (["x/a", "x/a/b"], "'a' below it is an object, and there are objects below it"),
    ],
)
def test_names_that_no_directory_can_hold(bucket, tmp_path, made, message):
    for name in made:
        bucket.put(name, b"1")
    with pytest.raises(InputError, match=message):
        storage.download(f"{bucket.uri}/x", tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_a_name_that_would_lead_out_of_the_directory(tmp_path):
    # The emulator cannot hold such an object; Cloud Storage can.
    with pytest.raises(
        InputError, match=r"gs://bucket/x: the object '\.\./y' below it has a name that a file cannot have"
    ):
        storage.local_paths({"../y": None}, tmp_path, "gs://bucket/x")


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda uri, path: storage.download(f"{uri}/none", path), "://bucket/none: there is no such object, and"),
        (lambda uri, path: storage.download(f"{uri[:5]}nowhere/none", path), "nowhere/none: no such bucket or object"),
        (lambda uri, _: storage.read_text(f"{uri}/none"), "://bucket/none: no such bucket or object"),
        (lambda uri, _: storage.read_text(f"{uri}/none", "p=1"), "p=1: no such bucket or object"),
        (lambda uri, path: storage.upload(path, f"{uri[:5]}nowhere/x"), "nowhere/x: no such bucket or object"),
        (lambda uri, _: storage.split(f"{uri[:5]}/x"), ":///x: must be gs://bucket/path or s3://"),
        (lambda uri, _: storage.split(f"{uri[:5]}My-Bucket/x"), "://My-Bucket/x: must be gs://bucket/path .* in lower"),
    ],
)
def test_what_is_not_there_is_told(bucket, folder, work, message):
    with pytest.raises(InputError, match=message):
        work(bucket.uri, folder)


def test_what_is_no_text_is_told(bucket):
    bucket.put("x.py", b"\xff\xfe")
    with pytest.raises(InputError, match=r"://bucket/x\.py: not UTF-8 text"):
        storage.read_text(f"{bucket.uri}/x.py")


@pytest.fixture
def refusing(monkeypatch, request) -> Iterator[None]:
    """Run a service that answers everything with one status."""

    class Refusal(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            body = b'{"error": {"code": %d, "message": "told so"}}' % request.param
            self.send_response(request.param)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Refusal) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
        yield
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("refusing", "message"),
    [
        (403, r"gs://bucket/x: access denied; .* needs the role Storage Object {role} on the bucket \(.*told so"),
        (401, r"gs://bucket/x: no Cloud Storage credentials that work .* GOOGLE_APPLICATION_CREDENTIALS to"),
        (400, r"gs://bucket/x: Cloud Storage refuses this \(.*told so"),
    ],
    indirect=["refusing"],
)
def test_refusals_say_what_to_do(refusing, folder, message):
    with pytest.raises(InputError, match=message.format(role="Viewer")):
        storage.download("gs://bucket/x", folder)
    with pytest.raises(InputError, match=message.format(role="User")):
        storage.upload(folder, "gs://bucket/x")


def test_missing_credentials_say_what_to_set(monkeypatch, tmp_path):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(InputError, match=r"gcloud auth application-default login.*GOOGLE_APPLICATION_CREDENTIALS"):
        storage.read_text("gs://bucket/x")

    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "gone.json"))
    with pytest.raises(InputError, match=r"gone\.json was not found.*gcloud auth application-default login"):
        storage.read_text("gs://bucket/x")
