"""The fake cluster, as the one that the surroundings name."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from components.tf_serving.cluster import roll_out
from tests.fake_cluster import FakeCluster, serving


@pytest.fixture
def cluster(tmp_path, monkeypatch) -> Iterator[FakeCluster]:
    """The fake cluster, on a real socket, named by a kubeconfig as any other."""
    fake = FakeCluster()
    # The client's discovery cache lies in the temporary directory, under a name made of the server's address.
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    # By the module itself: the name `components.tf_serving_deploy` is the factory where the factories are imported.
    monkeypatch.setattr(sys.modules[roll_out.__module__], "POLL_SECONDS", 0.01)
    with serving(fake, tmp_path) as kubeconfig:
        for module in ("kubernetes.config", "kubernetes.config.kube_config"):
            monkeypatch.setattr(f"{module}.KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))
        yield fake
