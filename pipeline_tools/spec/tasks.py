"""The tasks of a specification: which comes after which, and a walk through all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pipeline_tools.errors import InputError

_GROUP = re.compile(r"(condition|condition-branches|exit-handler|for-loop)-\d+")
_PRODUCERS = ("taskOutputParameter", "taskOutputArtifact", "taskFinalStatus")


def is_group(task: str) -> bool:
    """Tell a group (a condition, a loop, an exit handler) from a nested pipeline, by the name the compiler gives it."""
    return _GROUP.fullmatch(task) is not None


def producers(task: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the tasks whose outputs, or whose final status, a task takes."""
    inputs = task.get("inputs", {})
    sources = [*inputs.get("parameters", {}).values(), *inputs.get("artifacts", {}).values()]
    return tuple(
        dict.fromkeys(source[kind]["producerTask"] for source in sources for kind in _PRODUCERS if kind in source)
    )


def dependencies(task: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the tasks that must have ended before a task starts."""
    return tuple(dict.fromkeys([*task.get("dependentTasks", []), *producers(task)]))


def runs_after_failures(task: Mapping[str, Any]) -> bool:
    """Tell whether a task runs even when something before it failed."""
    return bool(task.get("triggerPolicy", {}).get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED")


def topological_order(tasks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Order the tasks of a DAG so that each comes after those that it depends on.

    Args:
        tasks: Tasks by name.

    Returns:
        Their names.

    Raises:
        InputError: A task depends on one that does not exist, or tasks wait for one another.
    """
    graph = {name: dependencies(task) for name, task in tasks.items()}
    for name, before in graph.items():
        unknown = [each for each in before if each not in tasks]
        if unknown:
            raise InputError(f"task {name!r} depends on tasks that do not exist: {', '.join(unknown)}")
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise InputError(f"its tasks wait for one another: {' -> '.join(error.args[1])}") from None


@dataclass(frozen=True)
class TaskNode:
    """A task of a specification, with the tasks around it.

    Attributes:
        path: The names of the tasks around it, and its own.
        task: Its specification.
        component: The specification of its component.
    """

    path: tuple[str, ...]
    task: Mapping[str, Any]
    component: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name in its DAG."""
        return self.path[-1]

    @property
    def label(self) -> str:
        """Its name with those of the tasks around it: ``for-loop-1/train``."""
        return "/".join(self.path)

    @property
    def inside(self) -> str:
        """The names of the tasks around it, each with a slash after it."""
        return "".join(f"{name}/" for name in self.path[:-1])

    @property
    def display_name(self) -> str:
        """What its author calls it."""
        return str(self.task.get("taskInfo", {}).get("name", self.name))


def walk(spec: Mapping[str, Any]) -> Iterator[TaskNode]:
    """Give every task of a specification, each before those inside it.

    Args:
        spec: A ``PipelineSpec`` that was checked as `pipeline_tools.spec.documents` checks it.

    Yields:
        The tasks, those of nested pipelines and groups too.
    """
    yield from _walk(spec, spec["root"], ())


def _walk(spec: Mapping[str, Any], component: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[TaskNode]:
    for name, task in component.get("dag", {}).get("tasks", {}).items():
        inner = spec["components"][task["componentRef"]["name"]]
        yield TaskNode((*path, name), task, inner)
        yield from _walk(spec, inner, (*path, name))


__all__ = ["TaskNode", "dependencies", "is_group", "producers", "runs_after_failures", "topological_order", "walk"]
