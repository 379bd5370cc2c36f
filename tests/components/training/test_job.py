"""The real `kubernetes` client against an API server of our own, which plays what becomes of a job."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from components.training import job
from components.training.fit import fit
from components.training.job import JobError, train_by_job
from components.training.manifests import INDEX, PODS, hosts
from components.training.options import JobOptions, check_inputs
from components.training.request import Request, Workers
from components.training.tf_config import read_tf_config
from pipeline_tools.errors import InputError

REQUEST = Request("gs://bucket/examples", "gs://bucket/transformed", "gs://bucket/graph", "my.model", "label")
OPTIONS = JobOptions(working_dir="gs://bucket/work/", namespace="models", worker_image="r/i:1", deadline_seconds=120)
WORKERS = Workers(workers=2, max_restarts=2)


class Play:
    """Plays a job's controller: one act each time a job is applied."""

    def __init__(self, cluster, gcs, *acts) -> None:
        self.cluster, self.bucket = cluster, gcs.bucket("bucket")
        self.acts = list(acts)
        cluster.controller = self

    def __call__(self, found) -> None:
        if found["kind"] == "TrainingRuntime":
            return
        self.kind = found["kind"].lower()
        self.name = found["metadata"]["name"]
        # As their labels name them, pods go with their job.
        for key in [key for key in self.cluster.objects if key[0] == "Pod"]:
            del self.cluster.objects[key]
        condition = self.acts.pop(0)(self)
        if condition:
            found["status"] = {"conditions": [{"status": "True", "reason": "", "message": "", **condition}]}

    def pod(self, number: int, log: str = "", **status) -> None:
        name = f"{self.name}-node-0-{number}"
        labels = {PODS[self.kind]: self.name, INDEX[self.kind]: str(number)}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "status": status}
        self.cluster.objects["Pod", "models", name] = pod
        self.cluster.logs[name] = log

    def write(self, name: str, content: str) -> None:
        self.bucket.blob(f"work/{self.name}/{name}").upload_from_string(content)


def succeed(play):
    play.pod(0, "step 1 of 2\nstep 2 of 2\n")
    play.pod(1, "at work\n")
    play.write("model/saved_model.pb", "the model")
    play.write("result/0/result.json", json.dumps({"metrics": {"train_loss": 0.5}}))
    play.write("result/1/result.json", json.dumps({"metrics": {}}))
    return {"type": "Succeeded" if play.kind == "tfjob" else "Complete"}


