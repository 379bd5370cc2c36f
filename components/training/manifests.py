"""The Kubernetes objects of a training, as plain dictionaries: a TrainJob with its runtime, or a TFJob.

Pods are never restarted by the cluster: workers hold the same weights at the same step, so that all of them start again
from the last checkpoint, and the step is who starts them.
"""

from __future__ import annotations

from typing import Any

from components.training.options import JobOptions

MANAGER = "taxi-pipeline-train"
"""Field manager of everything that is applied here."""

PORT = 2222
"""Where workers listen; a TFJob's default, too."""

TRAINER = "trainer.kubeflow.org/v1alpha1"
OPERATOR = "kubeflow.org/v1"
JOBS = {"trainjob": (TRAINER, "TrainJob"), "tfjob": (OPERATOR, "TFJob")}
"""API version and kind, by the key ``kind`` of ``train_job``."""

PODS = {"trainjob": "jobset.sigs.k8s.io/jobset-name", "tfjob": "training.kubeflow.org/job-name"}
"""The label that a job's pods bear its name in."""

INDEX = {"trainjob": "batch.kubernetes.io/job-completion-index", "tfjob": "training.kubeflow.org/replica-index"}
"""The label that a pod's number stands in."""

_COMMAND = ["python", "-m", "components.training.worker"]


def manifests(name: str, order: str, workers: int, kind: str, options: JobOptions) -> list[dict[str, Any]]:
    """Write what a training needs.

    Args:
        name: A DNS label; the objects bear it as their name.
        order: ``gs://`` URI of what a worker is to do.
        workers: How many pods.
        kind: ``trainjob`` or ``tfjob``.
        options: Where and as what.

    Returns:
        The objects in the order to apply them, the job last.
    """
    if kind == "tfjob":
        return [_tf_job(name, order, workers, options)]
    job = _train_job(name, order, workers, options)
    return [job] if options.runtime else [_runtime(name, order, workers, options), job]


def hosts(name: str, workers: int) -> list[str]:
    """Name the pods of a TrainJob, as the headless service of its JobSet does.

    Args:
        name: Of the job.
        workers: How many pods.

    Returns:
        ``host:port`` of each.
    """
    return [f"{name}-node-0-{number}.{name}:{PORT}" for number in range(workers)]


def rbac(namespace: str, subject: str) -> list[dict[str, Any]]:
    """Write the rights that the train step needs, and no more. They are printed, never applied.

    Args:
        namespace: Where jobs run.
        subject: The service account that the step runs as.

    Returns:
        A Role and its RoleBinding.
    """
    verbs = ["get", "create", "patch", "delete"]
    rules = [
        {"apiGroups": ["trainer.kubeflow.org"], "resources": ["trainjobs", "trainingruntimes"], "verbs": verbs},
        {"apiGroups": ["kubeflow.org"], "resources": ["tfjobs"], "verbs": verbs},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    ]
    # Two dictionaries: YAML would print one that appears twice as an anchor and an alias.
    metadata, metadata_too = ({"name": MANAGER, "namespace": namespace} for _ in range(2))
    return [
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata_too,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": MANAGER},
            "subjects": [{"kind": "ServiceAccount", "name": subject, "namespace": namespace}],
        },
    ]


def _metadata(name: str, options: JobOptions) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": MANAGER}
    return {"name": name, "namespace": options.namespace, "labels": labels}


def _arguments(name: str, order: str, workers: int) -> list[str]:
    """A pod of a TrainJob knows its number; who the others are it is told here."""
    return [order, "--hosts", ",".join(hosts(name, workers))]


def _resources(options: JobOptions) -> dict[str, Any]:
    return {
        "requests": {"cpu": options.cpu, "memory": options.memory},
        "limits": {"memory": options.memory},
    }


def _pod(container: str, arguments: list[str], options: JobOptions) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": container,
                "image": options.worker_image,
                "command": list(_COMMAND),
                "args": arguments,
                "env": [{"name": "PYTHONUNBUFFERED", "value": "1"}],
                "resources": _resources(options),
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    }
    if options.service_account:
        pod["serviceAccountName"] = options.service_account
    return pod


def _runtime(name: str, order: str, workers: int, options: JobOptions) -> dict[str, Any]:
    job = {
        "backoffLimit": 0,
        "completionMode": "Indexed",
        # Should the step vanish, the job does not stay for ever.
        "activeDeadlineSeconds": options.deadline_seconds,
        "template": {"spec": _pod("node", _arguments(name, order, workers), options)},
    }
    replicated = {
        "name": "node",
        "template": {
            "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
            "spec": job,
        },
    }
    return {
        "apiVersion": TRAINER,
        "kind": "TrainingRuntime",
        "metadata": _metadata(name, options),
        "spec": {
            "mlPolicy": {"numNodes": workers},
            "template": {"spec": {"failurePolicy": {"maxRestarts": 0}, "replicatedJobs": [replicated]}},
        },
    }


def _train_job(name: str, order: str, workers: int, options: JobOptions) -> dict[str, Any]:
    kind = "ClusterTrainingRuntime" if options.runtime else "TrainingRuntime"
    return {
        "apiVersion": TRAINER,
        "kind": "TrainJob",
        "metadata": _metadata(name, options),
        "spec": {
            "runtimeRef": {"apiGroup": "trainer.kubeflow.org", "kind": kind, "name": options.runtime or name},
            "trainer": {
                "numNodes": workers,
                "image": options.worker_image,
                "command": list(_COMMAND),
                "args": _arguments(name, order, workers),
                "resourcesPerNode": _resources(options),
            },
        },
    }


def _tf_job(name: str, order: str, workers: int, options: JobOptions) -> dict[str, Any]:
    # The operator sets TF_CONFIG itself, looks for a container of this name, and without a chief takes worker 0's end
    # for the job's.
    pod = _pod("tensorflow", [order], options)
    pod["containers"][0]["ports"] = [{"name": "tfjob-port", "containerPort": PORT}]
    return {
        "apiVersion": OPERATOR,
        "kind": "TFJob",
        "metadata": _metadata(name, options),
        "spec": {
            "runPolicy": {
                "backoffLimit": 0,
                "cleanPodPolicy": "None",
                "activeDeadlineSeconds": options.deadline_seconds,
            },
            "tfReplicaSpecs": {"Worker": {"replicas": workers, "restartPolicy": "Never", "template": {"spec": pod}}},
        },
    }
