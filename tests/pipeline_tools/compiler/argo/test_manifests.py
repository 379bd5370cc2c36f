"""The manifests themselves: golden, the same every time, and of the form that Argo and Kubernetes publish."""

from __future__ import annotations

import json

import kubernetes_validate
import pytest
import yaml

from pipeline_tools import registry
from pipeline_tools.cli.pipelines import find_workflow
from pipeline_tools.compiler import lower, pipeline_yaml, workflow_yaml
from pipeline_tools.image import IMAGE
from tests.pipeline_tools.compiler.argo.description import describe
from tests.pipeline_tools.compiler.argo.pipelines import PIPELINES
from tests.pipeline_tools.compiler.argo.schemas import pods, problems

ALL = {**PIPELINES, **{name: find_workflow(name) for name in registry.entry_points(registry.PIPELINES)}}
KUBERNETES = "1.33"


@pytest.fixture(scope="module", params=sorted(ALL))
def lowered(request: pytest.FixtureRequest):
    return request.param, lower(pipeline_yaml(ALL[request.param]))


def golden_text(manifest: dict) -> str:
    """Write a manifest without what changes with every version: the launcher's text, the version, the hash."""
    shown = json.loads(json.dumps(manifest))
    labels, annotations = shown["metadata"]["labels"], shown["metadata"]["annotations"]
    labels["app.kubernetes.io/version"] = "VERSION"
    labels["taxi-pipeline/package-hash"] = annotations["taxi-pipeline/package-sha256"] = "HASH"
    (launcher,) = [e for e in shown["spec"]["templateDefaults"]["container"]["env"] if e["name"] == "KFP_LAUNCHER"]
    launcher["value"] = "LAUNCHER"
    text = workflow_yaml(shown)
    return text.replace(IMAGE, IMAGE.rpartition(":")[0] + ":VERSION")


def test_manifest_is_the_golden_one(lowered, golden):
    name, manifest = lowered
    if name in PIPELINES:
        golden(f"argo/{name}.yaml", golden_text(manifest))
    else:  # the workflows: what a person can review
        text = "\n".join([*describe(manifest), ""])
        golden(f"argo/{name}.txt", text.replace(IMAGE, IMAGE.rpartition(":")[0] + ":VERSION"))


def test_manifest_fits_argos_schema_strictly(lowered):
    _, manifest = lowered
    assert problems(manifest) == []


def test_the_schema_test_can_fail(lowered):
    _, manifest = lowered
    broken = json.loads(json.dumps(manifest))
    broken["spec"]["templates"][0]["dag"]["task"] = broken["spec"]["templates"][0]["dag"].pop("tasks")
    assert problems(broken)


def test_pods_fit_the_schema_of_kubernetes_strictly(lowered):
    _, manifest = lowered
    for pod in pods(manifest).values():
        kubernetes_validate.validate(pod, KUBERNETES, strict=True)


def test_pods_pass_the_restricted_security_level(lowered):
    _, manifest = lowered
    for pod in pods(manifest).values():
        context = pod["spec"]["securityContext"]
        (container,) = pod["spec"]["containers"]
        own = container["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert {next(iter(set(v) - {"name"})) for v in pod["spec"].get("volumes", [])} <= {
            "configMap",
            "emptyDir",
            "ephemeral",
            "persistentVolumeClaim",
            "secret",
        }


def test_the_same_pipeline_gives_the_same_bytes(lowered):
    name, manifest = lowered
    assert workflow_yaml(lower(pipeline_yaml(ALL[name]))) == workflow_yaml(manifest)


def test_yaml_gives_back_the_manifest(lowered):
    _, manifest = lowered
    assert yaml.safe_load(workflow_yaml(manifest)) == manifest


def test_no_text_of_the_user_reads_as_a_tag(lowered):
    """Every tag in the manifest is one of the compiler's own kinds."""
    import re

    _, manifest = lowered
    text = json.dumps(manifest["spec"]["templates"], ensure_ascii=False)
    for found in re.findall(r"\{\{(.*?)\}\}", text):
        own = found.startswith("=") or re.match(r"(workflow|tasks|inputs|pod)\.[\w.-]+$", found)
        assert own, found
