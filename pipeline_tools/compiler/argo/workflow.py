"""Lower a compiled KFP v2 specification to one Argo ``Workflow`` that needs nothing of KFP in the cluster."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Any

import yaml

from pipeline_tools.compiler.argo.dag import Lowering
from pipeline_tools.compiler.argo.expressions import encode
from pipeline_tools.compiler.argo.names import template_name
from pipeline_tools.compiler.argo.pods import Json, check_fields
from pipeline_tools.compiler.argo.settings import ArgoSettings
from pipeline_tools.errors import InputError
from pipeline_tools.spec.documents import parse_documents
from pipeline_tools.spec.references import resolve_references
from pipeline_tools.spec.types import plain

API_VERSION = "argoproj.io/v1alpha1"
LARGEST = 1 << 20
"""Bytes of JSON that a cluster accepts as one object: etcd refuses 1.5 MiB, and the run's status needs room too."""

_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def lower(pipeline_yaml: str, settings: ArgoSettings | None = None) -> Json:
    """Lower a specification.

    Args:
        pipeline_yaml: The text of a KFP v2 specification: one document, or two where it has Kubernetes settings.
        settings: Choices for the workflow.

    Returns:
        The manifest. The same text and settings give the same manifest.

    Raises:
        InputError: The specification has something that an Argo Workflow cannot express; the message names the task and
            the construct. Or the manifest is larger than a cluster accepts.
    """
    settings = settings or ArgoSettings()
    spec, *platforms = parse_documents(pipeline_yaml, "the specification")
    fields = (
        "components",
        "deploymentSpec",
        "pipelineInfo",
        "root",
        "schemaVersion",
        "sdkVersion",
        "defaultPipelineRoot",
    )
    check_fields(spec, *fields, where="the specification")
    check_fields(spec.get("deploymentSpec", {}), "executors", where="the specification: deploymentSpec")
    if "dag" not in spec["root"]:
        raise InputError("the specification's root is not a pipeline of tasks")
    spec = resolve_references(spec)
    configs, pipeline_config = _kubernetes(platforms)
    info = spec["pipelineInfo"]
    check_fields(info, "name", "displayName", "description", where="the specification: pipelineInfo")
    lowering = Lowering(spec, configs, settings)
    entrypoint, _ = lowering.dag(template_name(info["name"]), spec["root"], {}, root=True)
    manifest: Json = {
        "apiVersion": API_VERSION,
        "kind": "Workflow",
        "metadata": _metadata(spec, pipeline_yaml),
        "spec": {
            "entrypoint": entrypoint,
            "arguments": _arguments(spec["root"].get("inputDefinitions", {})),
            **_defaults(settings, pipeline_config),
            "templates": _reachable(lowering.templates, entrypoint),
        },
    }
    if lowering.pull_secrets:
        manifest["spec"]["imagePullSecrets"] = [{"name": name} for name in sorted(lowering.pull_secrets)]
    patched: Json = _merge(manifest, settings.patch)
    size = manifest_size(patched)
    if size > LARGEST:
        raise InputError(
            f"the Argo Workflow takes {size:,} bytes, a cluster accepts {LARGEST:,}: split the pipeline, or move the "
            "code of its components into their image"
        )
    return patched


def manifest_size(manifest: Mapping[str, Any]) -> int:
    """Give the bytes that a cluster stores for a manifest (compact JSON)."""
    return len(json.dumps(manifest, separators=(",", ":"), ensure_ascii=False).encode())


def workflow_yaml(manifest: Mapping[str, Any]) -> str:
    """Write a manifest as YAML, long texts as blocks that can be read.

    Args:
        manifest: What `lower` gave.

    Returns:
        The text.
    """
    text: str = yaml.dump(manifest, Dumper=_WorkflowDumper, sort_keys=False, allow_unicode=True, width=120)
    return text


