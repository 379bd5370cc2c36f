"""Let every reference of a specification lead somewhere, or say which one does not.

KFP's compiler writes references that lead nowhere: a task in an inner loop asks for the item of an outer one, which
the inner loop's component does not declare; a text with a field of a loop's item asks the outside of the loop for it.
Where what is meant is certain the specification is repaired; anything else is refused, before a run and before it is
lowered to Argo. Nothing ever becomes null for want of a reference.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_tools.errors import InputError
from pipeline_tools.spec.placeholders import find, structure, texts
from pipeline_tools.spec.selectors import write_selector
from pipeline_tools.spec.tasks import topological_order

_FIELD = "-subvar-"
"""What KFP's compiler puts between the name of a loop's item and the field of it that is meant."""
_LEFT_OVER = re.compile(r"\{\{channel:task=[^;}]*;name=[^;}]*;type=[^}]*\}\}")
"""A reference that KFP's compiler left in a text as it writes them for itself."""
_KINDS = (("parameters", "componentInputParameter"), ("artifacts", "componentInputArtifact"))
_ITERATORS = ("parameterIterator", "artifactIterator")


def resolve_references(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Repair what references KFP's compiler gets wrong, and check that all lead somewhere.

    Args:
        spec: A ``PipelineSpec``, checked as `pipeline_tools.spec.documents` checks it.

    Returns:
        A copy in which every input, selector of outputs and placeholder refers to what is declared.

    Raises:
        InputError: A reference leads nowhere; the message names each such task and what it refers to.
    """
    repaired = copy.deepcopy(dict(spec))
    components = repaired.get("components", {})
    _hand_down(components, repaired["root"], {kind: {} for kind, _ in _KINDS}, None)
    _drop_unused(components, repaired["root"])
    problems = dict.fromkeys(_Check(repaired).component(repaired["root"], ""))
    if problems:
        listed = "\n".join(f"  {each}" for each in problems)
        raise InputError(
            f"the specification of {spec['pipelineInfo']['name']!r} refers to what is not there:\n{listed}"
        )
    return repaired


def _item(task: Mapping[str, Any]) -> str | None:
    """Name the input of a loop's component that is its item."""
    found = [task[iterator].get("itemInput") for iterator in _ITERATORS if iterator in task]
    return found[0] if found else None


def _inner(components: Mapping[str, Any], task: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = components[task["componentRef"]["name"]]
    return found


def _hand_down(
    components: Mapping[str, Any],
    component: dict[str, Any],
    outside: Mapping[str, Mapping[str, Any]],
    item: str | None,
) -> dict[str, set[str]]:
    """Declare what tasks refer to and only a component further out has; read fields of the loop's item from the item.

    Args:
        components: All components.
        component: The one to repair, in place.
        outside: By kind, the definitions that the components around it have.
        item: The loop's item, where it is the body of a loop.

    Returns:
        By kind, what it needs from outside and now declares.
    """
    definitions = component.setdefault("inputDefinitions", {})
    needed: dict[str, set[str]] = {}
    tasks = component["dag"].get("tasks", {}).values()
    declared = {kind: definitions.setdefault(kind, {}) for kind, _ in _KINDS}
    visible = {kind: {**outside[kind], **declared[kind]} for kind, _ in _KINDS}
    for task in tasks:
        inner = _inner(components, task)
        if "dag" not in inner:
            continue
        asked = _hand_down(components, inner, visible, _item(task))
        for kind, field in _KINDS:
            for name in asked[kind]:
                task.setdefault("inputs", {}).setdefault(kind, {})[name] = {field: name}
    for kind, field in _KINDS:
        sources = [source for task in tasks for source in task.get("inputs", {}).get(kind, {}).values()]
        for source in sources:
            name = source.get(field, "")
            if kind == "parameters" and item is not None and name.startswith(item + _FIELD):
                source[field] = item
                source["parameterExpressionSelector"] = write_selector([name.removeprefix(item + _FIELD)])
        names = {source[field] for source in sources if field in source}
        needed[kind] = {name for name in names if name not in declared[kind] and name in outside[kind]}
        declared[kind].update({name: outside[kind][name] for name in sorted(needed[kind])})
    return needed


def _drop_unused(components: Mapping[str, Any], component: dict[str, Any]) -> None:
    """Leave out what a task hands to a component, where the scope does not have it and nothing inside uses it."""
    declared = component.get("inputDefinitions", {})
    for task in component["dag"].get("tasks", {}).values():
        inner = _inner(components, task)
        if "dag" not in inner:
            continue
        for kind, field in _KINDS:
            given = task.get("inputs", {}).get(kind, {})
            for name, source in list(given.items()):
                dangling = field in source and source[field] not in declared.get(kind, {})
                if dangling and name not in _asked_by(task) and not _uses(components, inner, kind, field, name):
                    del given[name]
                    inner.get("inputDefinitions", {}).get(kind, {}).pop(name, None)
        _drop_unused(components, inner)


def _uses(components: Mapping[str, Any], component: Mapping[str, Any], kind: str, field: str, name: str) -> bool:
    """Tell whether a step, a condition or a loop in a component uses an input of it."""
    for task in component["dag"].get("tasks", {}).values():
        inner = _inner(components, task)
        for given, source in task.get("inputs", {}).get(kind, {}).items():
            if source.get(field) != name:
                continue
            if "dag" not in inner or given in _asked_by(task) or _uses(components, inner, kind, field, given):
                return True
    return False


def _asked_by(task: Mapping[str, Any]) -> set[str]:
    """Name the inputs of a task that it loops over, or that its condition asks for."""
    items = [task[iterator].get("items", {}) for iterator in _ITERATORS if iterator in task]
    names = {name for each in items for name in (each.get("inputParameter"), each.get("inputArtifact")) if name}
    condition = task.get("triggerPolicy", {}).get("condition", "")
    return names | {name for name in task.get("inputs", {}).get("parameters", {}) if f"'{name}'" in condition}


class _Check:
    """Checks the references of a specification."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._components: Mapping[str, Any] = spec.get("components", {})
        self._executors: Mapping[str, Any] = spec.get("deploymentSpec", {}).get("executors", {})

    def component(self, component: Mapping[str, Any], path: str) -> Iterator[str]:
        """Give the problems of a component made of tasks, and of those in it.

        Args:
            component: The component.
            path: The tasks that lead to it, each with a slash after it.

        Yields:
            Messages that name task and reference.
        """
        tasks = component["dag"].get("tasks", {})
        try:
            topological_order(tasks)
        except InputError as error:
            yield f"{path or 'root'}: {error}"
            return
        for name, task in tasks.items():
            label = f"task {path + name!r}"
            for problem in self._task(task, component, tasks):
                yield f"{label}: {problem}"
            inner = _inner(self._components, task)
            if "dag" in inner:
                yield from self.component(inner, f"{path}{name}/")
        for name, selector in _selectors(component["dag"].get("outputs", {})):
            for problem in self._output(selector, tasks):
                yield f"output {path + name!r}: {problem}"

    def _task(
        self, task: Mapping[str, Any], scope: Mapping[str, Any], tasks: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[str]:
        given = task.get("inputs", {})
        for kind, field in _KINDS:
            declared = scope.get("inputDefinitions", {}).get(kind, {})
            produced = "taskOutputParameter" if kind == "parameters" else "taskOutputArtifact"
            for name, source in given.get(kind, {}).items():
                if field in source and source[field] not in declared:
                    yield f"input {name!r} refers to {source[field]!r}, which no pipeline or loop around it has"
                elif produced in source:
                    for problem in self._output(source[produced], tasks):
                        yield f"input {name!r}: {problem}"
                constant = source.get("runtimeValue", {}).get("constant")
                for problem in _constant(constant, given.get("parameters", {})):
                    yield f"input {name!r}: {problem}"
        component = _inner(self._components, task)
        item = _item(task)
        yield from _missing(task, component, item)
        for iterator in _ITERATORS:
            items = task.get(iterator, {}).get("items", {})
            for kind, name in (("parameters", items.get("inputParameter")), ("artifacts", items.get("inputArtifact"))):
                if name and name not in given.get(kind, {}):
                    yield f"the loop goes over {name!r}, which is not an input of the task"
        if "executorLabel" in component:
            yield from _command(self._executors[component["executorLabel"]], component, given)

    def _output(self, selector: Mapping[str, Any], tasks: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
        task = selector.get("producerTask") or selector.get("producerSubtask") or ""
        if task not in tasks:
            yield f"refers to the task {task!r}, which does not exist"
            return
        outputs = _inner(self._components, tasks[task]).get("outputDefinitions", {})
        for kind, field in (("parameters", "outputParameterKey"), ("artifacts", "outputArtifactKey")):
            if field in selector and selector[field] not in outputs.get(kind, {}):
                yield f"refers to the output {selector[field]!r} of the task {task!r}, which has none of this name"


def _selectors(outputs: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the selectors of a DAG's outputs, with the names of these outputs."""
    for name, source in outputs.get("parameters", {}).items():
        chosen = source.get("valueFromOneof", {}).get("parameterSelectors") or [source.get("valueFromParameter", {})]
        for selector in chosen:
            yield name, selector
    for name, source in outputs.get("artifacts", {}).items():
        for selector in source.get("artifactSelectors", []):
            yield name, selector


def _constant(value: Any, neighbours: Mapping[str, Any]) -> Iterator[str]:
    """Give the problems of a constant, whose placeholders name the other inputs of its task."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    for part in find(text):
        if part.side == "inputs" and part.kind == "parameters" and part.name not in neighbours:
            yield f"{part.text} refers to an input that the task does not have"
    for left in _LEFT_OVER.findall(text):
        yield (
            f"KFP's compiler left {left} in its text, which nothing fills: put the value into a variable of a step, or "
            "name the field of the loop's item that is meant"
        )


def _missing(task: Mapping[str, Any], component: Mapping[str, Any], item: str | None) -> Iterator[str]:
    """Name the parameters that a component must be given, and that the task does not give."""
    given = task.get("inputs", {}).get("parameters", {})
    for name, definition in component.get("inputDefinitions", {}).get("parameters", {}).items():
        required = not definition.get("isOptional") and "defaultValue" not in definition
        filled_by_backend = definition.get("parameterType") in ("TASK_FINAL_STATUS", "TASK_CONFIG")
        if required and not filled_by_backend and name not in given and name != item:
            yield f"its component needs the input {name!r}, which it is not given"


def _command(executor: Mapping[str, Any], component: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[str]:
    """Give the problems of a container's command, whose placeholders name its component's inputs and outputs."""
    container = executor.get("container", {})
    for element in (*container.get("command", []), *container.get("args", [])):
        for text in texts(structure(element)):
            for part in find(text):
                declared = component.get("inputDefinitions" if part.side == "inputs" else "outputDefinitions", {})
                also = given.get(part.kind, {}) if part.side == "inputs" else {}
                if part.side and part.name not in declared.get(part.kind, {}) and part.name not in also:
                    yield f"{part.text} refers to an {part.side[:-1]} that its component does not have"


__all__ = ["resolve_references"]
