"""What `kfp-kubernetes` asks of a cluster, asked of this machine."""

import pytest
from kfp import dsl

from pipeline_tools.compiler import read_documents
from pipeline_tools.errors import InputError
from pipeline_tools.local import run
from pipeline_tools.spec.graph import read_plan
from tests.pipeline_tools.local import pipelines

kubernetes = pytest.importorskip("kfp.kubernetes", reason="kfp-kubernetes is not installed")


def test_what_a_cluster_would_give_must_be_there(monkeypatch, tmp_path):
    @dsl.pipeline
    def of_a_cluster():
        greeted = pipelines.environment()
        kubernetes.use_secret_as_env(greeted, "greetings", {"text": "GREETING"})
        made = pipelines.make(text="x")
        kubernetes.mount_pvc(made, "claim", str(tmp_path / "volume"))
        kubernetes.add_node_selector(made, "disk", "ssd")

    documents = read_documents(of_a_cluster)
    with pytest.raises(InputError) as caught:
        read_plan(documents)
    assert "task 'environment': it takes GREETING from the cluster; set it in the environment" in str(caught.value)
    assert f"task 'make': it has a volume mounted at {tmp_path}/volume, which does not exist" in str(caught.value)

    monkeypatch.setenv("GREETING", "hello")
    (tmp_path / "volume").mkdir()
    result = run(of_a_cluster, run_dir=tmp_path / "run")
    assert result.steps["environment"].parameters == {"Output": "hello"}


def test_a_step_has_its_time(tmp_path):
    @dsl.pipeline
    def too_slow(place: str):
        kubernetes.set_timeout(pipelines.wait(seconds=300.0, mark=f"{place}/mark"), 1)

    result = run(too_slow, {"place": str(tmp_path)}, run_dir=tmp_path / "run", raise_on_error=False)
    step = result.steps["wait"]
    assert (step.status, step.error) == ("failed", "it took longer than its limit of 1 s")
    assert step.seconds < 60
