"""The real google-cloud-storage client against an emulator."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("google.cloud.storage", reason="needs taxi-pipeline[cloud]")

from google.cloud import storage

from components.lib.deploy.gcs_model_base import GcsModelBase
from pipeline_tools.errors import InputError

PLACE = "gs://bucket/models"


@pytest.fixture
def client(gcs):
    return gcs


@pytest.fixture
def base(client) -> GcsModelBase:
    return GcsModelBase(PLACE, "taxi")


@pytest.fixture
def model(tmp_path) -> Path:
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "variables" / "variables.index").write_bytes(b"index")
    return tmp_path


def names(client) -> list[str]:
    return sorted(blob.name for blob in client.bucket("bucket").list_blobs())


def test_a_version_is_published_pruned_and_withdrawn(base, client, model):
    assert [base.publish(model) for _ in range(3)] == [1, 2, 3]
    assert base.versions() == [1, 2, 3]
    assert base.path(2) == "gs://bucket/models/taxi/2"
    assert names(client)[:2] == ["models/taxi/1/saved_model.pb", "models/taxi/1/variables/variables.index"]
    assert not any(".publishing" in name for name in names(client))

    assert base.prune(2) == [1]
    base.withdraw(3)
    assert base.versions() == [2]


def test_the_saved_model_comes_last(base, client, model, monkeypatch):
    seen = []
    bucket = type(client.bucket("bucket"))
    copy = bucket.copy_blob

    def watched(self, blob, destination, name):
        seen.append((name, base.versions()))
        return copy(self, blob, destination, name)

    monkeypatch.setattr(bucket, "copy_blob", watched)
    base.publish(model)

    assert seen == [("models/taxi/1/variables/variables.index", []), ("models/taxi/1/saved_model.pb", [])]
    assert base.versions() == [1]


def test_half_a_version_is_none_and_its_number_is_not_used_again(base, client, model):
    client.bucket("bucket").blob("models/taxi/4/variables/variables.index").upload_from_string(b"half")

    assert base.versions() == []
    assert base.publish(model) == 5


def test_a_dead_publishers_rest_is_swept(base, client, model, monkeypatch):
    bucket = client.bucket("bucket")
    for name in ("4/variables/variables.index", ".publishing/4", ".publishing/4/saved_model.pb"):
        bucket.blob(f"models/taxi/{name}").upload_from_string(b"half")
    assert base.publish(model) == 5
    assert "models/taxi/4/variables/variables.index" in names(client)

    monkeypatch.setattr("components.lib.deploy.gcs_model_base._STALE", -1.0)
    assert base.publish(model) == 6
    assert not any("/4/" in name or ".publishing" in name for name in names(client))


def test_a_number_that_another_publisher_claims_meanwhile_is_left_to_it(base, client, model, monkeypatch):
    from google.api_core.exceptions import PreconditionFailed

    client.bucket("bucket").blob("models/taxi/.publishing/1").upload_from_string(b"")
    monkeypatch.setattr(base, "_claims", dict)  # as if it had been claimed after the look
    upload = storage.Blob.upload_from_string

    def strict(blob, data, if_generation_match=None):
        # The emulator knows no preconditions; Cloud Storage refuses generation 0 where there is an object.
        if if_generation_match == 0 and blob.exists():
            raise PreconditionFailed("conditionNotMet")
        return upload(blob, data)

    monkeypatch.setattr(storage.Blob, "upload_from_string", strict)

    assert base.publish(model) == 2
    assert "models/taxi/.publishing/1" in names(client)


def test_what_is_no_bucket_or_no_model_is_refused(base, client, tmp_path):
    with pytest.raises(InputError, match="names no bucket"):
        GcsModelBase("gs:///x", "taxi")
    with pytest.raises(InputError, match=r"no saved_model\.pb"):
        base.publish(tmp_path)
