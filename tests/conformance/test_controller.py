"""Lowered workflows under Argo's own workflow controller, against a cluster of loopback, a process for each pod."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline_tools.compiler import ArgoSettings, lower, pipeline_yaml
from tests.conformance.cluster import CONFIG_MAPS, NAMESPACE, ApiServer, Kubelet, run_workflow
from tests.pipeline_tools.cases.pipelines import placeholders
from tests.pipeline_tools.compiler.argo import pipelines, test_cases
from tests.pipeline_tools.compiler.argo.interpreter import Interpreter

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]

REPOSITORY = "s3:\n  bucket: pipelines\n  endpoint: store:9000\n  insecure: true\n"


class Cluster:
    """The API server, the kubelet, and Argo's controller as a process."""

    def __init__(self, controller: Path, directory: Path) -> None:
        self.server = ApiServer()
        settings = {"metadata": {"name": "workflow-controller-configmap"}, "data": {"artifactRepository": REPOSITORY}}
        self.server.put(CONFIG_MAPS, settings, "ADDED")
        self.kubelet = Kubelet(self.server, directory)
        self._log = (directory / "controller.log").open("w")
        command = [controller, self.server.address, NAMESPACE]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)

    def run(self, pipeline: Any, settings: ArgoSettings | None = None, **parameters: str) -> tuple[str, dict[str, Any]]:
        """Run a pipeline; give the workflow's phase, and its outputs."""
        assert self._process.poll() is None, "the controller ended: see controller.log"
        workflow = run_workflow(self.server, lower(pipeline_yaml(pipeline), settings), parameters, 300)
        status = workflow["status"]
        packed = status.get("compressedNodes")  # what Argo does with a status of more than 1 MB
        nodes = json.loads(gzip.decompress(base64.b64decode(packed))) if packed else status["nodes"]
        (root,) = [node for node in nodes.values() if node["name"] == workflow["metadata"]["name"]]
        outputs = root.get("outputs", {}).get("parameters", [])
        return workflow["status"]["phase"], {each["name"]: json.loads(each["value"]) for each in outputs}

    def stop(self) -> None:
        """End the controller and the API server."""
        self._process.terminate()
        self._process.wait()
        self._log.close()
        self.server.stop()


@pytest.fixture(scope="module")
def cluster(go_program, tmp_path_factory):
    made = Cluster(go_program("controller"), tmp_path_factory.mktemp("cluster"))
    yield made
    made.stop()


FAILING = {"exit_handler", "ignored_failure"}


@pytest.mark.parametrize("name", sorted(set(pipelines.PIPELINES) - {"importer", "flaky"}))
def test_the_controller_and_the_interpreter_agree(name, cluster, tmp_path):
    phase, outputs = cluster.run(pipelines.PIPELINES[name])
    node = Interpreter(lower(pipeline_yaml(pipelines.PIPELINES[name])), tmp_path).run()
    assert phase == node.phase == ("Failed" if name in FAILING else "Succeeded"), node.message
    assert outputs == {key: json.loads(text) for key, text in node.parameters.items()}


def test_the_exit_task_runs_after_the_failure(cluster):
    before = len(cluster.kubelet.ran)
    cluster.run(pipelines.exit_handler)
    ran = [(each["template"], each["code"]) for each in cluster.kubelet.ran[before:]]
    assert ran == [("fail", 1), ("report", 0)]
    (output,) = cluster.kubelet.ran[-1]["directory"].rglob("executor_output.json")
    assert json.loads(output.read_text())["parameterValues"]["Output"] == "exit-handler-1 FAILED the end"


def test_retry_repeats_a_failing_step(cluster, tmp_path):
    before = len(cluster.kubelet.ran)
    phase, outputs = cluster.run(pipelines.flaky, marker=str(tmp_path / "tried"))
    assert (phase, outputs) == ("Succeeded", {"Output": "third time"})
    assert [each["code"] for each in cluster.kubelet.ran[before:]] == [1, 1, 0]


def test_importer_hands_a_path_on(cluster, tmp_path):
    (tmp_path / "outside").write_text("from outside")
    phase, outputs = cluster.run(pipelines.importer, uri=str(tmp_path / "outside"))
    assert phase == "Succeeded"
    assert outputs["Output"] == "from outside [('from', 'outside'), ('n', 1)]"


@pytest.mark.parametrize("pipeline", [pipelines.through_steps, pipelines.through_containers])
@pytest.mark.parametrize(
    "text",
    [
        "'\"`$(id)\\ $$ $(HOME)",
        "{{workflow.name}} {{=1+1}} {{ }}{{",
        "{{$.inputs.parameters['text']}}",
        "line\nline\r\n\ttab\n\n",
        "\x01\x07\x7f\x85\u200b\u2028 ünïcödé 漢字 🚕 \U000e0001 </script><&>",
        "null",
        "x" * 100_000,
    ],
    ids=lambda text: ascii(text[:20]) if isinstance(text, str) else text.name,
)
def test_any_string_survives(pipeline, text, cluster):
    assert cluster.run(pipeline, text=text) == ("Succeeded", {"Output": text})


@pytest.mark.parametrize(("pipeline", "arguments", "text"), test_cases.TEXTS_ON_ARGO)
def test_values_in_text_are_written_by_one_rule(pipeline, arguments, text, cluster):
    given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in arguments.items()}
    phase, outputs = cluster.run(pipeline, **given)
    assert (phase, list(outputs.values())) == ("Succeeded", [text])


def test_a_task_that_ignores_a_failure_gets_its_default(cluster):
    before = len(cluster.kubelet.ran)
    phase, _ = cluster.run(placeholders.ignore_with_data)
    assert phase == "Failed"
    assert [each["code"] for each in cluster.kubelet.ran[before:]] == [1, 0]


def test_a_loops_parallelism_is_kept_to(cluster):
    """No more pods of the loop at a time than it allows: the second starts after one of the first two ended."""
    most = [0]
    before = len(cluster.kubelet.ran)

    def look() -> None:
        running = cluster.kubelet.started - len(cluster.kubelet.ran)
        most[0] = max(most[0], running)

    cluster.kubelet.on_start = look
    try:
        assert cluster.run(pipelines.limited)[0] == "Succeeded"
    finally:
        cluster.kubelet.on_start = lambda: None
    assert len(cluster.kubelet.ran) - before == 5
    assert most[0] == 2


def test_memoized_steps_answer_for_a_second_run(cluster):
    settings = ArgoSettings(memoize="1h")
    first = cluster.run(pipelines.artifacts, settings, rate="0.25")
    time.sleep(1)
    before = len(cluster.kubelet.ran)
    assert cluster.run(pipelines.artifacts, settings, rate="0.25") == first
    assert len(cluster.kubelet.ran) == before
    assert cluster.run(pipelines.artifacts, settings, rate="4.0")[1]["Output"].startswith("12.0 ")
    assert [each["template"] for each in cluster.kubelet.ran[before:]] == ["fit", "inspect"]
