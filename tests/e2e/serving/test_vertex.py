"""The Vertex path: Google's own SDK against a fake that predicts with what was uploaded."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("google.cloud.aiplatform_v1")
pytestmark = pytest.mark.full

from click.testing import CliRunner  # noqa: E402

from components.lib.deploy.golden import PredictionMismatchError  # noqa: E402
from components.lib.serving.client import ModelNotFoundError  # noqa: E402
from components.lib.serving.vertex_client import VertexClient  # noqa: E402
from components.ml_engine.deploy import deploy  # noqa: E402
from components.ml_engine.endpoint import Vertex, share_traffic  # noqa: E402
from pipeline_tools.errors import InputError, ServiceError  # noqa: E402


@pytest.fixture(scope="module")
def both():
    """Addresses of the fake, for gRPC and REST; it is a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("fake_vertex.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield [f"127.0.0.1:{port}" for port in process.stdout.readline().split()]
        process.communicate("")


@pytest.fixture(scope="module")
def vertex(both) -> str:
    return both[0]


@pytest.fixture
def go(chain, both, tmp_path):
    def deploy_chain(name: str, model: str | None = None, **options):
        return deploy(
            model=model or chain.model,
            examples=chain.examples,
            evaluation=chain.evaluation,
            deployment=str(tmp_path / "deployment"),
            deploy_unblessed=True,
            golden_requests=100,
            vertex={
                "project": "my-project",
                "model_name": name,
                "model_base_path": str(tmp_path / "bucket"),
                "emulator": both[0],
                "emulator_rest": both[1],
                **options,
            },
        )

    return deploy_chain


@pytest.fixture
def count(vertex):
    import grpc

    def calls(name: str) -> int:
        with grpc.insecure_channel(vertex) as channel:
            return int(channel.unary_unary("/fake.Calls/Count")(name.encode()))

    return calls


@pytest.fixture(scope="module")
def other(chain, tmp_path_factory) -> str:
    """Another file tree of the same model: another version, which answers alike."""
    directory = tmp_path_factory.mktemp("other") / "model"
    shutil.copytree(chain.model, directory)
    (directory / "assets" / "NOTE").write_text("another build")
    return str(directory)


def test_the_first_model_gets_all_traffic_and_twice_is_once(go, count, tmp_path):
    found = go("first")
    assert found["traffic_split"] == {found["deployed_model"]: 100}
    assert set(found["verified"]["largest_difference"]) == {"fresh process", "gRPC", "REST"}
    assert max(found["verified"]["largest_difference"].values()) <= 1e-6
    assert json.loads((tmp_path / "deployment" / "deployment.json").read_text()) == found
    before = count("upload_model"), count("deploy_model"), count("create_endpoint")

    again = go("first")
    assert (again["deployed_model"], again["endpoint"]) == (found["deployed_model"], found["endpoint"])
    assert (count("upload_model"), count("deploy_model"), count("create_endpoint")) == before


def test_a_canary_gets_its_share_and_is_promoted_or_rolled_back(go, other, vertex, both):
    from components.commands.endpoint import endpoint_command

    first = go("canary")
    second = go("canary", other, traffic_percentage=20)
    assert second["endpoint"] == first["endpoint"]
    assert second["traffic_split"] == {second["deployed_model"]: 20, first["deployed_model"]: 80}

    def command(action: str) -> str:
        arguments = [action, second["endpoint"], "--emulator", vertex]
        return CliRunner().invoke(endpoint_command, arguments, catch_exceptions=False).output

    assert f"{second['deployed_model']}   20 %" in command("show")
    assert f"deployment {first['deployed_model']} has all the traffic" in command("roll-back")
    third = go("canary", other, traffic_percentage=20)
    assert third["model"] == second["model"]
    assert f"{third['deployed_model']}  100 %" in command("promote")
    services = Vertex("us-central1", *both)
    assert list(services.deployed(first["endpoint"])[0]) == [third["deployed_model"]]
    with pytest.raises(InputError, match="none to roll back to"):
        services.roll_back(first["endpoint"])


def test_a_canary_that_answers_otherwise_is_taken_away(go, other, both, monkeypatch):
    first = go("failing", traffic_percentage=100)
    client = VertexClient.predict_serialized

    def shifted(self, examples):
        answers = client(self, examples)
        return answers if self.answered_by == first["deployed_model"] else [value + 0.01 for value in answers]

    monkeypatch.setattr(VertexClient, "predict_serialized", shifted)
    with pytest.raises(PredictionMismatchError, match=r"100 of 100 golden requests.*The traffic split is restored"):
        go("failing", other, traffic_percentage=20)
    models, split = Vertex("us-central1", *both).deployed(first["endpoint"])
    assert split == {first["deployed_model"]: 100}
    assert list(models) == [first["deployed_model"]]


def test_the_client_asks_an_endpoint_and_says_what_is_wrong(go, both):
    found = go("asked")
    services = Vertex("us-central1", *both)
    client = VertexClient(found["endpoint"], service=services.predictions["gRPC"])
    (value,) = client.predict([{"fare": 10.0, "payment_type": "Cash", "company": None}])
    assert 0 <= value <= 1
    nowhere = VertexClient(found["endpoint"] + "9", service=services.predictions["gRPC"])
    with pytest.raises(ModelNotFoundError, match="is not found"):
        nowhere.predict([{"fare": 10.0}])


def test_an_upload_that_fails_deploys_nothing(go, tmp_path, monkeypatch, count):
    monkeypatch.setattr("components.lib.deploy.model_base.LocalModelBase.path", lambda _self, _version: "/nowhere")
    before = count("deploy_model")
    with pytest.raises(ServiceError, match=r"uploading the model: .*no saved_model.pb at /nowhere"):
        go("broken", serving_image="other/image:1")
    assert count("deploy_model") == before


@pytest.mark.parametrize(
    ("split", "percentage", "shared"),
    [
        ({}, 20, {"0": 100}),
        ({"a": 100}, 20, {"0": 20, "a": 80}),
        ({"a": 100}, 100, {"0": 100, "a": 0}),
        ({"a": 67, "b": 33}, 10, {"0": 10, "a": 61, "b": 29}),
    ],
)
def test_traffic_is_shared_out_to_the_last_percent(split, percentage, shared):
    assert share_traffic(split, percentage) == shared


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"project": ""}, "project=''"),
        ({"region": "europe"}, "region='europe'"),
        ({"traffic_percentage": 0}, "traffic_percentage=0"),
        ({"min_replicas": 2}, "min_replicas=2, max_replicas=1"),
        ({"predict_route": "/x"}, "predict_route and health_route"),
        ({"emulator": "", "model_base_path": "models"}, "must be gs://bucket/path"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_sent(go, options, text):
    with pytest.raises(InputError, match=text):
        go("wrong", **options)
