"""The Kubernetes objects that serve a model, as plain dictionaries.

Every version is a rollout: its number is in the configuration that TF-Serving starts with, so that
pods become ready only when they serve this version, and going back is applying the version before.
"""

from __future__ import annotations

from typing import Any

from components.tf_serving.options import ClusterOptions

MANAGER = "taxi-pipeline-deploy"
"""Field manager of everything that is applied here."""

VERSION_ANNOTATION = "model-version"

GRPC_PORT, REST_PORT = 8500, 8501

_CONFIG_PATH = "/etc/tf-serving"
_CONFIG_FILE = "models.config"
_USER = 65534


def manifests(model_name: str, base_path: str, version: int, options: ClusterOptions) -> list[dict[str, Any]]:
    """Write what serves one version.

    Args:
        model_name: A DNS label; the name of the objects.
        base_path: ``gs://`` path of the model's versions.
        version: Which of them.
        options: How.

    Returns:
        The objects in the order to apply them, the one that rolls out last.
    """
    if options.kind == "kserve":
        return [_inference_service(model_name, base_path, version, options)]
    found = [_config(model_name, base_path, version, options), _service(model_name, options)]
    if options.max_replicas:
        found.append(_autoscaler(model_name, options))
    return [*found, _deployment(model_name, version, options)]


def rbac(namespace: str, kind: str, subject: str) -> list[dict[str, Any]]:
    """Return the minimal permissions of the deploy step. They are printed, never applied.

    Args:
        namespace: Where models are served.
        kind: ``deployment`` or ``kserve``.
        subject: The service account that the step runs as.

    Returns:
        A Role and its RoleBinding.
    """
    written = [("serving.kserve.io", "inferenceservices")]
    if kind == "deployment":
        written = [
            ("apps", "deployments"),
            ("", "services"),
            ("", "configmaps"),
            ("autoscaling", "horizontalpodautoscalers"),
        ]
    rules = [
        {"apiGroups": [group], "resources": [resource], "verbs": ["get", "create", "patch"]}
        for group, resource in written
    ]
    if kind == "deployment":  # to tell why they do not start
        rules.append({"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]})
    # Two dictionaries: YAML would print the same one as an anchor and an alias.
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


def _metadata(model_name: str, options: ClusterOptions, version: int | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"name": model_name, "namespace": options.namespace, "labels": _labels(model_name)}
    if version is not None:
        found["annotations"] = {VERSION_ANNOTATION: str(version)}
    return found


def _labels(model_name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": model_name, "app.kubernetes.io/managed-by": MANAGER}


def _config(model_name: str, base_path: str, version: int, options: ClusterOptions) -> dict[str, Any]:
    text = (
        "model_config_list {\n"
        "  config {\n"
        f'    name: "{model_name}"\n'
        f'    base_path: "{base_path}"\n'
        '    model_platform: "tensorflow"\n'
        f"    model_version_policy {{ specific {{ versions: {version} }} }}\n"
        "  }\n"
        "}\n"
    )
    metadata = _metadata(model_name, options, version) | {"name": f"{model_name}-v{version}"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {_CONFIG_FILE: text}}


def _service(model_name: str, options: ClusterOptions) -> dict[str, Any]:
    ports = [
        {"name": name, "port": port, "targetPort": name, "protocol": "TCP"}
        for name, port in (("grpc", GRPC_PORT), ("http", REST_PORT))
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(model_name, options),
        "spec": {"selector": _selector(model_name), "ports": ports},
    }


def _selector(model_name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": model_name}


def _autoscaler(model_name: str, options: ClusterOptions) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": 70}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _metadata(model_name, options),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": model_name},
            "minReplicas": options.replicas,
            "maxReplicas": options.max_replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }


def _deployment(model_name: str, version: int, options: ClusterOptions) -> dict[str, Any]:
    status = {"httpGet": {"path": f"/v1/models/{model_name}/versions/{version}", "port": "http"}}
    container = {
        "name": "tf-serving",
        "image": options.serving_image,
        "args": [
            f"--port={GRPC_PORT}",
            f"--rest_api_port={REST_PORT}",
            f"--model_config_file={_CONFIG_PATH}/{_CONFIG_FILE}",
        ],
        "command": ["tensorflow_model_server"],
        "ports": [
            {"name": "grpc", "containerPort": GRPC_PORT, "protocol": "TCP"},
            {"name": "http", "containerPort": REST_PORT, "protocol": "TCP"},
        ],
        "startupProbe": {**status, "periodSeconds": 2, "failureThreshold": 150},
        "readinessProbe": {**status, "periodSeconds": 5},
        "livenessProbe": {"tcpSocket": {"port": "grpc"}, "periodSeconds": 10},
        "resources": {
            "requests": {"cpu": options.cpu, "memory": options.memory},
            "limits": {"memory": options.memory},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "config", "mountPath": _CONFIG_PATH, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - in a pod of its own
        ],
    }
    pod: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "containers": [container],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [
            {"name": "config", "configMap": {"name": f"{model_name}-v{version}"}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    if options.service_account:
        pod["serviceAccountName"] = options.service_account
    spec: dict[str, Any] = {
        "progressDeadlineSeconds": options.deadline_seconds,
        "selector": {"matchLabels": _selector(model_name)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": {
            "metadata": {"labels": _labels(model_name), "annotations": {VERSION_ANNOTATION: str(version)}},
            "spec": pod,
        },
    }
    if not options.max_replicas:  # otherwise the autoscaler says how many
        spec["replicas"] = options.replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(model_name, options, version),
        "spec": spec,
    }


def _inference_service(model_name: str, base_path: str, version: int, options: ClusterOptions) -> dict[str, Any]:
    predictor: dict[str, Any] = {
        "minReplicas": options.replicas,
        "maxReplicas": options.max_replicas or options.replicas,
        "timeout": 60,
        "model": {
            "modelFormat": {"name": "tensorflow"},
            "storageUri": base_path,
            "resources": {
                "requests": {"cpu": options.cpu, "memory": options.memory},
                "limits": {"memory": options.memory},
            },
        },
    }
    if options.service_account:
        predictor["serviceAccountName"] = options.service_account
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": _metadata(model_name, options, version),
        "spec": {"predictor": predictor},
    }