class _WorkflowDumper(_Dumper):
    """Writes texts of several lines as literal blocks, and never an alias: Argo's tools write none either."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _represent_text(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_WorkflowDumper.add_representer(str, _represent_text)


def _kubernetes(platforms: list[Json]) -> tuple[Json, Json]:
    """Read the platform document: settings by executor label, and those of the whole pipeline."""
    configs: Json = {}
    pipeline: Json = {}
    for document in platforms:
        check_fields(document, "platforms", where="the platform specification")
        check_fields(document.get("platforms", {}), "kubernetes", where="the platform specification")
        kubernetes = document["platforms"].get("kubernetes", {})
        check_fields(kubernetes, "deploymentSpec", "pipelineConfig", where="the platform specification")
        configs.update(kubernetes.get("deploymentSpec", {}).get("executors", {}))
        pipeline.update(kubernetes.get("pipelineConfig", {}))
    fields = ("resourceTtlOnCompletion", "resourceTtlOnSuccess", "resourceTtlOnFailure", "activeDeadlineSeconds")
    check_fields(pipeline, *fields, where="the pipeline's configuration")
    return configs, pipeline


def _metadata(spec: Mapping[str, Any], pipeline_yaml: str) -> Json:
    info = spec["pipelineInfo"]
    name = re.sub(r"[^a-z0-9-]+", "-", info["name"].lower()).strip("-") or "pipeline"
    digest = hashlib.sha256(pipeline_yaml.encode()).hexdigest()
    labels = {
        "app.kubernetes.io/name": name[:63].strip("-"),
        "app.kubernetes.io/version": _label(_version()),
        "app.kubernetes.io/managed-by": "taxi-pipeline",
        "taxi-pipeline/package-hash": digest[:40],
    }
    annotations = {
        "taxi-pipeline/package-sha256": digest,
        # Argo and the Pipelines UI show these.
        "workflows.argoproj.io/title": info.get("displayName") or info["name"],
        **({"workflows.argoproj.io/description": info["description"]} if info.get("description") else {}),
        "pipelines.kubeflow.org/pipeline_spec": encode(
            {"name": info["name"], **({"description": info["description"]} if info.get("description") else {})}
        ),
    }
    root = spec.get("defaultPipelineRoot")
    if root:
        # Argo keeps artifacts in the repository of the namespace; the root that was asked for is on record.
        annotations["pipelines.kubeflow.org/pipeline_root"] = root
    annotations = {key: value.replace("{{", "{ {") for key, value in annotations.items()}
    return {"generateName": f"{name[:50].strip('-')}-", "labels": labels, "annotations": annotations}


def _version() -> str:
    try:
        return version("taxi-pipeline")
    except PackageNotFoundError:  # a source tree that was never installed
        return "dev"


def _label(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:63].strip("-._")


def _arguments(definitions: Mapping[str, Any]) -> Json:
    """The pipeline's parameters: strings as they are, everything else as JSON."""
    if definitions.get("artifacts"):
        names = ", ".join(sorted(definitions["artifacts"]))
        raise InputError(f"the pipeline takes artifacts as inputs ({names}); import them in the pipeline instead")
    parameters = []
    for name, spec in sorted(definitions.get("parameters", {}).items()):
        parameter: Json = {"name": name}
        kind, default = spec.get("parameterType"), spec.get("defaultValue")
        if "defaultValue" in spec:
            if kind == "NUMBER_INTEGER":
                default = plain(default)
            parameter["value"] = default if kind == "STRING" else encode(default)
        elif spec.get("isOptional"):
            parameter["value"] = ""
        if spec.get("literals"):
            parameter["enum"] = [value if kind == "STRING" else encode(value) for value in spec["literals"]]
        if spec.get("description"):
            parameter["description"] = spec["description"]
        parameters.append(parameter)
    return {"parameters": parameters} if parameters else {}


def _defaults(settings: ArgoSettings, pipeline: Mapping[str, Any]) -> Json:
    """What every workflow gets: pods that a restricted namespace admits, and nothing left behind for ever."""
    # One rule for values in text: the launcher holds the module that it imports the rule from.
    rule = files("pipeline_tools.spec").joinpath("text.py").read_text(encoding="utf-8")
    launcher = files("pipeline_tools.compiler.argo").joinpath("launcher.py").read_text(encoding="utf-8")
    launcher = launcher.replace("from pipeline_tools.spec.text import text_of\n", rule.partition('"""\n\n')[2])
    ttl = {
        "secondsAfterCompletion": int(pipeline.get("resourceTtlOnCompletion") or 7 * 24 * 3600),
        **(
            {"secondsAfterSuccess": int(pipeline["resourceTtlOnSuccess"])}
            if pipeline.get("resourceTtlOnSuccess")
            else {}
        ),
        **(
            {"secondsAfterFailure": int(pipeline["resourceTtlOnFailure"])}
            if pipeline.get("resourceTtlOnFailure")
            else {}
        ),
    }
    restricted = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    executor = [{"name": name, "securityContext": restricted} for name in ("init", "wait")]
    return {
        "serviceAccountName": settings.service_account,
        "activeDeadlineSeconds": int(pipeline.get("activeDeadlineSeconds") or 24 * 3600),
        "ttlStrategy": ttl,
        "podGC": {"strategy": "OnWorkflowSuccess", "deleteDelayDuration": "1h"},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "runAsGroup": 1000,
            "fsGroup": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "podSpecPatch": json.dumps({"initContainers": executor[:1], "containers": executor[1:]}),
        "templateDefaults": {
            "container": {
                "image": "",
                "securityContext": restricted,
                "env": [{"name": "HOME", "value": "/tmp"}, {"name": "KFP_LAUNCHER", "value": launcher}],  # noqa: S108
            }
        },
    }


def _reachable(templates: Mapping[str, Json], entrypoint: str) -> list[Json]:
    """Keep what the entrypoint leads to, the entrypoint first."""
    order: list[str] = []
    waiting = [entrypoint]
    while waiting:
        name = waiting.pop(0)
        if name not in order:
            order.append(name)
            waiting += [task["template"] for task in templates[name].get("dag", {}).get("tasks", [])]
    return [templates[name] for name in order]


def _merge(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged


__all__ = ["API_VERSION", "LARGEST", "lower", "manifest_size", "workflow_yaml"]
