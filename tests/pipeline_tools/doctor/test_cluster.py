"""The real Kubernetes client against the fake cluster."""

from __future__ import annotations

import pytest
from kubernetes.client import Configuration

from pipeline_tools.doctor import Level
from pipeline_tools.doctor.cluster import KINDS, check_cluster
from tests.fake_cluster import FakeCluster, serving


@pytest.fixture
def fake():
    return FakeCluster()


@pytest.fixture
def kubeconfig(fake, tmp_path):
    with serving(fake, tmp_path) as path:
        yield path


def knows(fake, *names):
    for name in names:
        fake.resources[KINDS[name].api, KINDS[name].plural] = name


def check(kubeconfig, namespace="models", need=(), service_account="", context=""):
    return {each.subject: each for each in check_cluster(str(kubeconfig), context, namespace, need, service_account)}


def test_a_cluster_with_everything(fake, kubeconfig):
    knows(fake, "kfp", "argo", "trainjob", "kserve")
    found = check(kubeconfig)
    assert {each.level for each in found.values()} == {Level.OK}
    assert set(found) == {
        *("reach", "namespace", "kfp", "argo", "trainjob", "kserve"),
        *("permissions: deploy", "permissions: trainjob", "permissions: kserve"),
    }
    assert "v1.34.0" in found["reach"].text


def test_a_bare_cluster_can_run_no_pipeline(kubeconfig):
    found = check(kubeconfig)
    assert found["kfp"].level is Level.WRONG
    assert "needed for uploading packages" in found["kfp"].text
    assert found["trainjob"].level is found["kserve"].level is Level.ADVICE


def test_one_of_two_is_enough_unless_the_other_is_needed(fake, kubeconfig):
    knows(fake, "argo", "tfjob")
    found = check(kubeconfig)
    assert "kfp" not in found
    assert "trainjob" not in found
    assert found["permissions: argo"].level is Level.OK
    assert check(kubeconfig, need=("kfp",))["kfp"].level is Level.WRONG


def test_a_group_without_the_kind_is_not_the_kind(fake, kubeconfig):
    knows(fake, "argo")
    fake.resources[KINDS["kserve"].api, "trainedmodels"] = "TrainedModel"
    assert check(kubeconfig, need=("kserve",))["kserve"].level is Level.WRONG


def test_rights_that_are_missing_are_named(fake, kubeconfig):
    knows(fake, "argo")
    fake.may = lambda wanted, _user: wanted["verb"] == "get" or wanted["resource"] in ("services", "workflows")
    found = check(kubeconfig)
    assert found["permissions: argo"].level is Level.OK
    assert found["permissions: deploy"].level is Level.WRONG
    assert found["permissions: deploy"].text == (
        "you cannot create/patch deployments.apps; create/patch configmaps; "
        "create/patch horizontalpodautoscalers.autoscaling; list pods in models"
    )


def test_a_job_that_trains_takes_its_runtime_and_the_logs_of_its_pods(fake, kubeconfig):
    knows(fake, "argo", "trainjob")
    refused = {("trainingruntimes", None), ("pods", "log")}
    fake.may = lambda wanted, _user: (wanted["resource"], wanted.get("subresource")) not in refused
    found = check(kubeconfig)
    assert found["permissions: trainjob"].text == (
        "you cannot create/patch/delete trainingruntimes.trainer.kubeflow.org; get pods/log in models"
    )
    assert found["permissions: deploy"].level is Level.OK


def test_the_rights_are_those_of_the_account_that_steps_run_as(fake, kubeconfig):
    knows(fake, "argo")
    fake.may = lambda _wanted, user: user == "system:serviceaccount:models:runner"
    assert check(kubeconfig)["permissions: deploy"].level is Level.WRONG
    assert check(kubeconfig, service_account="runner")["permissions: deploy"].level is Level.OK
    wrong = check(kubeconfig, service_account="other")["permissions: deploy"]
    assert "service account other cannot" in wrong.text
    assert "--serviceaccount=models:other" in wrong.remedy


def test_a_namespace_that_is_not_there(fake, kubeconfig):
    knows(fake, "argo")
    assert check(kubeconfig, namespace="gone")["namespace"].remedy == "kubectl create namespace gone"
    assert check(kubeconfig, namespace="")["namespace"].text == "default"


def test_a_pod_knows_its_own_cluster(fake, kubeconfig, tmp_path, monkeypatch):
    """Without a kubeconfig, from what Kubernetes lays into a pod."""
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    found = {each.subject: each for each in check_cluster("", "", "models", (), "")}
    assert "Invalid kube-config" in found["reach"].text

    host = next(line for line in kubeconfig.read_text().splitlines() if "server:" in line).split("//")[1]

    def as_in_a_pod():
        configuration = Configuration(host=f"http://{host}")
        Configuration.set_default(configuration)

    monkeypatch.setattr("kubernetes.config.load_incluster_config", as_in_a_pod)
    found = {each.subject: each for each in check_cluster("", "", "models", (), "")}
    assert found["reach"].level is Level.OK


def test_no_cluster_is_told(fake, kubeconfig, tmp_path):
    assert check(tmp_path / "none")["reach"].level is Level.WRONG
    assert "no cluster is configured" in check(kubeconfig, context="other")["reach"].text
    text = kubeconfig.read_text()
    address = next(line.split("//")[1] for line in text.splitlines() if "server:" in line)
    (tmp_path / "dead").write_text(text.replace(address, "127.0.0.1:1"))
    found = check(tmp_path / "dead")
    assert list(found) == ["reach"]
    assert "does not answer" in found["reach"].text
