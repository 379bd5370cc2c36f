"""Train on a cluster: launch a job, follow it, launch it again where a worker is lost, take the model, clean up."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from components.lib.kubernetes import Namespace, pod_troubles
from components.training.manifests import INDEX, JOBS, MANAGER, PODS, manifests
from components.training.options import JobOptions
from components.training.request import Request, Workers
from components.training.worker import RESULT
from pipeline_tools import paths, storage
from pipeline_tools.errors import InputError, PipelineToolsError
from pipeline_tools.signals import terminable

POLL_SECONDS = 5.0
GONE_SECONDS = 120.0
"""How long a deleted job may take to be gone."""

_LOST = re.compile(
    r"Evicted|OOMKilled|Preempt|Shutdown|NodeLost|NodeAffinity|UnexpectedAdmission|ContainerStatusUnknown"
)
_SIGNAL = re.compile(r"exit code (\d+)")


class JobError(PipelineToolsError):
    """The job failed, or is not done in time; the message has the cluster's reason."""


def train_by_job(request: Request, model: str, workers: Workers, options: JobOptions, *, task: str) -> dict[str, float]:
    """Train on a cluster.

    The job is deleted at the end, however that comes about, and what it left in ``working_dir``, too. Only after a
    failure the checkpoints stay, from which the same step goes on when it is tried again.

    Args:
        request: What to train; checked, its artifacts named by ``gs://`` URI.
        model: Directory to write.
        workers: How many, and what if one is lost; checked.
        options: Where and as what; checked.
        task: What tells this step of this run from all others, and is the same when the step is tried again: the URI of
            the model artifact.

    Returns:
        Metrics, as the first worker measured them.

    Raises:
        InputError: There is no cluster to reach, it refuses an object, it knows no such job, or a worker says so.
        JobError: The job failed, workers were lost too often, or the deadline is over.
    """
    namespace = Namespace(options.namespace, "train_mode=cloud", MANAGER)
    kind = _kind(namespace, options)
    name = f"train-{hashlib.sha256(task.encode()).hexdigest()[:12]}"
    root = f"{options.working_dir.rstrip('/')}/{name}"
    order = {
        "request": dataclasses.asdict(request),
        "checkpoint_dir": workers.checkpoint_dir or f"{root}/checkpoints",
        "checkpoint_steps": workers.checkpoint_steps,
        "model": f"{root}/model",
        "result": f"{root}/result",
    }
    job = _Job(namespace, kind, name, manifests(name, f"{root}/order.json", workers.workers, kind, options))
    deadline = time.monotonic() + options.deadline_seconds
    lost: list[str] | None = None
    with terminable():
        for attempt in range(workers.max_restarts + 1):
            for leftover in ("model", "result"):
                storage.delete(f"{root}/{leftover}")
            paths.write_text(f"{root}/order.json", json.dumps(order, indent=2, sort_keys=True))
            try:
                job.start(deadline)
                lost = job.follow(deadline)
                if lost is None:
                    break
                _raise_told(f"{root}/result")
            finally:
                job.delete()
            if not _was_lost(lost):
                raise JobError(f"{job.what}: {'; '.join(lost)}")
            if attempt < workers.max_restarts:
                _tell(f"{'; '.join(lost)}; all start again (restart {attempt + 1} of {workers.max_restarts})")
        else:
            raise JobError(
                f"{job.what}: {'; '.join(lost or []).rstrip('.')}. It has been started again "
                f"max_restarts={workers.max_restarts} times; the checkpoints stay in {order['checkpoint_dir']}"
            )
        result: dict[str, dict[str, float]] = json.loads(storage.read_text(f"{root}/result/0/{RESULT}"))
        storage.download(f"{root}/model", model)
        storage.delete(root)
    return result["metrics"]


def _kind(namespace: Namespace, options: JobOptions) -> str:
    wanted = [options.kind] if options.kind else [kind for kind in JOBS if not (options.runtime and kind == "tfjob")]
    for kind in wanted:
        if namespace.knows(*JOBS[kind]):
            return kind
    names = " nor ".join(" ".join(JOBS[kind]) for kind in wanted)
    raise InputError(
        f"train_mode=cloud: the cluster knows no {names}; install Kubeflow Trainer v2 or the Training Operator v1, or "
        "set train_mode=local"
    )


