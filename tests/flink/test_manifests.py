"""The manifests of docs/howto/flink are what Kubernetes takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

HOWTO = Path(__file__).parents[2] / "docs" / "howto"
KUBERNETES = "1.33"


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((HOWTO / "flink" / name).read_text()))


def test_the_job_server_is_valid() -> None:
    deployment, service = documents("job-server.yaml")
    for document in (deployment, service):
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    pod = deployment["spec"]["template"]
    assert pod["metadata"]["labels"].items() >= service["spec"]["selector"].items()
    named = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} == named


def test_each_taskmanager_has_a_pool_of_our_image_beside_it() -> None:
    (cluster,) = documents("cluster.yaml")
    template = cluster["spec"]["taskManager"]["podTemplate"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "taskmanager"}, **template}
    kubernetes_validate.validate(pod, KUBERNETES, strict=True)
    main, pool = template["spec"]["containers"]
    assert main == {"name": "flink-main-container"}  # the operator's own, by its name
    assert pool["args"] == ["--worker_pool"]
    flags = (HOWTO / "flink.md").read_text()
    assert f"--environment_config=localhost:{pool['ports'][0]['containerPort']}" in flags


@pytest.mark.parametrize("name", ["apache/beam_flink1.20_job_server", "apache/beam_spark3_job_server"])
def test_the_job_servers_have_the_version_of_beam(name: str) -> None:
    constraints = (HOWTO.parents[1] / "constraints.txt").read_text()
    pages = "".join(path.read_text() for path in [HOWTO / "flink.md", *(HOWTO / "flink").iterdir()])
    version = pages.split(f"{name}:")[1].split("`")[0].split()[0]
    assert f"apache-beam=={version};" in constraints
