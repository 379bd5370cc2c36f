"""What an Argo Workflow is, in lines that a person can review: parameters, tasks, edges, images, resources."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_OF_WORKFLOW = ("entrypoint", "serviceAccountName", "activeDeadlineSeconds", "ttlStrategy", "podGC", "securityContext")
_OF_TASK = ("when", "depends", "withParam", "withItems", "withSequence")
_OF_STEP = ("image", "resources")


def describe(manifest: Mapping[str, Any]) -> list[str]:
    """Describe a Workflow: no source text, no inputs and outputs that the tasks tell already."""
    spec = manifest["spec"]
    lines = [f"workflow {name}: {_shown(spec[name])}" for name in _OF_WORKFLOW]
    lines += [f"parameter {each['name']}: {_shown(each.get('value'))}" for each in spec["arguments"]["parameters"]]
    for template in sorted(spec["templates"], key=lambda template: template["name"]):
        lines += _describe_template(template)
    return lines


def _describe_template(template: Mapping[str, Any]) -> Iterator[str]:
    if "dag" in template:
        for task in template["dag"]["tasks"]:
            yield f"task {template['name']}/{task['name']}"
            yield f"  template: {task['template']}"
            yield from (f"  {key}: {_shown(task[key])}" for key in _OF_TASK if key in task)
            for argument in task.get("arguments", {}).get("parameters", []):
                if not argument["name"].endswith("--artifact"):  # goes with the artifact itself
                    yield f"  {argument['name']}: {_shown(argument['value'])}"
            for argument in task.get("arguments", {}).get("artifacts", []):
                yield f"  {argument['name']} from {argument['from']}"
        for output in template.get("outputs", {}).get("parameters", []):
            yield f"output {template['name']}/{output['name']}: {_shown(output['valueFrom'])}"
        return
    yield f"step {template['name']}"
    yield from (f"  {key}: {_shown(template['container'][key])}" for key in _OF_STEP if key in template["container"])
    for item in template["container"].get("env", []):
        yield f"  environment {item['name']}"
    metadata = template.get("metadata", {})
    for kind in ("annotations", "labels"):
        yield from (f"  {name}: {_shown(value)}" for name, value in sorted(metadata.get(kind, {}).items()))
    yield from (
        f"  {key}: {_shown(template[key])}" for key in ("retryStrategy", "memoize", "timeout") if key in template
    )


def _shown(value: Any) -> str:
    return value if isinstance(value, str) and value and "\n" not in value else json.dumps(value, sort_keys=True)
