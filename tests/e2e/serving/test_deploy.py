"""A trained taxi model: deployed, served, asked by the client over both protocols."""

from __future__ import annotations

import importlib
import json
import socket
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytest.importorskip("tensorflow")
pytestmark = pytest.mark.e2e

from components.lib.deploy.blessing import NotBlessedError  # noqa: E402
from components.lib.deploy.golden import PredictionMismatchError, read_requests  # noqa: E402
from components.lib.serving.client import (  # noqa: E402
    ClientError,
    DeadlineExceededError,
    ModelNotFoundError,
    ServerUnreachableError,
    connect,
)
from pipeline_tools.errors import InputError  # noqa: E402


def deploy_chain(chain, directory: Path, **parameters):
    from components.tf_serving.deploy import deploy

    return deploy(
        **{
            "model": chain.model,
            "examples": chain.examples,
            "evaluation": chain.evaluation,
            "metrics": {"auc": 0.9},
            "deployment": str(directory / "deployment"),
            "model_base_path": str(directory / "models"),
            "model_name": "taxi",
            "golden_requests": 64,
            "deploy_unblessed": True,
            **parameters,
        }
    )


@pytest.fixture(scope="module")
def deployed(chain, tmp_path_factory):
    directory = tmp_path_factory.mktemp("deployed")
    deploy_chain(chain, directory)
    return directory


@pytest.fixture(scope="module")
def server(deployed):
    from components.lib.serving.config import VersionPolicy, find_models
    from components.lib.serving.server import ModelServer, ServerOptions

    models = find_models(str(deployed / "models"), None, VersionPolicy())
    with ModelServer(models, ServerOptions(port=0, rest_api_port=0)) as running:
        yield running


@pytest.fixture(params=["gRPC", "REST"])
def address(request, server) -> str:
    return f"127.0.0.1:{server.port}" if request.param == "gRPC" else f"http://127.0.0.1:{server.rest_api_port}"


@pytest.fixture(scope="module")
def golden_rows(deployed):
    return read_requests(deployed / "models" / "taxi" / "1")


def test_a_deployment_says_what_it_proved(deployed, chain):
    found = json.loads((deployed / "deployment" / "deployment.json").read_text())

    assert found["version"] == 1
    assert found["model_path"] == str(deployed / "models" / "taxi" / "1")
    assert found["verified"]["requests"] == 64
    assert set(found["verified"]["largest_difference"]) == {"fresh process", "gRPC", "REST"}
    assert max(found["verified"]["largest_difference"].values()) <= 1e-6
    provenance = json.loads((Path(found["model_path"]) / "assets.extra" / "provenance.json").read_text())
    assert provenance["metrics"] == {"auc": 0.9}
    assert provenance["verdict"]["blessed"] == chain.analysis["verdict"].blessed
    assert not (Path(chain.model) / "assets.extra" / "provenance.json").exists()


def test_the_client_predicts_raw_rows_as_the_evaluation_did(address, golden_rows):
    with connect(address, "taxi") as client:
        assert client.columns()["fare"] == "FLOAT"
        assert client.columns()["payment_type"] == "BYTES"
        assert "tips" not in client.columns()
        blank = dict.fromkeys(client.columns())
        answers = client.predict([{**blank, **row.columns} for row in golden_rows])
        assert client.predict([]) == []

    assert answers == pytest.approx([row.probability for row in golden_rows], abs=1e-6)


def test_the_client_says_what_is_wrong_with_columns(address, golden_rows):
    with connect(address, "taxi") as client:
        row = {**dict.fromkeys(client.columns()), **golden_rows[0].columns}
        del row["fare"]
        with pytest.raises(ClientError, match="row 0 lacks the columns fare; it has"):
            client.predict([row])
        with pytest.raises(ClientError, match="row 1, column 'fare': 'much' is not of type FLOAT"):
            client.predict([{**row, "fare": 1.0}, {**row, "fare": "much"}])
        with pytest.raises(ClientError, match=r"column 'trip_seconds': 1.5 is not of type INT"):
            client.predict([{**row, "fare": 1.0, "trip_seconds": 1.5}])


def test_the_client_says_who_does_not_answer(address, golden_rows):
    with connect(address, "bus") as client, pytest.raises(ModelNotFoundError, match="bus"):
        client.predict([golden_rows[0].columns])
    with connect(address, "taxi", version=7) as client, pytest.raises(ModelNotFoundError, match="Specific"):
        client.predict([golden_rows[0].columns])
    with connect(address, "taxi", label="x") as client, pytest.raises(ClientError, match="label: x"):
        client.predict([golden_rows[0].columns])


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_the_client_waits_no_longer_than_its_deadline(scheme):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"{scheme}127.0.0.1:{silent.getsockname()[1]}"
        with (
            connect(address, "taxi", timeout=0.5) as client,
            pytest.raises(DeadlineExceededError, match=r"within 0\.5 s"),
        ):
            client.columns()


