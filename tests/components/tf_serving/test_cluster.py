"""The real `kubernetes` client against an API server of our own; the model server is played by an answer."""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("kubernetes")

from components.lib.deploy.golden import GoldenRequest, PredictionMismatchError
from components.tf_serving.cluster import Cluster, RolloutError, roll_out
from components.tf_serving.manifests import MANAGER
from components.tf_serving.options import ClusterOptions
from pipeline_tools.errors import InputError

REQUESTS = [GoldenRequest("k1", {"fare": 1.0}, 0.25), GoldenRequest("k2", {"fare": 2.0}, 0.75)]
PLACE = "gs://bucket/models/taxi"


@pytest.fixture
def endpoint():
    """A REST endpoint that gives the answers it is told."""

    class Handler(BaseHTTPRequestHandler):
        answers = (0.25, 0.75)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            content = json.dumps({"predictions": [[value] for value in Handler.answers]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Handler
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def options(endpoint, monkeypatch) -> ClusterOptions:
    # gRPC needs TensorFlow; that both protocols are asked is shown end to end.
    module = sys.modules[roll_out.__module__]  # its dotted name would lead to the factory tf_serving_deploy
    monkeypatch.setattr(module, "_servers", lambda _name, options: {"REST": options.rest_url})
    return ClusterOptions(namespace="models", rest_url=endpoint.url, deadline_seconds=60)


def deploy(version, options):
    return roll_out(REQUESTS, PLACE, "taxi", version, options)


def test_everything_is_applied_by_its_field_manager_and_proved(cluster, options):
    assert deploy(1, options) == {"REST": 0.0}

    assert [each["kind"] for each in cluster.applied] == ["ConfigMap", "Service", "Deployment"]
    patches = [(path, query) for method, path, query in cluster.requests if method == "PATCH"]
    assert patches[-1][0] == "/apis/apps/v1/namespaces/models/deployments/taxi"
    assert all(query["fieldManager"] == [MANAGER] for _, query in patches)
    assert "force" not in patches[0][1] or patches[0][1]["force"] == ["false"]


def test_the_autoscaler_comes_along_and_decides_how_many(cluster, options):
    deploy(1, ClusterOptions(**{**options.__dict__, "max_replicas": 4}))

    assert [each["kind"] for each in cluster.applied][2] == "HorizontalPodAutoscaler"
    assert "replicas" not in cluster.applied[-1]["spec"]


def test_a_rollout_is_waited_for(cluster, options):
    def slowly(found):
        if found["kind"] == "Deployment":
            threading.Timer(0.2, conftest_roll_out, [found]).start()

    from_cluster = cluster.controller

    def conftest_roll_out(found):
        from_cluster(found)

    cluster.controller = slowly
    assert deploy(1, options) == {"REST": 0.0}


def never(reason):
    def controller(found):
        if found["kind"] == "Deployment":
            found["status"] = {
                "observedGeneration": found["metadata"]["generation"],
                "updatedReplicas": 1,
                "conditions": [{"type": "Progressing", "status": "False", "reason": reason, "message": "timed out"}],
            }

    return controller


def test_a_failed_rollout_tells_the_clusters_reason_and_the_pods(cluster, options):
    cluster.controller = never("ProgressDeadlineExceeded")
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    cluster.objects["Pod", "models", "taxi-1"] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "taxi-1", "labels": {"app.kubernetes.io/name": "taxi"}},
        "status": {"containerStatuses": [{"name": "tf-serving", "state": waiting}]},
    }

    with pytest.raises(RolloutError) as caught:
        deploy(1, options)
    message = str(caught.value)
    assert "ProgressDeadlineExceeded: timed out" in message
    assert "pod taxi-1: ImagePullBackOff: no such image" in message
    assert "No version was served before" in message


def test_a_rollout_that_never_ends_ends_with_the_deadline(cluster, options):
    cluster.controller = never("ReplicaSetUpdated")

    with pytest.raises(RolloutError, match="not ready after 2 s: 0 of 1 pods available, 1 of this version"):
        deploy(1, replace(options, deadline_seconds=2))


def test_a_version_that_answers_otherwise_gives_way_to_the_one_before(cluster, options, endpoint):
    deploy(1, options)
    endpoint.answers = (0.25, 0.5)
    with pytest.raises(PredictionMismatchError, match=r"example k2: 0\.5, must be 0\.75 .*Version 1 serves again"):
        deploy(2, ClusterOptions(**{**options.__dict__, "serving_image": "tensorflow/serving:other"}))

    live = cluster.objects["Deployment", "models", "taxi"]
    assert live["metadata"]["annotations"]["model-version"] == "1"
    (container,) = live["spec"]["template"]["spec"]["containers"]
    assert container["image"] == options.serving_image
    assert container["readinessProbe"]["httpGet"]["path"] == "/v1/models/taxi/versions/1"
    assert "versions: 1" in cluster.objects["ConfigMap", "models", "taxi-v1"]["data"]["models.config"]


def test_fields_that_somebody_else_manages_are_not_taken(cluster, options):
    cluster.owners["Deployment", "models", "taxi"] = "kubectl"

    with pytest.raises(InputError, match=r"Deployment models/taxi: the cluster rejects it: 409 .*conflict with"):
        deploy(1, options)


def test_a_right_that_is_missing_is_named(cluster, options):
    cluster.refuse["Service"] = (403, 'services "taxi" is forbidden: User cannot patch resource "services"')

    with pytest.raises(InputError, match=r"Service models/taxi: .* 403 .*cannot patch resource"):
        deploy(1, options)


def test_kserve_needs_its_kind_and_then_waits_for_ready(cluster, options):
    kserve = replace(options, kind="kserve")
    with pytest.raises(InputError, match=r"the cluster has no kind InferenceService of serving.kserve.io/v1beta1"):
        deploy(1, kserve)

    cluster.resources["serving.kserve.io/v1beta1", "inferenceservices"] = "InferenceService"
    assert deploy(1, kserve) == {"REST": 0.0}
    assert [each["kind"] for each in cluster.applied] == ["InferenceService"]

    def broken(found):
        condition = {"type": "PredictorReady", "status": "False", "message": "bucket not found"}
        found["status"] = {"observedGeneration": found["metadata"]["generation"], "conditions": [condition]}

    cluster.controller = broken
    with pytest.raises(RolloutError, match="not ready after 2 s: PredictorReady: bucket not found"):
        deploy(2, replace(kserve, deadline_seconds=2))


def test_no_cluster_is_told(monkeypatch, tmp_path):
    for module in ("kubernetes.config", "kubernetes.config.kube_config"):
        monkeypatch.setattr(f"{module}.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))

    with pytest.raises(InputError, match="no Kubernetes cluster is configured"):
        Cluster(ClusterOptions())