class _Job:
    """A job on a cluster.

    Args:
        namespace: Where.
        kind: ``trainjob`` or ``tfjob``.
        name: Of all its objects.
        objects: To apply, the job last.
    """

    def __init__(self, namespace: Namespace, kind: str, name: str, objects: list[dict[str, Any]]) -> None:
        self.what = f"{JOBS[kind][1]} {namespace.name}/{name}"
        self._namespace = namespace
        self._kind = kind
        self._name = name
        self._objects = objects
        self._told: dict[str, int] = {}
        self._troubles: dict[str, None] = {}

    def start(self, deadline: float) -> None:
        """Apply the objects, after what an earlier step left under their name is gone."""
        self._told, self._troubles = {}, {}
        self.delete()
        until = min(deadline, time.monotonic() + GONE_SECONDS)
        while self._namespace.get(*JOBS[self._kind], self._name) is not None:
            if time.monotonic() > until:
                raise JobError(f"{self.what}: an earlier job of this name is being deleted, and does not go")
            time.sleep(POLL_SECONDS)
        self._namespace.apply(self._objects)
        _tell(f"{self.what} is launched")

    def follow(self, deadline: float) -> list[str] | None:
        """Tell the pods' logs until the job has ended.

        Returns:
            None where it ended well, else the reasons.

        Raises:
            JobError: It is not done by the deadline, or somebody has deleted it.
        """
        while True:
            found = self._namespace.get(*JOBS[self._kind], self._name)
            done, failure = _ended(found or {})
            self._look_at_pods(ended=done or bool(failure) or found is None)
            if found is None:
                raise JobError(f"{self.what}: somebody has deleted it")
            if done:
                return None
            if failure:
                return [failure, *self._troubles]
            if time.monotonic() > deadline:
                raise JobError("; ".join([f"{self.what}: not done by its deadline", *self._troubles]))
            time.sleep(POLL_SECONDS)

    def delete(self) -> None:
        """Delete the job, then its runtime; an error in doing so is told and hides no other."""
        for body in reversed(self._objects):
            self._delete(body)

    def _delete(self, body: Mapping[str, Any]) -> None:
        try:
            self._namespace.delete(body["apiVersion"], body["kind"], body["metadata"]["name"])
        except InputError as error:
            _tell(f"warning: {error}")

    def _look_at_pods(self, *, ended: bool) -> None:
        pods = self._namespace.pods(f"{PODS[self._kind]}={self._name}")
        for trouble in pod_troubles(pods):
            if trouble not in self._troubles:
                self._troubles[trouble] = None
                _tell(trouble)
        for pod in sorted(pods, key=lambda pod: str(pod["metadata"]["name"])):
            self._tell_log(pod["metadata"], ended=ended)

    def _tell_log(self, metadata: Mapping[str, Any], *, ended: bool) -> None:
        pod = metadata["name"]
        known = metadata.get("uid") or pod  # a pod that starts again may have the name of one that is still there
        told = self._told.get(known, 0)
        log = self._namespace.log(pod)
        until = len(log) if ended else log.rfind("\n") + 1  # the rest is a line that is still being written
        number = metadata.get("labels", {}).get(INDEX[self._kind])
        prefix = f"[worker {number}]" if number is not None else f"[{pod}]"
        for line in log[told:until].splitlines():
            _tell(f"{prefix} {line}")
        self._told[known] = max(until, told)


def _ended(found: Mapping[str, Any]) -> tuple[bool, str]:
    """Tell whether a job has ended well, or why it has failed."""
    conditions = {each["type"]: each for each in found.get("status", {}).get("conditions") or []}
    for name in ("Complete", "Succeeded"):
        if conditions.get(name, {}).get("status") == "True":
            return True, ""
    failed = conditions.get("Failed", {})
    if failed.get("status") == "True":
        return False, f"{failed.get('reason') or 'Failed'}: {failed.get('message', '')}".rstrip(": ")
    return False, ""


def _was_lost(reasons: list[str]) -> bool:
    """Tell whether a pod was taken away, and did not fail by itself."""
    codes = [int(code) for reason in reasons for code in _SIGNAL.findall(reason)]
    return any(_LOST.search(reason) for reason in reasons) or any(code > 128 for code in codes)


def _raise_told(results: str) -> None:
    """Raise what a worker left as the reason, where one did."""
    for name in storage.objects(results):
        if error := json.loads(storage.read_text(f"{results}/{name}")).get("error"):
            raise InputError(error)


def _tell(text: str) -> None:
    print(text, flush=True)  # noqa: T201
