"""Clients of Cloud Storage that know of no emulator reach it: Google's, TensorFlow's and Beam's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.full


@pytest.fixture
def run(google) -> Callable[[str], str]:
    """Run Python in a process of its own, with BUCKET as its bucket's address; what it prints is returned."""

    def execute(code: str) -> str:
        command = [sys.executable, "-c", f"BUCKET = {google.bucket.uri!r}\n{code}"]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **google.env}, timeout=300)
        assert done.returncode == 0, done.stderr[-5000:]
        return done.stdout

    return execute


def test_google_cloud_storage(google, run):
    google.bucket.write("given.txt", "from the test")
    printed = run(
        """
from google.cloud import storage
client = storage.Client()
bucket = client.bucket(BUCKET.removeprefix("gs://"))
print(bucket.blob("given.txt").download_as_text(), client.project)
bucket.blob("empty").upload_from_string(b"")
blob = bucket.blob("large")
blob.chunk_size = 256 * 1024
blob.upload_from_string(bytes(range(256)) * 4096)
print(blob.reload() or blob.size, bucket.blob("large").download_as_bytes(start=255, end=256))
bucket.copy_blob(blob, bucket, "a copy/of it")
with client.batch():
    bucket.blob("large").delete()
print(bucket.blob("large").exists(), [blob.name for blob in client.list_blobs(bucket)])
"""
    )
    assert printed.splitlines() == [
        "from the test test-project",
        r"1048576 b'\xff\x00'",
        "False ['a copy/of it', 'empty', 'given.txt']",
    ]
    assert google.bucket.read("a copy/of it") == bytes(range(256)) * 4096
    assert google.bucket.read("empty") == b""
    assert any(f"GET /storage/v1/b/{google.bucket.name}/o/large" in line for line in google.requests())


def test_tensorflow(google, run):
    google.bucket.write("given/one.txt", "from the test")
    printed = run(
        """
import tensorflow as tf
gfile = tf.io.gfile
with gfile.GFile(f"{BUCKET}/given/one.txt") as file:
    print(file.read())
gfile.makedirs(f"{BUCKET}/made/below")
with gfile.GFile(f"{BUCKET}/made/below/two.bin", "wb") as file:
    file.write(bytes(range(256)) * 8192)
with gfile.GFile(f"{BUCKET}/made/empty", "w") as file:
    file.write("")
gfile.rename(f"{BUCKET}/made/below", f"{BUCKET}/moved")
gfile.copy(f"{BUCKET}/moved/two.bin", f"{BUCKET}/copied/two.bin")
print(gfile.listdir(f"{BUCKET}/"), gfile.glob(f"{BUCKET}/moved/*"), gfile.isdir(f"{BUCKET}/moved"))
print(gfile.stat(f"{BUCKET}/moved/two.bin").length, gfile.exists(f"{BUCKET}/made/below/two.bin"))
gfile.rmtree(f"{BUCKET}/copied")
with tf.io.TFRecordWriter(f"{BUCKET}/some.tfrecord.gz", "GZIP") as writer:
    for row in range(1000):
        writer.write(b"row %d" % row)
print(sum(1 for _ in tf.data.TFRecordDataset(gfile.glob(f"{BUCKET}/*.gz"), "GZIP")))
module = tf.Module()
module.three = tf.Variable(3.0)
module.call = tf.function(lambda x: x * module.three, input_signature=[tf.TensorSpec([], tf.float32)])
tf.saved_model.save(module, f"{BUCKET}/model")
loaded = tf.saved_model.load(f"{BUCKET}/model")
print(loaded.call(2.0).numpy())
"""
    )
    uri = google.bucket.uri
    first, second, *others = printed.splitlines()
    assert first == "from the test"
    assert "'given/', 'made/', 'moved/'" in second
    assert f"['{uri}/moved/two.bin'] True" in second
    assert others == ["2097152 False", "1000", "6.0"]
    assert google.bucket.read("moved/two.bin") == bytes(range(256)) * 8192
    assert not google.bucket.names("copied/")
    assert "made/empty" in google.bucket.names("made/")


def test_beam(google, run, tmp_path):
    google.bucket.write("given/one.txt", "from the test")
    printed = run(
        """
from apache_beam.io.filesystems import FileSystems
from apache_beam.io.filesystem import CompressionTypes
with FileSystems.open(f"{BUCKET}/given/one.txt") as file:
    print(file.read())
with FileSystems.create(f"{BUCKET}/made/large") as file:
    file.write(bytes(range(256)) * 8192)
with FileSystems.create(f"{BUCKET}/made/rows.gz") as file:
    file.write(b"row " * 1000)
with FileSystems.open(f"{BUCKET}/made/rows.gz", compression_type=CompressionTypes.UNCOMPRESSED) as file:
    print(file.read(2))
FileSystems.rename([f"{BUCKET}/made/large"], [f"{BUCKET}/moved/large"])
FileSystems.copy([f"{BUCKET}/moved/large"], [f"{BUCKET}/copied/large"])
(found,) = FileSystems.match([f"{BUCKET}/mo*/*"])
print([(each.path.removeprefix(BUCKET), each.size_in_bytes) for each in found.metadata_list])
FileSystems.delete([f"{BUCKET}/copied/large"])
print(FileSystems.exists(f"{BUCKET}/copied/large"), FileSystems.exists(f"{BUCKET}/made/large"))
"""
    )
    assert printed.splitlines() == [
        "b'from the test'",
        r"b'\x1f\x8b'",
        "[('/moved/large', 2097152)]",
        "False False",
    ]
    assert google.bucket.names() == ["given/one.txt", "made/rows.gz", "moved/large"]
    copied = google.bucket.download("moved", tmp_path / "copy")
    assert google.bucket.upload(copied, "again") == f"{google.bucket.uri}/again"
    assert google.bucket.read("again/large") == bytes(range(256)) * 8192


def test_a_host_that_has_no_stand_in(google, run):
    printed = run("import requests; a = requests.get('https://pubsub.googleapis.com/v1'); print(a.status_code, a.text)")
    assert printed == "501 no stand-in for pubsub.googleapis.com\n"
