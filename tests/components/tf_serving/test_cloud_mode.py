"""Cloud mode from end to end: the real clients of Cloud Storage and Kubernetes, and a model server as the pods."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

tf = pytest.importorskip("tensorflow")
pytest.importorskip("kubernetes")

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

from components.lib.deploy.golden import PredictionMismatchError  # noqa: E402
from components.lib.serving.client import ModelNotFoundError  # noqa: E402
from components.lib.serving.config import ModelConfig, VersionPolicy  # noqa: E402
from components.lib.serving.server import ModelServer, ServerOptions  # noqa: E402
from components.tf_serving.deploy import deploy  # noqa: E402

pytestmark = pytest.mark.full

ROWS = 40


@pytest.fixture
def bucket(gcs):
    return gcs.bucket("bucket")


def write_model(directory, scale):
    module = tf.Module()
    module.scale = tf.Variable(scale)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serving_default(examples):
        fare = tf.io.parse_example(examples, {"fare": tf.io.FixedLenFeature([1], tf.float32)})["fare"]
        return {"probability": tf.sigmoid(fare * module.scale - 2.0)}

    tf.saved_model.save(module, str(directory), signatures={"serving_default": serving_default})


@pytest.fixture
def artifacts(tmp_path):
    """A model, its examples and its evaluation, by hand."""
    fares = np.linspace(1, 50, ROWS, dtype=np.float32)
    write_model(tmp_path / "model", 0.1)
    write_model(tmp_path / "other", 0.2)
    shutil.copytree(tmp_path / "model", tmp_path / "truncated")
    for path in (tmp_path / "truncated" / "variables").iterdir():
        path.write_bytes(b"")
    keys = [f"k{at}" for at in range(ROWS)]
    (tmp_path / "examples" / "eval").mkdir(parents=True)
    (tmp_path / "examples" / "schema.pbtxt").write_text('feature { name: "fare" type: FLOAT }')
    pq.write_table(pa.table({"fare": fares, "example_key": keys}), tmp_path / "examples" / "eval" / "data.parquet")
    (tmp_path / "evaluation" / "predictions").mkdir(parents=True)
    (tmp_path / "evaluation" / "verdict.json").write_text('{"blessed": true, "reason": "good", "failures": []}')
    predictions = tf.sigmoid(fares * np.float32(0.1) - 2).numpy()
    table = pa.table({"example_key": keys, "label": [at % 2 for at in range(ROWS)], "probability": predictions})
    pq.write_table(table, tmp_path / "evaluation" / "predictions" / "data.parquet")
    return tmp_path


@pytest.fixture
def pods(cluster, bucket, tmp_path):
    """A model server that serves what the Deployment says, from what lies in the bucket."""
    place = tmp_path / "pods"
    place.mkdir()
    at_once = cluster.controller

    def follow(found):
        if found["kind"] == "Deployment":
            version = found["metadata"]["annotations"]["model-version"]
            for blob in bucket.list_blobs(prefix=f"models/tips/{version}/"):
                target = place / blob.name.removeprefix("models/tips/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(blob.download_as_bytes())
            server.manager.reload([ModelConfig("tips", str(place), VersionPolicy(specific=(int(version),)))])
        at_once(found)

    with ModelServer([ModelConfig("tips", str(place))], ServerOptions(port=0, rest_api_port=0)) as server:
        cluster.controller = follow
        yield server


def deploy_to(pods, artifacts, **parameters):
    return deploy(
        **{
            "model": str(artifacts / "model"),
            "examples": str(artifacts / "examples"),
            "evaluation": str(artifacts / "evaluation"),
            "deployment": str(artifacts / "deployment"),
            "model_name": "tips",
            "model_base_path": "gs://bucket/models",
            "deploy_mode": "cloud",
            "keep_versions": 2,
            "cluster": {
                "grpc_address": f"127.0.0.1:{pods.port}",
                "rest_url": f"http://127.0.0.1:{pods.rest_api_port}",
                "deadline_seconds": 20,
            },
            **parameters,
        }
    )


def test_a_model_goes_to_the_bucket_and_the_cluster_and_back_where_it_answers_otherwise(
    pods, artifacts, bucket, cluster, monkeypatch
):
    found = deploy_to(pods, artifacts)
    assert found["model_path"] == "gs://bucket/models/tips/1"
    assert set(found["verified"]["largest_difference"]) == {"fresh process", "gRPC", "REST"}
    assert json.loads(bucket.blob("models/tips/1/assets.extra/provenance.json").download_as_bytes())["verdict"][
        "blessed"
    ]
    assert deploy_to(pods, artifacts)["version"] == 2
    assert pods.available() == {"tips": [2]}

    load, spoiled = pods.manager.reload, {}

    def spoil(models):
        # What the pods load is not what was published: the variables are those of another model.
        variables = Path(models[0].base_path) / "3" / "variables"
        if variables.is_dir():
            shutil.copytree(artifacts / spoiled["by"] / "variables", variables, dirs_exist_ok=True)
        load(models)

    monkeypatch.setattr(pods.manager, "reload", spoil)
    for other, error, text in (
        ("other", PredictionMismatchError, r"on 40 of 40 golden requests.*Version 2 serves again"),
        # Version 2 answers alike, but version 3 cannot be loaded: that must not count as its verification.
        ("truncated", ModelNotFoundError, r"Specific\(tips, 3\).*Version 2 serves again"),
    ):
        spoiled["by"] = other
        with pytest.raises(error, match=text):
            deploy_to(pods, artifacts)
        assert pods.available() == {"tips": [2]}
        assert bucket.get_blob("models/tips/3/saved_model.pb") is None
        live = cluster.objects["Deployment", "default", "tips"]
        assert live["metadata"]["annotations"]["model-version"] == "2"


def test_a_model_in_a_bucket_is_proved_by_the_embedded_server(artifacts, bucket):
    found = deploy(
        model=str(artifacts / "model"),
        examples=str(artifacts / "examples"),
        evaluation=str(artifacts / "evaluation"),
        deployment=str(artifacts / "deployment"),
        model_name="tips",
        model_base_path="gs://bucket/models/",
    )
    assert found["model_path"] == "gs://bucket/models/tips/1"
    assert set(found["verified"]["largest_difference"]) == {"fresh process", "gRPC", "REST"}
    assert bucket.blob("models/tips/1/saved_model.pb").exists()
