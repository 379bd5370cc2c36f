"""Model versions in a bucket, on services that speak to the real clients."""

from __future__ import annotations

import datetime
from http import HTTPStatus
from pathlib import Path

import pytest

from components.lib.deploy.bucket_model_base import BucketModelBase
from pipeline_tools import storage
from pipeline_tools.errors import InputError


@pytest.fixture
def base(bucket) -> BucketModelBase:
    return BucketModelBase(f"{bucket.uri}/models", "taxi")


@pytest.fixture
def model(tmp_path) -> Path:
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "variables" / "variables.index").write_bytes(b"index")
    return tmp_path


def test_a_version_is_published_pruned_and_withdrawn(base, bucket, model):
    assert [base.publish(model) for _ in range(3)] == [1, 2, 3]
    assert base.versions() == [1, 2, 3]
    assert base.path(2) == f"{bucket.uri}/models/taxi/2"
    assert bucket.names()[:2] == ["models/taxi/1/saved_model.pb", "models/taxi/1/variables/variables.index"]
    assert not any(".publishing" in name for name in bucket.names())

    assert base.prune(2) == [1]
    base.withdraw(3)
    assert base.versions() == [2]


def test_the_saved_model_comes_last(base, bucket, model, monkeypatch):
    seen = []
    copy = storage.copy

    def watched(source, target):
        seen.append((target.removeprefix(bucket.uri), base.versions()))
        copy(source, target)

    monkeypatch.setattr(storage, "copy", watched)
    base.publish(model)

    assert seen == [("/models/taxi/1/variables/variables.index", []), ("/models/taxi/1/saved_model.pb", [])]
    assert base.versions() == [1]


def test_half_a_version_does_not_count_and_its_number_is_not_used_again(base, bucket, model):
    bucket.put("models/taxi/4/variables/variables.index", b"half")

    assert base.versions() == []
    assert base.publish(model) == 5


def test_what_a_dead_publisher_left_is_swept(base, bucket, model, monkeypatch):
    for name in ("4/variables/variables.index", ".publishing/4", ".publishing/4/saved_model.pb"):
        bucket.put(f"models/taxi/{name}", b"half")
    assert base.publish(model) == 5
    assert "models/taxi/4/variables/variables.index" in bucket.names()

    monkeypatch.setattr("components.lib.deploy.bucket_model_base._STALE", datetime.timedelta(hours=-1))
    assert base.publish(model) == 6
    assert not any("/4/" in name or ".publishing" in name for name in bucket.names())


def test_a_number_that_another_publisher_claims_meanwhile_is_left_to_it(base, bucket, model, monkeypatch):
    bucket.put("models/taxi/.publishing/1")
    monkeypatch.setattr(base, "_claims", dict)  # as if it had been claimed after the look
    if bucket.uri.startswith("gs://"):
        _obey_preconditions(monkeypatch)

    assert base.publish(model) == 2
    assert "models/taxi/.publishing/1" in bucket.names()


def _obey_preconditions(monkeypatch) -> None:
    """Let the emulator refuse generation 0 where there is an object, as Cloud Storage does."""
    from gcp_storage_emulator.handlers import objects

    insert = objects._multipart_upload

    def strict(request, response, store):
        name = request.data["meta"]["name"]
        if request.query.get("ifGenerationMatch") == ["0"] and name in store.objects.get("bucket", {}):
            response.status = HTTPStatus.PRECONDITION_FAILED
            return
        insert(request, response, store)

    monkeypatch.setattr(objects, "_multipart_upload", strict)


def test_what_is_not_a_bucket_or_not_a_model_is_refused(base, tmp_path):
    with pytest.raises(InputError, match="model_base_path=gs:///x: must be gs://bucket/path or s3://bucket/path"):
        BucketModelBase("gs:///x", "taxi")
    with pytest.raises(InputError, match=r"not a SavedModel, it holds no saved_model\.pb"):
        base.publish(tmp_path)
