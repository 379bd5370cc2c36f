"""Small models, and servers of them, on real sockets."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


def write_model(directory: Path, offset: float) -> None:
    """Write a SavedModel: y = x / 2 + offset, in every kind of signature."""
    import tensorflow as tf

    module = tf.Module()
    module.offset = tf.Variable(offset)
    spec = {"x": tf.io.FixedLenFeature([], tf.float32)}
    rows = tf.TensorSpec([None], tf.string, name="inputs")

    def score(serialized):
        return tf.io.parse_example(serialized, spec)["x"] / 2 + module.offset

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def half_plus(x):
        return {"y": x / 2 + module.offset}

    @tf.function(input_signature=[rows])
    def regress(inputs):
        return {"outputs": score(inputs)}

    @tf.function(input_signature=[rows])
    def classify(inputs):
        value = tf.sigmoid(score(inputs))
        return {
            "scores": tf.stack([1 - value, value], axis=1),
            "classes": tf.tile([["no", "yes"]], [tf.shape(value)[0], 1]),
        }

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.int64, name="pair"),
            tf.TensorSpec([None], tf.string, name="text"),
        ]
    )
    def mixed(pair, text):
        return {"total": tf.reduce_sum(pair, axis=1), "text": text, "raw_bytes": text}

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, name="x")])
    def scalar(x):
        return {"y": x + module.offset}

    module.signatures_kept = [half_plus, regress, classify, mixed, scalar]
    tf.saved_model.save(
        module,
        str(directory),
        signatures={
            "serving_default": half_plus,
            "regress": regress,
            "classify": classify,
            "mixed": mixed,
            "scalar": scalar,
        },
    )


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float], Path]:
    """SavedModels by offset, written once."""
    written: dict[float, Path] = {}

    def get(offset: float) -> Path:
        if offset not in written:
            written[offset] = tmp_path_factory.mktemp("tiny") / "model"
            write_model(written[offset], offset)
        return written[offset]

    return get


@pytest.fixture
def base(tmp_path: Path, tiny: Callable[[float], Path]) -> Any:
    """A model base path with the model `tiny` in version 1 (offset 2)."""
    from components.lib.deploy.model_base import LocalModelBase

    found = LocalModelBase(str(tmp_path / "models"), "tiny")
    found.publish(tiny(2.0))
    return found


@pytest.fixture
def serve(tmp_path: Path, base: Any) -> Iterator[Callable[..., Any]]:
    """Start a server of the base path; policy, labels and options by keyword."""
    from components.lib.serving.config import VersionPolicy, find_models
    from components.lib.serving.server import ModelServer, ServerOptions

    servers = []

    def start(policy: str = "latest", labels: dict[str, int] | None = None, **options: Any) -> ModelServer:
        models = find_models(str(tmp_path / "models"), "tiny", VersionPolicy.parse(policy), labels)
        chosen = ServerOptions(**{"port": 0, "rest_api_port": 0, "poll_seconds": 0.1, **options})
        servers.append(ModelServer(models, chosen).start())
        return servers[-1]

    yield start
    for server in servers:
        server.stop(grace=1)


@pytest.fixture(scope="session")
def lasting(tmp_path_factory: pytest.TempPathFactory, tiny: Callable[[float], Path]) -> Iterator[Any]:
    """One server of `tiny` (offset 2) for requests that change nothing: it outlives every bad one."""
    from components.lib.deploy.model_base import LocalModelBase
    from components.lib.serving.config import VersionPolicy, find_models
    from components.lib.serving.server import ModelServer, ServerOptions

    models = str(tmp_path_factory.mktemp("lasting"))
    LocalModelBase(models, "tiny").publish(tiny(2.0))
    options = ServerOptions(port=0, rest_api_port=0)
    with ModelServer(find_models(models, "tiny", VersionPolicy.parse("latest"), None), options) as server:
        yield server


@pytest.fixture
def curl() -> Callable[..., tuple[int, str]]:
    """Ask by curl: the status and the body."""

    def ask(server: Any, path: str, body: str | None = None, *more: str) -> tuple[int, str]:
        command = ["curl", "-sS", "-w", "\n%{http_code}", f"http://127.0.0.1:{server.rest_api_port}{path}", *more]
        if body is not None:
            command += ["-d", "@-"]
        done = subprocess.run(command, input=body, capture_output=True, text=True, check=True, timeout=60)
        text, _, status = done.stdout.rpartition("\n")
        return int(status), text

    return ask


@pytest.fixture
def stubs() -> Iterator[Callable[[Any], Any]]:
    """TF-Serving's own stubs for a server: (PredictionService, ModelService)."""
    import grpc
    from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

    channels = []

    def connect(server: Any) -> Any:
        channels.append(grpc.insecure_channel(f"127.0.0.1:{server.port}"))
        return (
            prediction_service_pb2_grpc.PredictionServiceStub(channels[-1]),
            model_service_pb2_grpc.ModelServiceStub(channels[-1]),
        )

    yield connect
    for channel in channels:
        channel.close()
