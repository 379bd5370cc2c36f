"""Say what the steps of a pipeline would do, and start none of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from kfp.dsl.base_component import BaseComponent

from pipeline_tools.compiler.package import read_documents, source_name
from pipeline_tools.errors import InputError
from pipeline_tools.local.values import Outcome, Values, task_inputs
from pipeline_tools.registry import Plan, Registration
from pipeline_tools.spec.components import find_registered
from pipeline_tools.spec.graph import Dag, Position, Task, read_plan
from pipeline_tools.spec.parameters import check_arguments

_RUN_VALUES = (
    ".pipeline_job_name",
    ".pipeline_job_resource_name",
    ".pipeline_job_uuid",
    ".pipeline_job_create_time_utc",
    ".pipeline_job_schedule_time_utc",
    ".pipeline_root",
    ".workspace_path",
)


def dry_run(
    pipeline: BaseComponent | str | os.PathLike[str], arguments: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Check a pipeline's parameters, and plan what its steps would do, as far as registered components plan it.

    Nothing is written, and nothing that costs is asked for: of example_gen files are looked at and their rows counted,
    and of a BigQuery table only the columns and the size of the query are asked for.

    Args:
        pipeline: As for `run`.
        arguments: Its parameters.

    Yields:
        Name of a step and its plan: for example the queries with their parameters, and what they would read. A step
        whose input another step must bring first says so.

    Raises:
        InputError: The pipeline, a parameter or a source is wrong.
    """
    documents = read_documents(pipeline)
    scope = Values(check_arguments(documents[0], arguments))
    registered = {label: each for label, (_, each) in find_registered(documents[0]).items() if each.plan}
    yield from _Walk(registered).walk(read_plan(documents, source_name(pipeline)), scope, Position())


class _Walk:
    """A walk over the tasks of a pipeline.

    Args:
        registered: By executor label, the registrations that plan.
    """

    def __init__(self, registered: Mapping[str, Registration]) -> None:
        self._registered = registered

    def walk(self, dag: Dag, scope: Values, position: Position) -> Iterator[tuple[str, str]]:
        """Plan the tasks of a DAG.

        Args:
            dag: The DAG.
            scope: Its inputs.
            position: Where it is in the pipeline.

        Yields:
            Name of a step and its plan.
        """
        outcomes: dict[str, Outcome] = {}
        for task in dag.tasks:
            outcomes[task.name] = Outcome("succeeded")
            unknown = ["the items of a loop"] if task.iterator else _unknown(task, scope, outcomes)
            if unknown:
                for name in self._planned(task, position):
                    yield name, f"-- depends on {', '.join(unknown)}, which is known only in a run"
                continue
            inputs = task_inputs(task.spec, task.component, scope, outcomes, dict.fromkeys(_RUN_VALUES, "dry-run"))
            if task.dag:
                yield from self.walk(task.dag, inputs, position.inside(task.name))
            elif registration := self._registration(task):
                name = _name(task, position)
                plan = _plan(name, registration, inputs.parameters)
                outcomes[task.name] = Outcome("succeeded", Values(plan.outputs))
                if plan.text:
                    yield name, plan.text

    def _planned(self, task: Task, position: Position) -> Iterator[str]:
        """Name the steps with a plan that a task is, or contains."""
        if task.dag:
            for inner in task.dag.tasks:
                yield from self._planned(inner, position.inside(task.name))
        elif self._registration(task):
            yield _name(task, position)

    def _registration(self, task: Task) -> Registration | None:
        return self._registered.get(task.component.get("executorLabel", ""))


def _name(task: Task, position: Position) -> str:
    name = position.name(task.name)
    return name if task.display_name == task.name else f"{name} ({task.display_name})"


def _unknown(task: Task, scope: Values, outcomes: Mapping[str, Outcome]) -> list[str]:
    """Name the outputs of other steps that the task is given as parameters, and that are not known yet."""
    missing = []
    for source in task.spec.get("inputs", {}).get("parameters", {}).values():
        if "taskOutputParameter" in source:
            of = source["taskOutputParameter"]
            if of["outputParameterKey"] not in outcomes[of["producerTask"]].outputs.parameters:
                missing.append(f"{of['producerTask']}.{of['outputParameterKey']}")
        elif source.get("componentInputParameter", "").startswith("pipelinechannel--"):
            name = source["componentInputParameter"]
            if name not in scope.parameters:
                missing.append(name.removeprefix("pipelinechannel--"))
    return missing


def _plan(name: str, registration: Registration, parameters: Mapping[str, Any]) -> Plan:
    assert registration.plan is not None
    try:
        return registration.plan(parameters)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
