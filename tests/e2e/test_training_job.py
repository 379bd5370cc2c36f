"""A TrainJob whose pods are real processes: they run the job's own command, on artifacts in an emulated bucket.

A fake cluster plays the controllers. What it does not have is the pods' names in DNS: the processes get other hosts.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.training.manifests import INDEX, PODS
from tests.e2e.test_workers import weights
from tests.fake_cluster import FakeCluster, serving

pytestmark = pytest.mark.full

STEP = """
import json, sys
from components.training.fit import fit
from components.training.options import JobOptions
from components.training.request import Request, Workers
given = json.loads(sys.argv[1])
metrics = fit(
    Request(**given["request"]), given["model"], workers=Workers(**given["workers"]),
    job=JobOptions.of_step("cloud", given["train_job"]), uris=given["uris"],
)
print("metrics", json.dumps(metrics))
"""


class Controller:
    """Starts the pods of each TrainJob; takes one of the first job's away once there is a checkpoint."""

    def __init__(self, cluster: FakeCluster, google: Any, folder: Path) -> None:
        self.cluster, self.google, self.folder = cluster, google, folder
        self.jobs: list[str] = []
        self.processes: list[subprocess.Popen] = []
        self.threads: list[threading.Thread] = []
        self.cluster.controller = self

    def __call__(self, found: dict) -> None:
        if found["kind"] == "TrainJob":
            self.jobs.append(found["metadata"]["name"])
            self.threads.append(threading.Thread(target=self.run, args=(found, len(self.jobs)), daemon=True))
            self.threads[-1].start()

    def run(self, job: dict, attempt: int) -> None:
        name, trainer = job["metadata"]["name"], job["spec"]["trainer"]
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(trainer["numNodes"])]
            for each in sockets:
                each.bind(("127.0.0.1", 0))
            hosts = ",".join(f"127.0.0.1:{each.getsockname()[1]}" for each in sockets)
        pods = [self.pod(name, trainer, hosts, number, attempt) for number in range(trainer["numNodes"])]
        evict = attempt == 1
        while any(pod.poll() is None for pod in pods):
            if evict and any(each.endswith("checkpoints/checkpoint") for each in self.google.bucket.names("work/")):
                evict = False
                pods[1].kill()
                status = {"phase": "Failed", "reason": "Evicted", "message": "The node had condition: DiskPressure"}
                self.cluster.objects["Pod", "default", f"{name}-node-0-1"]["status"] = status
            if any(pod.poll() for pod in pods):
                for pod in pods:
                    pod.kill()
            self.read_logs(name, pods, attempt)
            time.sleep(0.1)
        self.read_logs(name, pods, attempt)
        kind = "Failed" if any(pod.returncode for pod in pods) else "Complete"
        job["status"] = {"conditions": [{"type": kind, "status": "True", "reason": f"Jobs{kind}", "message": ""}]}

    def pod(self, name: str, trainer: dict, hosts: str, number: int, attempt: int) -> subprocess.Popen:
        command = [*trainer["command"], *trainer["args"]]
        command[0] = sys.executable
        command[command.index("--hosts") + 1] = hosts
        pod = f"{name}-node-0-{number}"
        with (self.folder / f"{pod}.{attempt}").open("wb") as log:
            process = subprocess.Popen(
                command,
                env={**os.environ, **self.google.env, "JOB_COMPLETION_INDEX": str(number)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        labels = {PODS["trainjob"]: name, INDEX["trainjob"]: str(number)}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod, "labels": labels}, "status": {}}
        body["metadata"]["uid"] = f"{pod}.{attempt}"
        self.cluster.logs[pod] = ""  # a new pod's, before anyone can take the last one's for it
        self.cluster.objects["Pod", "default", pod] = body
        return process

    def read_logs(self, name: str, pods: list, attempt: int) -> None:
        for number in range(len(pods)):
            pod = f"{name}-node-0-{number}"
            self.cluster.logs[pod] = (self.folder / f"{pod}.{attempt}").read_text(errors="replace")

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        for thread in self.threads:
            thread.join(120)


def test_a_job_that_loses_a_pod_gives_the_model_of_one_process(chain, google, tmp_path: Path) -> None:
    uris = {
        "examples": google.bucket.upload(Path(chain.examples), "examples"),
        "transformed_examples": google.bucket.upload(Path(chain.transformed), "transformed"),
        "transform_graph": google.bucket.upload(Path(chain.graph), "graph"),
        "model": f"{google.bucket.uri}/run/train/model",
    }
    cluster = FakeCluster()
    for plural, kind in (("trainjobs", "TrainJob"), ("trainingruntimes", "TrainingRuntime")):
        cluster.resources["trainer.kubeflow.org/v1alpha1", plural] = kind
    arguments = {
        "request": {
            "examples": chain.examples,
            "transformed_examples": chain.transformed,
            "transform_graph": chain.graph,
            "model_module": "taxi_pipeline.model",
            "label_key": "big_tip",
            "train_steps": 100,
        },
        "model": str(tmp_path / "model"),
        "workers": {"workers": 2, "checkpoint_steps": 20, "max_restarts": 1},
        "train_job": {"working_dir": f"{google.bucket.uri}/work", "worker_image": "registry/image:1"},
        "uris": uris,
    }
    controller = Controller(cluster, google, tmp_path)
    with serving(cluster, tmp_path) as kubeconfig, ExitStack() as stack:
        stack.callback(controller.end)
        done = subprocess.run(
            [sys.executable, "-c", STEP, json.dumps(arguments)],
            env={**os.environ, **google.env, "KUBECONFIG": str(kubeconfig), "TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=600,
        )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    expected, found = weights(Path(chain.model)), weights(tmp_path / "model")
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-5, err_msg=name)
    metrics = json.loads(done.stdout.partition("\nmetrics ")[2])
    assert metrics["eval_auc"] == pytest.approx(chain.metrics["eval_auc"], abs=1e-4)
    assert len(controller.jobs) == 2
    assert "Evicted: The node had condition: DiskPressure; all start again (restart 1 of 1)" in done.stdout
    assert re.search(rf"\[worker 0\] .*goes on after step \d+, from {google.bucket.uri}/work/", done.stdout)
    # Objects that stand for directories are TensorFlow's, and nobody's data.
    assert [name for name in google.bucket.names("work/") if not name.endswith("/")] == []
    assert [key for key in cluster.objects if key[0] in ("TrainJob", "TrainingRuntime")] == []
