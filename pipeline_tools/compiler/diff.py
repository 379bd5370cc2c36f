"""Say in words what changed between two packages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_tools.spec.platform import settings_by_executor
from pipeline_tools.spec.tasks import walk
from pipeline_tools.spec.types import plain

Key = tuple[str, str, str]
"""What an entry is about: kind, subject and aspect."""


def differences(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[str]:
    """Compare two pipelines.

    Args:
        before: The documents of a package, as `pipeline_tools.compiler.package.read_documents` gives them.
        after: The documents of the other.

    Returns:
        One line for each change: tasks, edges, parameters, images, resources and other settings, code. Empty if the
        two do the same; names that nobody sees (of components and executors) and the version of the KFP SDK do not
        count.
    """
    old, new = dict(_entries(before)), dict(_entries(after))
    lines = []
    whole = {key[:2] for key in {*old} ^ {*new} if not key[2]}  # what was added or removed as a whole
    for key in sorted({*old, *new}, key=lambda key: (_ORDER[key[0]], key)):
        kind, subject, aspect = key
        if aspect and (kind, subject) in whole:
            continue
        line = _line(kind, subject, aspect, old.get(key, _NOTHING), new.get(key, _NOTHING))
        if line:
            lines.append(line)
    return lines


def describe(documents: list[dict[str, Any]]) -> list[str]:
    """Say what a pipeline is: all that `differences` compares, but for the code of its steps.

    Args:
        documents: The documents of a package, as `pipeline_tools.compiler.package.read_documents` gives them.

    Returns:
        One line for each parameter, task, edge and output, and below it, indented, one for each thing said of it.
    """
    entries = {key: value for key, value in _entries(documents) if key[2] != "code"}
    lines, header = [], ""
    for key in sorted(entries, key=lambda key: (_ORDER[key[0]], key)):
        kind, subject, aspect = key
        name = " ".join(part for part in (kind, subject) if part)
        if name != header:
            lines.append(name)
            header = name
        if aspect:
            value = entries[key]
            text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, sort_keys=True)
            lines.append(f"  {aspect}: {text}")
    return lines


_NOTHING = object()
_ORDER = {kind: at for at, kind in enumerate(("pipeline", "parameter", "task", "edge", "output"))}


def _line(kind: str, subject: str, aspect: str, old: Any, new: Any) -> str:
    if old == new:
        return ""
    name = " ".join(part for part in (kind, subject) if part)
    what = f"{name}: {aspect}" if aspect else name
    if old is _NOTHING:
        return f"{what} added" + (f" ({_shown(new)})" if aspect and aspect != "code" else "")
    if new is _NOTHING:
        return f"{what} removed" + (f" (was {_shown(old)})" if aspect and aspect != "code" else "")
    if aspect == "code":
        return f"{what} changed ({_changed_lines(old, new)} lines)"
    return f"{what} changed from {_shown(old)} to {_shown(new)}"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) and value and "\n" not in value else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _changed_lines(old: str, new: str) -> int:
    import difflib

    changes = difflib.ndiff(old.splitlines(), new.splitlines())
    return sum(change.startswith(("+ ", "- ")) for change in changes)


def _entries(documents: list[dict[str, Any]]) -> Iterator[tuple[Key, Any]]:
    spec, *platforms = documents
    kubernetes: dict[str, Any] = {}
    for document in platforms:
        kubernetes |= document.get("platforms", {}).get("kubernetes", {})
    for name, value in spec["pipelineInfo"].items():
        yield ("pipeline", "", name), value
    for name, value in kubernetes.get("pipelineConfig", {}).items():
        yield ("pipeline", "", name), value
    for name, definition in spec["root"].get("inputDefinitions", {}).get("parameters", {}).items():
        yield ("parameter", name, ""), "there"
        yield ("parameter", name, "type"), definition.get("parameterType")
        if "defaultValue" in definition:
            yield ("parameter", name, "default"), plain(definition["defaultValue"])
    settings = settings_by_executor(documents)
    yield from _output_entries(spec["root"]["dag"], "")
    for node in walk(spec):
        yield ("task", node.label, ""), "there"
        yield from _task_entries(node.task, node.label)
        for producer in node.task.get("dependentTasks", []):
            yield ("edge", f"{node.inside}{producer} -> {node.label}", ""), True
        if "dag" in node.component:
            yield from _output_entries(node.component["dag"], f"{node.label}/")
        else:
            label = node.component["executorLabel"]
            executor = spec["deploymentSpec"]["executors"][label]
            yield from _executor_entries(executor, settings.get(label, {}), node.label)


def _output_entries(dag: Mapping[str, Any], path: str) -> Iterator[tuple[Key, Any]]:
    for kind in ("parameters", "artifacts"):
        for name, source in dag.get("outputs", {}).get(kind, {}).items():
            yield ("output", f"{path}{name}", "source"), source


def _task_entries(task: Mapping[str, Any], where: str) -> Iterator[tuple[Key, Any]]:
    shown = task.get("taskInfo", {}).get("name")
    if shown and shown != where.rpartition("/")[2]:
        yield ("task", where, "display name"), shown
    for name, source in task.get("inputs", {}).get("parameters", {}).items():
        yield ("task", where, f"input {name}"), _source(source)
    for name, source in task.get("inputs", {}).get("artifacts", {}).items():
        yield ("task", where, f"input {name}"), _source(source)
    policy = task.get("triggerPolicy", {})
    if "condition" in policy:
        yield ("task", where, "condition"), policy["condition"]
    if "strategy" in policy:
        yield ("task", where, "runs after failures too"), True
    for name in ("parameterIterator", "artifactIterator", "iteratorPolicy"):
        if name in task:
            yield ("task", where, "loop" if "Iterator" in name else "loop's policy"), task[name]
    for name, value in task.get("retryPolicy", {}).items():
        yield ("task", where, f"retry {name}"), plain(value)
    yield ("task", where, "caching"), "on" if task.get("cachingOptions", {}).get("enableCache") else "off"


def _source(source: Mapping[str, Any]) -> Any:
    """Where an input comes from, as a person would say it."""
    picked = source.get("parameterExpressionSelector", "").removeprefix("parseJson(string_value)")
    if "componentInputParameter" in source:
        return f"parameter {source['componentInputParameter'].removeprefix('pipelinechannel--')}{picked}"
    if "componentInputArtifact" in source:
        return f"artifact {source['componentInputArtifact'].removeprefix('pipelinechannel--')}"
    for field, key in (("taskOutputParameter", "outputParameterKey"), ("taskOutputArtifact", "outputArtifactKey")):
        if field in source:
            return f"{source[field]['producerTask']}.{source[field][key]}{picked}"
    if "taskFinalStatus" in source:
        return f"status of {source['taskFinalStatus']['producerTask']}"
    return plain(source.get("runtimeValue", {}).get("constant"))


def _executor_entries(
    executor: Mapping[str, Any], settings: Mapping[str, Any], where: str
) -> Iterator[tuple[Key, Any]]:
    container = executor.get("container", {})
    if "image" in container:
        yield ("task", where, "image"), container["image"]
    if container:
        yield ("task", where, "code"), "\n".join([*container.get("command", []), *container.get("args", [])])
    for item in container.get("env", []):
        yield ("task", where, f"environment {item['name']}"), item.get("value", "")
    resources = container.get("resources", {})
    newer = {name for name in resources if name.startswith("resource")}
    for name, value in resources.items():
        if name == "accelerator":
            for part, given in value.items():
                if f"resource{part.capitalize()}" not in value:
                    yield ("task", where, f"accelerator {part}"), given
        elif f"resource{name[0].upper()}{name[1:]}" not in newer:
            yield ("task", where, _words(name.removeprefix("resource"))), value
    for name, value in executor.get("importer", {}).items():
        yield ("task", where, f"importer {name}"), value
    for name, value in settings.items():
        yield ("task", where, f"kubernetes {name}"), value


def _words(name: str) -> str:
    """Turn ``CpuLimit`` into ``cpu limit``."""
    return "".join(f" {character.lower()}" if character.isupper() else character for character in name).strip()


__all__ = ["describe", "differences"]
