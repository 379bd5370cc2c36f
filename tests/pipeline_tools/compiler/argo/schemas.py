"""What Argo and Kubernetes publish about the form of their objects, applied strictly."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

SCHEMA = Path(__file__).parent / "argo-workflow.schema.json.gz"
"""Argo's JSON schema (Apache-2.0), what `Workflow` reaches; `tests/conformance` compares it."""
WORKFLOW = "io.argoproj.workflow.v1alpha1.Workflow"


def reachable(schema: dict[str, Any]) -> dict[str, Any]:
    """Keep the definitions that a workflow's definition leads to, without their descriptions."""
    kept: dict[str, Any] = {}
    waiting = [WORKFLOW]
    while waiting:
        name = waiting.pop()
        if name not in kept:
            kept[name] = _bare(schema["definitions"][name], waiting)
    return {"$ref": f"#/definitions/{WORKFLOW}", "definitions": dict(sorted(kept.items()))}


def _bare(part: Any, waiting: list[str]) -> Any:
    if isinstance(part, list):
        return [_bare(item, waiting) for item in part]
    if not isinstance(part, dict):
        return part
    if isinstance(part.get("$ref"), str):
        waiting.append(part["$ref"].rpartition("/")[2])
    return {
        key: _bare(value, waiting)
        for key, value in part.items()
        if not (key == "description" and isinstance(value, str))
    }


@cache
def validator() -> jsonschema.Draft202012Validator:
    """The schema, with what Argo leaves open closed: a field that it does not name is an error."""
    schema = json.loads(gzip.decompress(SCHEMA.read_bytes()))
    for definition in schema["definitions"].values():
        if "properties" in definition:
            definition["additionalProperties"] = False
    return jsonschema.Draft202012Validator(schema)


def problems(manifest: dict[str, Any]) -> list[str]:
    """Say what in a manifest does not fit Argo's schema."""
    return [f"{'.'.join(map(str, e.absolute_path))}: {e.message}" for e in validator().iter_errors(manifest)]


def pods(manifest: dict[str, Any]) -> dict[str, Any]:
    """Give the pod of each step, with the workflow's defaults, as Kubernetes would see it."""
    spec = manifest["spec"]
    defaults = spec["templateDefaults"]["container"]
    found = {}
    for template in spec["templates"]:
        if "container" not in template:
            continue
        container = {"name": "main", **defaults, **template["container"]}
        own = template["container"].get("securityContext", {})
        container["securityContext"] = {**defaults["securityContext"], **own}
        container["env"] = [*defaults["env"], *template["container"].get("env", [])]
        fields = ("volumes", "nodeSelector", "tolerations", "affinity")
        found[template["name"]] = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": template["name"], **template.get("metadata", {})},
            "spec": {
                "containers": [container],
                "restartPolicy": "Never",
                "securityContext": spec["securityContext"],
                "serviceAccountName": spec["serviceAccountName"],
                **({"imagePullSecrets": spec["imagePullSecrets"]} if "imagePullSecrets" in spec else {}),
                **{field: template[field] for field in fields if field in template},
            },
        }
    return found
