"""Which tasks decide whether a DAG succeeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_tools.spec.tasks import runs_after_failures


def targets(tasks: Mapping[str, Any]) -> set[str]:
    """The tasks that decide whether the DAG succeeds: those that none follows, and those followed whatever comes."""
    followed = {each for task in tasks.values() for each in task.get("dependentTasks", [])}
    tolerated = {
        each for task in tasks.values() if runs_after_failures(task) for each in task.get("dependentTasks", [])
    }
    return (set(tasks) - followed) | tolerated


__all__ = ["targets"]