@pytest.mark.parametrize("nobody", ["127.0.0.1:9", "http://127.0.0.1:9"])
def test_the_client_says_that_nobody_is_there(nobody):
    with (
        connect(nobody, "taxi", timeout=5) as client,
        pytest.raises(ServerUnreachableError, match="no model server answers at"),
    ):
        client.columns()


@pytest.mark.parametrize("named", ["localhost", "ftp://x", ":8500", "vertex:endpoint", "localhost:http"])
def test_a_server_must_be_named_well(named):
    with pytest.raises(InputError, match="must be"):
        connect(named, "taxi")


def test_predict_prints_a_table_or_json_and_takes_the_flags_of_2018(server):
    module = [sys.executable, "-m", "taxi_pipeline.client", "--server", f"http://127.0.0.1:{server.rest_api_port}"]
    flags = ["--model_name", "taxi", "--examples_file", "sample://trips", "--num_examples", "2"]
    done = subprocess.run([*module, *flags, "--json"], capture_output=True, text=True, check=True)
    answers = json.loads(done.stdout)
    assert [set(answer) for answer in answers] == [{"key", "probability", "big_tip"}] * 2

    done = subprocess.run([*module, *flags], capture_output=True, text=True, check=True)
    assert all(f"{answer['probability']:.4f}" in done.stdout for answer in answers)

    done = subprocess.run([*module, *flags, "--examples_file", "none.csv"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: --examples-file none.csv: no such file\n")


def test_an_unblessed_model_is_not_deployed(chain, tmp_path):
    evaluation = tmp_path / "evaluation"
    evaluation.mkdir()
    (evaluation / "verdict.json").write_text('{"blessed": false, "reason": "AUC too low", "failures": []}')

    with pytest.raises(NotBlessedError, match="not deployed: AUC too low"):
        deploy_chain(chain, tmp_path, evaluation=str(evaluation), deploy_unblessed=False)
    assert not any((tmp_path / "models" / "taxi").glob("[0-9]*"))


def test_a_model_that_answers_otherwise_than_evaluated_is_not_published(chain, tmp_path):
    import pyarrow as pa

    (tmp_path / "eval" / "predictions").mkdir(parents=True)
    (tmp_path / "eval" / "verdict.json").write_text(Path(chain.evaluation, "verdict.json").read_text())
    for path in Path(chain.evaluation, "predictions").iterdir():
        table = pq.read_table(path)
        values = table["probability"].to_pylist()
        values[0] += 0.125
        at = table.schema.get_field_index("probability")
        table = table.set_column(at, "probability", pa.array(values, pa.float32()))
        pq.write_table(table, tmp_path / "eval" / "predictions" / path.name)

    with pytest.raises(
        PredictionMismatchError, match=r"exported SavedModel disagrees .* on 1 of 64 .*differs by 0\.12"
    ):
        deploy_chain(chain, tmp_path, evaluation=str(tmp_path / "eval"))
    assert not any((tmp_path / "models" / "taxi").glob("[0-9]*"))


def test_a_version_that_fails_its_proof_is_withdrawn(chain, tmp_path, monkeypatch):
    module = importlib.import_module("components.tf_serving.deploy")  # the package's name is the factory's, too
    deploy_chain(chain, tmp_path)

    def disagree(_prepared, base_path, model_name, version):
        assert Path(base_path, model_name, str(version), "saved_model.pb").is_file()
        raise PredictionMismatchError("example k1 differs by 0.5")

    monkeypatch.setattr(module, "_verify_locally", disagree)
    with pytest.raises(PredictionMismatchError, match="k1"):
        deploy_chain(chain, tmp_path)
    assert [path.name for path in (tmp_path / "models" / "taxi").glob("[0-9]*")] == ["1"]
    assert json.loads((tmp_path / "deployment" / "deployment.json").read_text())["version"] == 1


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"deploy_mode": "remote"}, "deploy_mode='remote': must be 'local' or 'cloud'"),
        ({"keep_versions": 0}, "keep_versions=0: must be at least 1"),
        ({"model_name": "My_Model"}, "is not a DNS label"),
        ({"deploy_mode": "cloud"}, "deploy_mode=cloud needs gs://bucket/path"),
        ({"deploy_mode": "cloud", "model_base_path": "gs://b/m", "cluster": {"kind": "x"}}, "kind='x'"),
        ({"deploy_mode": "cloud", "model_base_path": "gs://b/m", "cluster": {"memory": "much"}}, "memory='much'"),
        ({"golden_requests": 0}, "golden_requests=0"),
        ({"code_modules": ["no_such"]}, "no module 'no_such'"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_is_published(chain, tmp_path, parameters, text):
    with pytest.raises(InputError, match=text):
        deploy_chain(chain, tmp_path, **parameters)
    assert not any(tmp_path.glob("models/taxi/[0-9]*"))
