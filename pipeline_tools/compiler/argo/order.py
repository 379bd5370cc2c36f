"""Which task of a DAG comes after which, and which decide its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def in_order(tasks: Mapping[str, Any]) -> list[str]:
    """Order tasks so that each comes after those whose outputs it takes."""
    order: list[str] = []
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name in seen:
            return
        seen.add(name)
        given = tasks[name].get("inputs", {})
        for kind, field in (("parameters", "taskOutputParameter"), ("artifacts", "taskOutputArtifact")):
            for spec in given.get(kind, {}).values():
                if field in spec:
                    visit(spec[field]["producerTask"])
        order.append(name)

    for name in tasks:
        visit(name)
    return order


def targets(tasks: Mapping[str, Any]) -> set[str]:
    """The tasks that decide whether the DAG succeeds: those that none follows, and those followed whatever comes."""
    followed = {each for task in tasks.values() for each in task.get("dependentTasks", [])}
    tolerated = {
        each
        for task in tasks.values()
        if task.get("triggerPolicy", {}).get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED"
        for each in task.get("dependentTasks", [])
    }
    return (set(tasks) - followed) | tolerated


__all__ = ["in_order", "targets"]
