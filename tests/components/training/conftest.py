"""The fake cluster, with Kubeflow's jobs, as the one that the surroundings name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fake_cluster import FakeCluster, serving

KUBEFLOW = {
    ("trainer.kubeflow.org/v1alpha1", "trainjobs"): "TrainJob",
    ("trainer.kubeflow.org/v1alpha1", "trainingruntimes"): "TrainingRuntime",
    ("kubeflow.org/v1", "tfjobs"): "TFJob",
}


@pytest.fixture
def cluster(tmp_path, monkeypatch) -> Iterator[FakeCluster]:
    pytest.importorskip("kubernetes")
    from components.training import job

    fake = FakeCluster()
    fake.resources |= KUBEFLOW
    # The client's discovery cache lies in the temporary directory, under a name made of the server's address.
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(job, "POLL_SECONDS", 0.01)
    with serving(fake, tmp_path) as kubeconfig:
        for module in ("kubernetes.config", "kubernetes.config.kube_config"):
            monkeypatch.setattr(f"{module}.KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))
        yield fake
