"""Which tasks of a specification run a registered component, and whether their inputs can be used."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pipeline_tools.errors import InputError
from pipeline_tools.registry import Registration, registrations
from pipeline_tools.spec.placeholders import Placeholder, split
from pipeline_tools.spec.text import text_of
from pipeline_tools.spec.types import cast

if TYPE_CHECKING:
    from kfp.dsl.base_component import BaseComponent


def find_registered(spec: Mapping[str, Any]) -> dict[str, tuple[str, Registration]]:
    """Find the executors that registered components compile to.

    Args:
        spec: A KFP v2 ``PipelineSpec``.

    Returns:
        By executor label, the registered name and the registration.

    Raises:
        InputError: A registration cannot be imported.
    """
    executors = spec.get("deploymentSpec", {}).get("executors", {})
    if not executors:
        return {}
    known = {_factory_identity(each.factory): (name, each) for name, each in registrations().items()}
    found = {label: known.get(_identity(executor)) for label, executor in executors.items()}
    return {label: registered for label, registered in found.items() if registered}


def check_inputs(spec: Mapping[str, Any], arguments: Mapping[str, Any] | None = None) -> None:
    """Let registered components check the inputs of their tasks, as far as the values are known.

    Args:
        spec: A KFP v2 ``PipelineSpec``.
        arguments: Values of all parameters of the pipeline. None: they are not known yet, and only what the pipeline
            itself fixes is looked at.

    Raises:
        InputError: A step would refuse its inputs; the message names each problem once.
    """
    registered = find_registered(spec)
    problems = dict.fromkeys(_problems(spec, spec["root"], arguments or {}, registered)) if registered else {}
    if problems:
        raise InputError("\n".join(problems))


def _problems(
    spec: Mapping[str, Any],
    component: Mapping[str, Any],
    scope: Mapping[str, Any],
    registered: Mapping[str, tuple[str, Registration]],
) -> Iterator[str]:
    for task in component.get("dag", {}).get("tasks", {}).values():
        called = spec["components"][task["componentRef"]["name"]]
        values = _known_values(task, called, scope)
        if "dag" in called:
            yield from _problems(spec, called, values, registered)
        elif called["executorLabel"] in registered:
            _, registration = registered[called["executorLabel"]]
            image = spec["deploymentSpec"]["executors"][called["executorLabel"]]["container"]["image"]
            if registration.check:
                yield from registration.check(values, image)


@functools.cache  # tens of milliseconds for ten components, and a run asks three times
def _factory_identity(factory: BaseComponent) -> tuple[tuple[str, ...], tuple[str, ...]]:
    from google.protobuf.json_format import MessageToDict

    (executor,) = MessageToDict(factory.pipeline_spec)["deploymentSpec"]["executors"].values()
    return _identity(executor)


def _identity(executor: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    container = executor.get("container", {})
    return tuple(container.get("command", ())), tuple(container.get("args", ()))


def _known_values(task: Mapping[str, Any], called: Mapping[str, Any], scope: Mapping[str, Any]) -> dict[str, Any]:
    """Find the inputs of a task whose values are known: fixed ones, defaults, and parameters of the scope."""
    given = task.get("inputs", {}).get("parameters", {})
    passed_on = {
        name: scope[source["componentInputParameter"]]
        for name, source in given.items()
        if source.get("componentInputParameter") in scope and "parameterExpressionSelector" not in source
    }
    known = {}
    for name, definition in called.get("inputDefinitions", {}).get("parameters", {}).items():
        kind, source = definition.get("parameterType", ""), given.get(name)
        if source is None:
            if "defaultValue" in definition:
                known[name] = cast(definition["defaultValue"], kind)
        elif name in passed_on:
            known[name] = cast(passed_on[name], kind)
        elif "runtimeValue" in source:
            with contextlib.suppress(KeyError):  # it names a value that is not known yet
                known[name] = cast(_filled(source["runtimeValue"]["constant"], passed_on), kind)
    return known


def _filled(value: Any, known: Mapping[str, Any]) -> Any:
    """Put values in the place of placeholders; ``KeyError`` where one is not known."""
    if isinstance(value, str):
        return "".join(part if isinstance(part, str) else _value(part, known) for part in split(value))
    if isinstance(value, list):
        return [_filled(each, known) for each in value]
    if isinstance(value, Mapping):
        return {_filled(key, known): _filled(each, known) for key, each in value.items()}
    return value


def _value(part: Placeholder, known: Mapping[str, Any]) -> str:
    if (part.side, part.kind) != ("inputs", "parameters"):
        raise KeyError(part.text)
    return text_of(known[part.name])
