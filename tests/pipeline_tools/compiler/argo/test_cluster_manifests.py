"""The manifests that the documentation ships for a cluster."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from pipeline_tools.compiler import ArgoSettings

SHIPPED = sorted((Path(__file__).parents[4] / "docs" / "argo").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_manifests_are_what_kubernetes_takes(path):
    documents = list(yaml.safe_load_all(path.read_text()))
    assert documents
    for document in documents:
        kubernetes_validate.validate(document, "1.33", strict=True)


def test_the_service_account_is_the_one_that_workflows_ask_for():
    account, role, binding = yaml.safe_load_all(next(p for p in SHIPPED if "service-account" in p.name).read_text())
    assert account["metadata"]["name"] == ArgoSettings().service_account
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account["metadata"]["name"]}]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert role["rules"] == [
        {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
    ]


def test_the_repository_holds_a_location_argo_can_read():
    (config_map,) = yaml.safe_load_all(next(p for p in SHIPPED if "artifact-repository" in p.name).read_text())
    name = config_map["metadata"]["annotations"]["workflows.argoproj.io/default-artifact-repository"]
    assert set(yaml.safe_load(config_map["data"][name])) == {"s3"}
