"""What a step asks of its pod: resources, environment, and the settings of ``kfp-kubernetes``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pipeline_tools.errors import InputError
from pipeline_tools.spec.placeholders import has_placeholder

Json = dict[str, Any]

CACHE_OPT_OUT = {"pipelines.kubeflow.org/max_cache_staleness": "P0D"}
"""Keeps the cache server of a KFP installation, where there is one, from answering instead of a pod."""


def check_fields(given: Mapping[str, Any], *names: str, where: str) -> None:
    """Refuse what this lowering does not know, so that nothing is dropped in silence.

    Raises:
        InputError: `given` has other fields than `names`.
    """
    for name in given:
        if name not in names:
            raise InputError(f"{where}: `{name}` cannot be expressed as an Argo Workflow")


def require_constant(value: Any, where: str) -> Any:
    """Refuse a value that is known only when the pipeline runs.

    Raises:
        InputError: The value holds a placeholder.
    """
    if isinstance(value, str) and has_placeholder(value):
        raise InputError(f"{where}: {value} is known only when the pipeline runs; give a constant")
    return value


def resources(given: Mapping[str, Any], where: str) -> tuple[Json, Json]:
    """Translate a container's resources.

    Args:
        given: ``ResourceSpec`` of the specification; the older fields in cores and gigabytes count where the newer
            ones are missing.
        where: Names the task in errors.

    Returns:
        Kubernetes' ``resources`` of what is constant, and of what is known only when the pipeline runs.

    Raises:
        InputError: A field is unknown.
    """
    kinds = ("cpuLimit", "memoryLimit", "cpuRequest", "memoryRequest")
    newer = [f"resource{kind[0].upper()}{kind[1:]}" for kind in kinds]
    check_fields(given, *kinds, *newer, "accelerator", where=f"{where}: resources")
    fixed: Json = {}
    late: Json = {}

    def put(side: str, name: str, value: str) -> None:
        (late if has_placeholder(value) else fixed).setdefault(side, {})[name] = value

    for old, new in zip(kinds, newer, strict=True):
        name, side = re.fullmatch(r"(cpu|memory)(Limit|Request)", old).groups()  # type: ignore[union-attr]
        if given.get(new):
            put(f"{side.lower()}s", name, str(given[new]))
        elif given.get(old):
            put(f"{side.lower()}s", name, f"{given[old]:g}" + ("G" if name == "memory" else ""))
    accelerator = given.get("accelerator", {})
    check_fields(accelerator, "type", "count", "resourceType", "resourceCount", where=f"{where}: accelerator")
    if accelerator:
        kind = require_constant(
            accelerator.get("resourceType") or accelerator.get("type"), f"{where}: accelerator type"
        )
        put("limits", str(kind), str(accelerator.get("resourceCount") or accelerator.get("count") or 1))
    return fixed, late


class Pod:
    """The Kubernetes settings of one step, as fields of an Argo template.

    Attributes:
        template: Fields of the template itself (volumes, node selector, metadata, …).
        container: Fields of its main container (environment, mounts, pull policy, …).
        pull_secrets: Names of image pull secrets. Argo has them on the workflow, not on a template.
    """

    def __init__(self, config: Mapping[str, Any], where: str) -> None:
        """Translate ``KubernetesExecutorConfig``.

        Args:
            config: The settings of one executor.
            where: Names the task in errors.

        Raises:
            InputError: A setting cannot be expressed, or is known only when the pipeline runs.
        """
        self.template: Json = {}
        self.container: Json = {}
        self.pull_secrets: list[str] = []
        self._where = where
        handlers: dict[str, Callable[[Json], None]] = {
            "secretAsVolume": self._secret_volume,
            "secretAsEnv": self._secret_env,
            "configMapAsVolume": self._config_map_volume,
            "configMapAsEnv": self._config_map_env,
            "pvcMount": self._claim,
            "emptyDirMounts": self._empty_dir,
            "genericEphemeralVolume": self._ephemeral,
            "fieldPathAsEnv": self._field_env,
            "imagePullSecret": self._pull_secret,
            "tolerations": self._toleration,
        }
        single: dict[str, Callable[[Any], None]] = {
            "nodeSelector": self._node_selector,
            "podMetadata": self._metadata,
            "imagePullPolicy": lambda value: self.container.update(imagePullPolicy=value),
            "activeDeadlineSeconds": lambda value: self.template.update(activeDeadlineSeconds=str(int(value))),
            "enabledSharedMemory": self._shared_memory,
            "securityContext": self._security_context,
            "nodeAffinity": self._node_affinity,
            "podAffinity": self._pod_affinity,
        }
        check_fields(config, *handlers, *single, where=where)
        for name, value in sorted(config.items()):
            if name in single:
                single[name](value)
            else:
                for item in value:
                    handlers[name](item)

    def _name(self, item: Mapping[str, Any], field: str) -> str:
        """The name of a secret or the like: a constant, said in one of two ways."""
        parameter = item.get(f"{field}Parameter", {})
        value = parameter.get("runtimeValue", {}).get("constant") if parameter else item.get(field)
        if not isinstance(value, str):
            raise InputError(f"{self._where}: {field} is known only when the pipeline runs; give a constant")
        return str(require_constant(value, f"{self._where}: {field}"))

    def _mount(self, volume: Json, path: str, **mount: Any) -> None:
        volumes = self.template.setdefault("volumes", [])
        if volume not in volumes:
            volumes.append(volume)
        self.container.setdefault("volumeMounts", []).append({"name": volume["name"], "mountPath": path, **mount})

    def _env(self, name: str, source: Json) -> None:
        self.container.setdefault("env", []).append({"name": name, "valueFrom": source})

    def _secret_volume(self, item: Json) -> None:
        check_fields(
            item, "secretName", "secretNameParameter", "mountPath", "optional", where=f"{self._where}: secret volume"
        )
        name = self._name(item, "secretName")
        source = {"secretName": name, "optional": bool(item.get("optional"))}
        self._mount({"name": _volume_name("secret", name), "secret": source}, item["mountPath"])

    def _config_map_volume(self, item: Json) -> None:
        fields = ("configMapName", "configMapNameParameter", "mountPath", "optional")
        check_fields(item, *fields, where=f"{self._where}: config map volume")
        name = self._name(item, "configMapName")
        source = {"name": name, "optional": bool(item.get("optional"))}
        self._mount({"name": _volume_name("config-map", name), "configMap": source}, item["mountPath"])

    def _secret_env(self, item: Json) -> None:
        check_fields(item, "secretName", "secretNameParameter", "keyToEnv", "optional", where=f"{self._where}: secret")
        for key in item.get("keyToEnv", []):
            reference = {"name": self._name(item, "secretName"), "key": key["secretKey"]}
            self._env(key["envVar"], {"secretKeyRef": {**reference, "optional": bool(item.get("optional"))}})

    def _config_map_env(self, item: Json) -> None:
        fields = ("configMapName", "configMapNameParameter", "keyToEnv", "optional")
        check_fields(item, *fields, where=f"{self._where}: config map")
        for key in item.get("keyToEnv", []):
            reference = {"name": self._name(item, "configMapName"), "key": key["configMapKey"]}
            self._env(key["envVar"], {"configMapKeyRef": {**reference, "optional": bool(item.get("optional"))}})

    def _field_env(self, item: Json) -> None:
        check_fields(item, "name", "fieldPath", where=f"{self._where}: field path")
        self._env(item["name"], {"fieldRef": {"fieldPath": item["fieldPath"]}})

    def _claim(self, item: Json) -> None:
        fields = ("constant", "pvcNameParameter", "mountPath", "subPath")
        check_fields(item, *fields, where=f"{self._where}: persistent volume claim (only a claim that exists, by name)")
        name = self._name({**item, "pvcName": item.get("constant")}, "pvcName")
        mount = {"subPath": item["subPath"]} if item.get("subPath") else {}
        claim = {"name": _volume_name("claim", name), "persistentVolumeClaim": {"claimName": name}}
        self._mount(claim, item["mountPath"], **mount)

    def _empty_dir(self, item: Json) -> None:
        check_fields(item, "volumeName", "mountPath", "medium", "sizeLimit", where=f"{self._where}: empty dir")
        source = {key: item[key] for key in ("medium", "sizeLimit") if item.get(key)}
        self._mount({"name": item["volumeName"], "emptyDir": source}, item["mountPath"])

    def _shared_memory(self, item: Json) -> None:
        check_fields(item, "volumeName", "size", where=f"{self._where}: shared memory")
        source = {"medium": "Memory", **({"sizeLimit": item["size"]} if item.get("size") else {})}
        self._mount({"name": item.get("volumeName") or "shm", "emptyDir": source}, "/dev/shm")  # noqa: S108

    def _ephemeral(self, item: Json) -> None:
        fields = (
            "volumeName",
            "mountPath",
            "accessModes",
            "size",
            "defaultStorageClass",
            "storageClassName",
            "metadata",
        )
        check_fields(item, *fields, where=f"{self._where}: ephemeral volume")
        claim: Json = {
            "accessModes": item.get("accessModes", []),
            "resources": {"requests": {"storage": item["size"]}},
        }
        if item.get("storageClassName"):
            claim["storageClassName"] = item["storageClassName"]
        template = {"spec": claim, **({"metadata": item["metadata"]} if item.get("metadata") else {})}
        volume = {"name": item["volumeName"], "ephemeral": {"volumeClaimTemplate": template}}
        self._mount(volume, item["mountPath"])

    def _pull_secret(self, item: Json) -> None:
        check_fields(item, "secretName", "secretNameParameter", where=f"{self._where}: image pull secret")
        self.pull_secrets.append(self._name(item, "secretName"))

    def _node_selector(self, item: Json) -> None:
        labels = item.get("labels", {})
        if "nodeSelectorJson" in item:
            labels = self._json(item["nodeSelectorJson"], "node selector")
        check_fields(item, "labels", "nodeSelectorJson", where=f"{self._where}: node selector")
        self.template["nodeSelector"] = labels

    def _toleration(self, item: Json) -> None:
        if "tolerationJson" in item:
            check_fields(item, "tolerationJson", where=f"{self._where}: toleration")
            given = self._json(item["tolerationJson"], "toleration")
            tolerations = given if isinstance(given, list) else [given]
        else:
            check_fields(
                item, "key", "operator", "value", "effect", "tolerationSeconds", where=f"{self._where}: toleration"
            )
            tolerations = [
                {key: int(value) if key == "tolerationSeconds" else value for key, value in item.items() if value != ""}
            ]
        self.template.setdefault("tolerations", []).extend(tolerations)

    def _json(self, item: Json, what: str) -> Any:
        value = item.get("runtimeValue", {}).get("constant")
        if value is None:
            raise InputError(f"{self._where}: the {what} is known only when the pipeline runs; give a constant")
        return value

    def _metadata(self, item: Json) -> None:
        check_fields(item, "labels", "annotations", where=f"{self._where}: pod metadata")
        for kind, values in item.items():
            for key, value in values.items():
                require_constant(value, f"{self._where}: {kind[:-1]} {key}")
        self.template["metadata"] = {kind: dict(values) for kind, values in item.items() if values}

    def _security_context(self, item: Json) -> None:
        check_fields(item, "runAsUser", "runAsGroup", "runAsNonRoot", where=f"{self._where}: security context")
        context = {key: value if key == "runAsNonRoot" else int(value) for key, value in item.items()}
        self.container["securityContext"] = context

    def _node_affinity(self, items: list[Json]) -> None:
        required: list[Json] = []
        preferred: list[Json] = []
        for item in items:
            fields = ("matchExpressions", "matchFields", "weight", "nodeAffinityJson")
            check_fields(item, *fields, where=f"{self._where}: node affinity")
            if "nodeAffinityJson" in item:
                self._affinity("nodeAffinity", self._json(item["nodeAffinityJson"], "node affinity"))
                continue
            term = {key: item[key] for key in ("matchExpressions", "matchFields") if item.get(key)}
            if item.get("weight"):
                preferred.append({"weight": int(item["weight"]), "preference": term})
            else:
                required.append(term)
        if required:
            terms = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": required}}
            self._affinity("nodeAffinity", terms)
        if preferred:
            self._affinity("nodeAffinity", {"preferredDuringSchedulingIgnoredDuringExecution": preferred})

    def _pod_affinity(self, items: list[Json]) -> None:
        for item in items:
            pods = ("matchPodExpressions", "matchPodLabels")
            namespaces = ("matchNamespaceExpressions", "matchNamespaceLabels")
            fields = (*pods, *namespaces, "topologyKey", "namespaces", "weight", "anti")
            check_fields(item, *fields, where=f"{self._where}: pod affinity")
            term: Json = {"topologyKey": item.get("topologyKey", "")}
            for name, (rules, labels) in {"labelSelector": pods, "namespaceSelector": namespaces}.items():
                selector = {"matchExpressions": item.get(rules), "matchLabels": item.get(labels)}
                if any(selector.values()):
                    term[name] = {key: value for key, value in selector.items() if value}
            if item.get("namespaces"):
                term["namespaces"] = item["namespaces"]
            kind = "podAntiAffinity" if item.get("anti") else "podAffinity"
            if item.get("weight"):
                weighted = {"weight": int(item["weight"]), "podAffinityTerm": term}
                self._affinity(kind, {"preferredDuringSchedulingIgnoredDuringExecution": [weighted]})
            else:
                self._affinity(kind, {"requiredDuringSchedulingIgnoredDuringExecution": [term]})

    def _affinity(self, kind: str, terms: Mapping[str, Any]) -> None:
        affinity = self.template.setdefault("affinity", {}).setdefault(kind, {})
        for name, value in terms.items():
            if isinstance(value, list):
                affinity.setdefault(name, []).extend(value)
            else:
                affinity[name] = value


def _volume_name(kind: str, name: str) -> str:
    """Name a volume after what it holds, as a DNS label of at most 63 characters."""
    return re.sub(r"[^a-z0-9-]+", "-", f"{kind}-{name}".lower())[:63].strip("-")


__all__ = ["CACHE_OPT_OUT", "Pod", "check_fields", "require_constant", "resources"]