def evicted(play):
    play.write("checkpoints/checkpoint", "of step 200")
    play.pod(0, "step 200 of 400\n")
    play.pod(1, phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
    return {"type": "Failed", "reason": "JobsFailed", "message": "jobset failed due to one or more job failures"}


def killed(play):
    ended = {"terminated": {"reason": "Error", "exitCode": 137, "message": ""}}
    play.pod(1, containerStatuses=[{"name": "node", "state": ended}])
    return {"type": "Failed", "reason": "JobsFailed"}


def broken(play):
    ended = {"terminated": {"reason": "Error", "exitCode": 1, "message": "ModuleNotFoundError: my"}}
    play.pod(0, "Traceback …\n", containerStatuses=[{"name": "node", "state": ended}])
    return {"type": "Failed", "reason": "JobsFailed", "message": "one of them failed"}


def bad_input(play):
    ended = {"terminated": {"reason": "Error", "exitCode": 65, "message": ""}}
    play.pod(1, containerStatuses=[{"name": "node", "state": ended}])
    play.write("result/1/result.json", json.dumps({"error": "label 'label' must be 0 or 1"}))
    return {"type": "Failed"}


def waiting(play):
    play.pod(0, conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3"}])
    state = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    play.pod(1, containerStatuses=[{"name": "node", "state": state}])


def launch(tmp_path, options=OPTIONS, workers=WORKERS):
    return train_by_job(REQUEST, str(tmp_path / "model"), workers, options, task="gs://bucket/run/train/model")


def names(gcs) -> list[str]:
    return [blob.name for blob in gcs.list_blobs("bucket")]


def test_a_job_that_does_well_gives_model_and_metrics_and_leaves_nothing(cluster, gcs, tmp_path, capfd):
    play = Play(cluster, gcs, succeed)
    assert launch(tmp_path) == {"train_loss": 0.5}

    assert (tmp_path / "model" / "saved_model.pb").read_text() == "the model"
    assert [each["kind"] for each in cluster.applied] == ["TrainingRuntime", "TrainJob"]
    assert cluster.deleted[-2:] == [f"TrainJob {play.name}", f"TrainingRuntime {play.name}"]
    assert not [key for key in cluster.objects if key[0] != "Pod"]
    assert names(gcs) == []
    log = capfd.readouterr().out.splitlines()
    assert [line for line in log if line.startswith("[")] == [
        "[worker 0] step 1 of 2",
        "[worker 0] step 2 of 2",
        "[worker 1] at work",
    ]


def test_a_line_of_a_log_is_told_once_it_is_whole(cluster, gcs, tmp_path, capfd, monkeypatch):
    def work(play):
        play.pod(0, "step 1 of 2\nste")

    def end(_seconds):
        succeed(play)
        play.pod(0, "step 1 of 2\nstep 2 of 2\nbye")
        status = {"conditions": [{"type": "Complete", "status": "True"}]}
        cluster.objects["TrainJob", "models", play.name]["status"] = status

    play = Play(cluster, gcs, work)
    monkeypatch.setattr(job.time, "sleep", end)
    launch(tmp_path)
    log = [line for line in capfd.readouterr().out.splitlines() if line.startswith("[worker 0]")]
    assert log == ["[worker 0] step 1 of 2", "[worker 0] step 2 of 2", "[worker 0] bye"]


@pytest.mark.parametrize("act", [evicted, killed])
def test_a_lost_worker_makes_the_job_start_again_from_its_checkpoints(cluster, gcs, tmp_path, capfd, act):
    kept = []

    def again(play):
        kept.extend(names(gcs))
        return succeed(play)

    play = Play(cluster, gcs, act, again)
    assert launch(tmp_path) == {"train_loss": 0.5}

    assert ("work/" + play.name + "/checkpoints/checkpoint" in kept) is (act is evicted)
    assert f"work/{play.name}/order.json" in kept
    assert [each["kind"] for each in cluster.applied] == ["TrainingRuntime", "TrainJob"] * 2
    assert "all start again (restart 1 of 2)" in capfd.readouterr().out


def test_restarts_are_bounded_and_the_reason_is_told(cluster, gcs, tmp_path):
    play = Play(cluster, gcs, evicted, evicted, evicted)
    with pytest.raises(JobError) as caught:
        launch(tmp_path)

    assert str(caught.value) == (
        f"TrainJob models/{play.name}: JobsFailed: jobset failed due to one or more job failures; "
        f"pod {play.name}-node-0-1: Evicted: The node was low on resource: memory. It has been started again "
        f"max_restarts=2 times; the checkpoints stay in gs://bucket/work/{play.name}/checkpoints"
    )
    assert play.acts == []
    assert ("TrainJob", "models", play.name) not in cluster.objects
    assert f"work/{play.name}/checkpoints/checkpoint" in names(gcs)


def test_a_job_that_fails_by_itself_is_not_started_again(cluster, gcs, tmp_path, capfd):
    play = Play(cluster, gcs, broken)
    with pytest.raises(JobError, match=r"one of them failed; pod .*-0: Error \(exit code 1\): ModuleNotFoundError: my"):
        launch(tmp_path)
    assert "[worker 0] Traceback …" in capfd.readouterr().out
    assert ("TrainJob", "models", play.name) not in cluster.objects
    assert not (tmp_path / "model").exists()


def test_what_a_worker_says_of_the_input_is_told_as_it_is(cluster, gcs, tmp_path):
    Play(cluster, gcs, bad_input)
    with pytest.raises(InputError, match=r"^label 'label' must be 0 or 1$"):
        launch(tmp_path)


def test_a_job_that_does_not_come_to_work_ends_with_the_deadline(cluster, gcs, tmp_path):
    play = Play(cluster, gcs, waiting)
    with pytest.raises(JobError) as caught:
        launch(tmp_path, replace(OPTIONS, deadline_seconds=3))
    assert "not done by its deadline" in str(caught.value)
    assert "Unschedulable: 0/3" in str(caught.value)
    assert "ImagePullBackOff: no such image" in str(caught.value)
    assert f"TrainJob {play.name}" in cluster.deleted


def test_an_interrupted_step_deletes_its_job(cluster, gcs, tmp_path):
    def interrupt(play):
        play.pod(0)
        import os
        import signal

        os.kill(os.getpid(), signal.SIGTERM)

    play = Play(cluster, gcs, interrupt)
    with pytest.raises(SystemExit, match="143"):
        launch(tmp_path)
    assert ("TrainJob", "models", play.name) not in cluster.objects


def test_what_an_earlier_try_left_is_gone_before_the_next(cluster, gcs, tmp_path):
    play = Play(cluster, gcs, succeed, succeed)
    launch(tmp_path)
    cluster.objects["TrainJob", "models", play.name] = {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": play.name},
    }
    cluster.deleted.clear()
    launch(tmp_path)
    assert cluster.deleted[0] == f"TrainJob {play.name}"


@pytest.mark.parametrize(
    ("offered", "wanted", "applied"),
    [
        ({"TrainJob", "TrainingRuntime", "TFJob"}, "", "TrainJob"),
        ({"TFJob"}, "", "TFJob"),
        ({"TrainJob", "TrainingRuntime", "TFJob"}, "tfjob", "TFJob"),
    ],
)
def test_the_kind_of_job_is_what_is_asked_for_or_offered(cluster, gcs, tmp_path, offered, wanted, applied):
    cluster.resources = {key: kind for key, kind in cluster.resources.items() if "Job" not in kind or kind in offered}
    Play(cluster, gcs, succeed)
    assert launch(tmp_path, replace(OPTIONS, kind=wanted)) == {"train_loss": 0.5}
    assert cluster.applied[-1]["kind"] == applied


def test_a_refusal_is_told(cluster, gcs, tmp_path):
    cluster.refuse["TrainJob"] = (403, "trainjobs is forbidden: User cannot patch")
    Play(cluster, gcs)
    with pytest.raises(InputError, match=r"TrainJob models/train-.*: the cluster rejects it: 403 .*cannot patch"):
        launch(tmp_path)
    assert any(each.startswith("TrainingRuntime") for each in cluster.deleted)


def test_a_cluster_without_such_jobs_is_told(cluster, tmp_path):
    cluster.resources = {key: kind for key, kind in cluster.resources.items() if "Job" not in kind}
    with pytest.raises(InputError, match=r"knows no trainer.*TrainJob nor .*TFJob; install Kubeflow Trainer v2"):
        launch(tmp_path)


def test_pods_of_a_trainjob_know_each_other_by_the_names_of_their_jobset():
    from components.training.tf_config import make_tf_config

    found = hosts("train-x", 2)
    assert found == ["train-x-node-0-0.train-x:2222", "train-x-node-0-1.train-x:2222"]
    assert read_tf_config({"TF_CONFIG": make_tf_config(found, 1)}) == (1, 2)


def test_what_is_missing_is_told_before_anything_is_made(cluster, tmp_path):
    with pytest.raises(InputError) as caught:
        fit(
            Request(str(tmp_path), str(tmp_path), "gs://bucket/graph", "models/mine.py", "label"),
            str(tmp_path / "model"),
            workers=Workers(workers=2, checkpoint_dir="/checkpoints"),
            job=JobOptions.of_step("cloud", {"namespace": "My Models", "cpu": "fast"}),
        )
    text = str(caught.value)
    for problem in (
        "train_mode=cloud: train_job.working_dir='': must be a gs://bucket/path",
        "must name the registry to pull from",
        "namespace='My Models': must be the name",
        "cpu='fast': must be a quantity",
        f"examples is at {tmp_path}, which the pods do not reach",
        "checkpoint_dir=/checkpoints: must be a gs:// path",
        "model_module=models/mine.py: the pods have no such file",
    ):
        assert problem in text
    assert cluster.requests == []


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, []),
        ({"train_mode": "clod"}, ["train_mode='clod': must be one of local, cloud"]),
        ({"workers": 3, "batch_size": 40}, ["batch_size=40: 3 workers cannot share it evenly"]),
        ({"workers": 3}, []),
        ({"pss": 2}, ["pss=2: Keras 3 trains with no parameter servers"]),
        (
            {"train_mode": "cloud", "train_job": {"working_dir": "/tmp"}},
            ["train_mode=cloud: train_job.working_dir='/tmp': must be a gs://"],
        ),
        ({"train_job": {"job_kind": "tfjob"}}, ["train_job.job_kind: there is no such key; did you mean kind?"]),
        ({"train_job": {"cpu": 2}}, ["train_job.cpu=2: must be text"]),
        ({"train_job": {"working_dir": "/tmp"}}, []),
        ({"train_mode": "cloud"}, []),
        (
            {"train_mode": "cloud", "train_job": {"working_dir": "gs://b/x", "runtime": "r", "service_account": "me"}},
            ["train_mode=cloud: train_job.service_account='me': runtime='r' says as what its pods run"],
        ),
    ],
)
def test_what_is_known_early_is_checked_early(known, expected):
    found = check_inputs(known, "registry.example/image:1")
    assert len(found) == len(expected)
    for text, begin in zip(found, expected, strict=True):
        assert text.startswith(begin)


def test_where_a_step_trains_is_read_from_its_parameters():
    assert JobOptions.of_step("local", {"cpu": "2"}) is None
    assert JobOptions.of_step("cloud", {"cpu": "2", "deadline_seconds": 60.0}) == JobOptions(
        cpu="2", deadline_seconds=60
    )
    with pytest.raises(InputError, match="train_mode='clod': must be one of local, cloud"):
        JobOptions.of_step("clod", {})
    with pytest.raises(InputError, match=r"train_job.cpus: there is no such key; did you mean cpu\?"):
        JobOptions.of_step("local", {"cpus": "2"})
