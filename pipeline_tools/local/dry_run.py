"""Say what the reading steps of a pipeline would read, and start none of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from kfp.dsl.base_component import BaseComponent

from pipeline_tools.compiler import read_documents
from pipeline_tools.errors import InputError
from pipeline_tools.local.values import Outcome, Values, task_inputs
from pipeline_tools.spec.executors import Function
from pipeline_tools.spec.graph import Dag, Place, Task, read_plan
from pipeline_tools.spec.parameters import check_arguments

_READS = "components.example_generation.read"
_WINDOWS = "components.window_planning.plan"
_FACTS = (
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
    """Check a pipeline's parameters, and plan what its steps would read.

    Files are looked at and their rows counted. Of a BigQuery table only the columns and the size of the query are asked
    for, which costs nothing. Nothing is written.

    Args:
        pipeline: As `run` takes it.
        arguments: Its parameters.

    Yields:
        Name of a step and its plan: the queries with their parameters, what they would read, and how it is known that
        train and eval rows are disjoint. A step whose input another step must bring first says so.

    Raises:
        InputError: The pipeline, a parameter or a source is wrong.
    """
    documents = read_documents(pipeline)
    scope = Values(check_arguments(documents[0], arguments))
    yield from _walk(read_plan(documents), scope, Place())


def _walk(dag: Dag, scope: Values, place: Place) -> Iterator[tuple[str, str]]:
    outcomes: dict[str, Outcome] = {}
    for task in dag.tasks:
        outcomes[task.name] = Outcome("succeeded")
        unknown = ["the items of a loop"] if task.iterator else _unknown(task, scope, outcomes)
        if unknown:
            for name in _reads(task, place):
                yield name, f"-- depends on {', '.join(unknown)}, which is known only in a run"
            continue
        inputs = task_inputs(task.spec, task.component, scope, outcomes, dict.fromkeys(_FACTS, "dry-run"))
        if task.dag:
            yield from _walk(task.dag, inputs, place.inside(task.name))
        elif _executes(task, _READS):
            name = _name(task, place)
            yield name, _in_step(name, _plan, inputs.parameters)
        elif _executes(task, _WINDOWS):
            name = _name(task, place)
            planned = _in_step(name, _windows, inputs.parameters)
            outputs = {output: getattr(planned, output) for output in ("eval_ts1", "eval_ts2", "disjoint")}
            outcomes[task.name] = Outcome("succeeded", Values(outputs))
            if planned.queries:
                yield name, "\n\n".join(map(str, planned.queries))


def _executes(task: Task, module: str) -> bool:
    return isinstance(task.executor, Function) and module in task.executor.imports


def _name(task: Task, place: Place) -> str:
    name = place.name(task.name)
    return name if task.display_name == task.name else f"{name} ({task.display_name})"


def _reads(task: Task, place: Place) -> Iterator[str]:
    """Name the reading steps that a task is, or holds."""
    if _executes(task, _READS):
        yield _name(task, place)
    elif task.dag:
        for inner in task.dag.tasks:
            yield from _reads(inner, place.inside(task.name))


def _unknown(task: Task, scope: Values, outcomes: Mapping[str, Outcome]) -> list[str]:
    """Name the outputs of other steps that the task takes as parameters, and that nobody can know yet."""
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


def _in_step(name: str, work: Any, parameters: Mapping[str, Any]) -> Any:
    try:
        return work(parameters)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def _plan(parameters: Mapping[str, Any]) -> str:
    from components.example_generation.plan import plan_read

    return str(plan_read(_read_parameters(parameters)))


def _windows(parameters: Mapping[str, Any]) -> Any:
    from components.window_planning.plan import plan_windows

    windows = [(parameters[f"ts1_{number}"], parameters[f"ts2_{number}"]) for number in (1, 2)]
    return plan_windows(_read_parameters(parameters), windows, dry_run=True)


def _read_parameters(parameters: Mapping[str, Any]) -> Any:
    from components.example_generation.request import ReadParameters

    names = {field.name for field in fields(ReadParameters)}
    return ReadParameters(**{name: value for name, value in parameters.items() if name in names})
