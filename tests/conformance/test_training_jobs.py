"""The jobs of a training against the schemas of the official custom resources, taken from the projects' own modules."""

from __future__ import annotations

import copy
import json
import subprocess
import warnings
from pathlib import Path

import pytest
import yaml

from components.training.manifests import manifests, rbac
from components.training.options import JobOptions
from tests.tools import go, missing

pytestmark = pytest.mark.full

CRDS = {
    "TrainJob": ("github.com/kubeflow/trainer/v2@v2.0.0", "trainer.kubeflow.org_trainjobs.yaml"),
    "TrainingRuntime": ("github.com/kubeflow/trainer/v2@v2.0.0", "trainer.kubeflow.org_trainingruntimes.yaml"),
    "TFJob": ("github.com/kubeflow/training-operator@v1.8.1", "kubeflow.org_tfjobs.yaml"),
}


def crd(kind: str) -> dict:
    module, file = CRDS[kind]
    done = subprocess.run([go(), "mod", "download", "-json", module], capture_output=True, text=True, cwd="/")
    if done.returncode:
        missing(f"{module} is not to be had here: {(done.stdout + done.stderr).strip()[-300:]}")
    return yaml.safe_load((Path(json.loads(done.stdout)["Dir"]) / "manifests/base/crds" / file).read_text())


def strict(schema: dict) -> dict:
    """A schema that refuses fields which the cluster would drop without a word."""
    found = copy.deepcopy(schema)

    def close(node) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("properties"), dict) and not node.get("x-kubernetes-preserve-unknown-fields"):
                node.setdefault("additionalProperties", False)
            for each in node.values():
                close(each)
        elif isinstance(node, list):
            for each in node:
                close(each)

    close(found)
    found["properties"]["metadata"] = {"type": "object"}
    return found


def check(body: dict) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    definition = crd(body["kind"])
    api, version = body["apiVersion"].split("/")
    assert definition["spec"]["group"] == api
    (schema,) = (
        each["schema"]["openAPIV3Schema"] for each in definition["spec"]["versions"] if each["name"] == version
    )
    jsonschema.Draft202012Validator(strict(schema)).validate(body)


def jobs(kind: str, **options) -> list[dict]:
    found = JobOptions(working_dir="gs://b/w", worker_image="r/i:1", service_account="trainer", **options)
    return manifests("train-x", "gs://b/w/train-x/order.json", 3, kind, found)


@pytest.mark.parametrize(("kind", "options"), [("trainjob", {}), ("trainjob", {"runtime": "plain"}), ("tfjob", {})])
def test_every_field_is_one_that_the_cluster_knows(kind, options):
    for body in jobs(kind, **options):
        check(body)


@pytest.mark.parametrize("kind", ["trainjob", "tfjob"])
def test_a_field_that_is_wrong_is_found(kind):
    jsonschema = pytest.importorskip("jsonschema")
    body = jobs(kind)[-1]
    body["spec"]["replicas"] = 3
    with pytest.raises(jsonschema.ValidationError, match="replicas"):
        check(body)


def test_pods_are_valid_to_the_last_field_and_run_as_nobody_special():
    validator = pytest.importorskip("kubernetes_validate")
    runtime = jobs("trainjob")[0]["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]
    tf_job = jobs("tfjob")[0]["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "x"}, "spec": runtime}
        validator.validate(job, "1.34", strict=True)
        for pod in (runtime["template"]["spec"], tf_job):
            body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": pod}
            validator.validate(body, "1.34", strict=True)
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        for body in rbac("models", "runner"):
            validator.validate(body, "1.34", strict=True)
            assert "*" not in json.dumps(body)
