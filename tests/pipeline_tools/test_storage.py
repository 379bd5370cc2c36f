"""Cloud Storage as files and directories: the real client against an emulator."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipeline_tools import storage
from pipeline_tools.errors import InputError


def names(gcs) -> list[str]:
    return sorted(blob.name for blob in gcs.bucket("bucket").list_blobs())


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    (tmp_path / "folder" / "a.txt").write_text("a")
    (tmp_path / "folder" / "empty").touch()
    (tmp_path / "folder" / "sub" / "b.bin").write_bytes(bytes(range(256)) * 40_000)  # more than one request's worth
    return tmp_path / "folder"


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_directory_goes_there_and_comes_back(gcs, folder, tmp_path):
    storage.upload(folder, "gs://bucket/some/where/")
    assert names(gcs) == ["some/where/a.txt", "some/where/empty", "some/where/sub/b.bin"]
    assert list(storage.objects("gs://bucket/some")) == ["where/a.txt", "where/empty", "where/sub/b.bin"]

    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "old").touch()
    storage.download("gs://bucket/some/where", tmp_path / "back")
    assert content(tmp_path / "back") == content(folder)


def test_one_object_is_a_file(gcs, folder, tmp_path):
    storage.upload(folder / "a.txt", "gs://bucket/x/ä b.txt")
    storage.download("gs://bucket/x/ä b.txt", tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == storage.read_text("gs://bucket/x/ä b.txt") == "a"


def test_a_name_is_no_prefix(gcs, tmp_path):
    for name in ("model/1", "models/2", "model.txt", "model/sub/"):
        gcs.bucket("bucket").blob(name).upload_from_string(name)
    storage.download("gs://bucket/model", tmp_path / "model")
    assert content(tmp_path / "model") == {"1": b"model/1"}

    storage.delete("gs://bucket/model")
    assert names(gcs) == ["model.txt", "models/2"]
    storage.delete("gs://bucket/models/2")
    storage.delete("gs://bucket/models/2")
    assert names(gcs) == ["model.txt"]


def test_the_chosen_file_is_written_when_all_others_are_there(gcs, folder, monkeypatch):
    seen = {}
    upload = storage.put

    def watched(copies, what):
        seen[tuple(copies)] = names(gcs)
        upload(copies, what)

    monkeypatch.setattr(storage, "put", watched)
    storage.upload(folder, "gs://bucket/x", last="a.txt")
    assert seen[("gs://bucket/x/a.txt",)] == ["x/empty", "x/sub/b.bin"]


@pytest.mark.parametrize("last", ["", "a.txt"])
def test_an_upload_that_fails_leaves_nothing(gcs, folder, monkeypatch, last):
    blob = type(gcs.bucket("bucket").blob("x"))
    upload = blob._handle_filename_and_upload

    def failing(self, filename, *args, **kwargs):
        if filename.endswith("a.txt"):
            raise OSError("gone")
        upload(self, filename, *args, **kwargs)

    monkeypatch.setattr(blob, "_handle_filename_and_upload", failing)
    with pytest.raises(OSError, match="gone"):
        storage.upload(folder, "gs://bucket/x", last=last)
    assert names(gcs) == []


def test_a_download_that_fails_leaves_what_was_there(gcs, folder, tmp_path, monkeypatch):
    storage.upload(folder, "gs://bucket/x")
    found = storage.objects("gs://bucket/x")
    gcs.bucket("bucket").blob("x/empty").delete()
    monkeypatch.setattr(storage, "objects", lambda uri: found)
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "old").touch()

    with pytest.raises(InputError, match=r"gs://bucket/x: gs://bucket/x/empty was there a moment ago"):
        storage.download("gs://bucket/x", tmp_path / "back")
    assert content(tmp_path / "back") == {"old": b""}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back", "folder"]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (["x/a//b"], "the object 'a//b' below it has a name that no file can have"),
        (["x/a", "x/a/b"], "'a' below it is an object, and objects lie below it"),
    ],
)
def test_names_that_no_directory_can_hold(gcs, tmp_path, made, message):
    for name in made:
        gcs.bucket("bucket").blob(name).upload_from_string("1")
    with pytest.raises(InputError, match=message):
        storage.download("gs://bucket/x", tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_a_name_that_would_lead_out_of_the_directory(tmp_path):
    # The emulator cannot hold such an object; Cloud Storage can.
    with pytest.raises(
        InputError, match=r"gs://bucket/x: the object '\.\./y' below it has a name that no file can have"
    ):
        storage.local_paths({"../y": None}, tmp_path, "gs://bucket/x")


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda path: storage.download("gs://bucket/none", path), "gs://bucket/none: there is no such object, and"),
        (lambda path: storage.download("gs://nowhere/none", path), "gs://nowhere/none: no such bucket or object"),
        (lambda _: storage.read_text("gs://bucket/none"), "gs://bucket/none: no such bucket or object"),
        (lambda _: storage.read_text("gs://bucket/none", "p=1"), "p=1: no such bucket or object"),
        (lambda path: storage.upload(path, "gs://nowhere/x"), "gs://nowhere/x: no such bucket or object"),
        (lambda _: storage.split("gs:///x"), "gs:///x: names no bucket"),
        (lambda _: storage.split("gs://My-Bucket/x"), "names no bucket; it must be gs://bucket/path, the bucket in sm"),
    ],
)
def test_what_is_not_there_is_told(gcs, folder, work, message):
    with pytest.raises(InputError, match=message):
        work(folder)


def test_what_is_no_text_is_told(gcs):
    gcs.bucket("bucket").blob("x.py").upload_from_string(b"\xff\xfe")
    with pytest.raises(InputError, match=r"gs://bucket/x\.py: no UTF-8 text"):
        storage.read_text("gs://bucket/x.py")


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
        (401, r"gs://bucket/x: there are no Google Cloud credentials that work .* GOOGLE_APPLICATION_CREDENTIALS to"),
        (400, r"gs://bucket/x: Cloud Storage refuses this with HTTP 400 \(.*told so"),
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
