from __future__ import annotations

import warnings

import pytest
import yaml
from click.testing import CliRunner

from components.commands.manifests import manifests_command
from components.tf_serving.manifests import manifests, rbac
from components.tf_serving.options import ClusterOptions
from pipeline_tools.errors import InputError

PLACE = "gs://bucket/models/taxi"


def validate(objects):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        validator = pytest.importorskip("kubernetes_validate")
        for each in objects:
            validator.validate(each, "1.34", strict=True)


@pytest.mark.parametrize(
    "options",
    [
        ClusterOptions(),
        ClusterOptions(namespace="models", replicas=2, max_replicas=5, service_account="reader", cpu="2", memory="4G"),
    ],
)
def test_manifests_are_valid_to_the_last_field(options):
    validate(manifests("taxi", PLACE, 3, options))


@pytest.mark.parametrize("kind", ["deployment", "kserve"])
def test_rights_are_valid_and_name_no_star_no_secret_no_delete(kind):
    objects = rbac("models", kind, "pipeline-runner")
    validate(objects)

    text = yaml.safe_dump(objects)
    assert "*" not in text
    assert "secrets" not in text
    assert "delete" not in text
    assert objects[0]["kind"] == "Role"


def test_a_pod_is_ready_when_it_serves_this_version_and_runs_as_nobody():
    *_, deployment = manifests("taxi", PLACE, 3, ClusterOptions())
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert container["readinessProbe"]["httpGet"]["path"] == "/v1/models/taxi/versions/3"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert {port["containerPort"] for port in container["ports"]} == {8500, 8501}
    assert container["resources"]["limits"] == {"memory": "1Gi"}


def test_the_configuration_is_one_that_tf_serving_reads():
    text_format = pytest.importorskip("google.protobuf.text_format")
    config, *_ = manifests("taxi", PLACE, 3, ClusterOptions())
    text = config["data"]["models.config"]

    assert 'base_path: "gs://bucket/models/taxi"' in text
    assert "specific { versions: 3 }" in text
    assert text_format is not None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "job"),
        ("namespace", "My Models"),
        ("serving_image", " "),
        ("cpu", "fast"),
        ("memory", ""),
        ("replicas", 0),
        ("max_replicas", 1),
        ("deadline_seconds", 0),
    ],
)
def test_wrong_options_are_named(field, value):
    with pytest.raises(InputError, match=field):
        ClusterOptions(**{"replicas": 2, field: value}).check()


def test_the_command_prints_and_applies_nothing():
    arguments = ["--model-name", "taxi", "--model-base-path", "gs://bucket/models"]
    done = CliRunner().invoke(manifests_command, arguments, catch_exceptions=False)
    kinds = [each["kind"] for each in yaml.safe_load_all(done.output)]
    assert kinds == ["ConfigMap", "Service", "Deployment"]

    done = CliRunner().invoke(manifests_command, [*arguments, "--step-service-account", "runner"])
    assert [each["kind"] for each in yaml.safe_load_all(done.output)] == ["Role", "RoleBinding"]
    done = CliRunner().invoke(manifests_command, [*arguments, "--kind", "kserve"])
    assert [each["kind"] for each in yaml.safe_load_all(done.output)] == ["InferenceService"]
    with pytest.raises(InputError, match="gs://"):
        CliRunner().invoke(
            manifests_command, ["--model-name", "taxi", "--model-base-path", "models"], catch_exceptions=False
        )
