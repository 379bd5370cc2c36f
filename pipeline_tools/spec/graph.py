"""Read a pipeline's graph: its steps in the order in which they can run, and whether this machine can run them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline_tools.errors import InputError
from pipeline_tools.spec.conditions import Condition, parse_condition
from pipeline_tools.spec.executors import Executor, Function, read_executor
from pipeline_tools.spec.platform import check_settings, settings_by_executor, time_limit
from pipeline_tools.spec.references import resolve_references
from pipeline_tools.spec.tasks import dependencies, is_group, runs_after_failures, topological_order


@dataclass(frozen=True)
class Position:
    """Where a task is in the pipeline: what comes before and after its name in the name of its steps.

    Attributes:
        prefix: The nested pipelines around it, for example ``inner/``.
        suffix: The iterations of the loops around it, for example ``/0``.
    """

    prefix: str = ""
    suffix: str = ""

    def name(self, task: str) -> str:
        """Name a step: groups (conditions, exit handlers) leave no trace, names are unique without them."""
        return f"{self.prefix}{task}{self.suffix}"

    def iteration(self, index: int) -> Position:
        """Give the position of an iteration of a loop."""
        return replace(self, suffix=f"{self.suffix}/{index}")

    def inside(self, task: str) -> Position:
        """Give the position of the tasks inside a task: a group of this pipeline, or a pipeline of its own."""
        return self if is_group(task) else Position(self.name(task) + "/")


@dataclass(frozen=True)
class Task:
    """One task of a DAG.

    Attributes:
        name: Its name in the DAG.
        spec: Its specification.
        component: The specification of its component.
        dag: The component's tasks, when it is a group or a nested pipeline.
        executor: What it executes, when it is a step.
        environment: Environment variables of the step.
        time_limit: Seconds that an attempt may take.
        condition: When it runs.
    """

    name: str
    spec: Mapping[str, Any]
    component: Mapping[str, Any]
    dag: Dag | None
    executor: Executor | None
    environment: Mapping[str, str]
    time_limit: float | None
    condition: Condition | None

    @property
    def display_name(self) -> str:
        """What its author calls it."""
        return str(self.spec.get("taskInfo", {}).get("name", self.name))

    @property
    def after(self) -> tuple[str, ...]:
        """Names of the tasks that must have ended before this one starts."""
        return dependencies(self.spec)

    @property
    def iterator(self) -> Mapping[str, Any] | None:
        """The items that it is repeated for."""
        found: Mapping[str, Any] | None = self.spec.get("parameterIterator") or self.spec.get("artifactIterator")
        return found

    @property
    def runs_anyway(self) -> bool:
        """Whether it runs even when something before it failed."""
        return runs_after_failures(self.spec)


@dataclass(frozen=True)
class Dag:
    """Tasks in an order in which they can run.

    Attributes:
        spec: The ``dag`` of the component.
        tasks: The tasks.
    """

    spec: Mapping[str, Any]
    tasks: tuple[Task, ...]

    def steps(self, position: Position) -> Iterator[tuple[str, str]]:
        """Give name and display name of the steps that are known before anything runs: what a loop repeats is not."""
        for task in self.tasks:
            if task.iterator:
                continue
            if task.dag:
                yield from task.dag.steps(position.inside(task.name))
            else:
                yield position.name(task.name), task.display_name

    def imports(self, known: Mapping[str, Any]) -> list[str]:
        """Find the modules that Python steps import which are sure to run, in the order in which steps can run.

        Args:
            known: The DAG's parameters that are known before the run. A condition that needs others is open, and what
                depends on it is left out.

        Returns:
            Their dotted names.
        """
        found: list[str] = []
        for task in self.tasks:
            passed = _passed_on(task.spec, known)
            if task.condition and not _is_true(task.condition, passed):
                continue
            if task.dag:
                found += task.dag.imports(passed)
            elif isinstance(task.executor, Function):
                found += task.executor.imports
        return list(dict.fromkeys(found))


def _passed_on(task: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Find which parameters of a task are known before the run."""
    sources = task.get("inputs", {}).get("parameters", {}).items()
    passed = {name: source.get("componentInputParameter") for name, source in sources}
    return {name: known[source] for name, source in passed.items() if source in known}


def _is_true(condition: Condition, known: Mapping[str, Any]) -> bool:
    try:
        return condition.value(known)
    except InputError:  # it waits for a step
        return False


def read_plan(documents: Sequence[Mapping[str, Any]], where: str = "") -> Dag:
    """Read the graph of a pipeline.

    Args:
        documents: A KFP v2 ``PipelineSpec``, and what goes with it.
        where: Names the file or the pipeline in errors.

    Returns:
        The DAG of the pipeline itself, with those of its groups and nested pipelines in it.

    Raises:
        InputError: A reference leads nowhere, or something cannot run on this machine. The message names each such
            task and what it uses.
    """
    spec = resolve_references(documents[0])
    settings = settings_by_executor(documents)
    problems: list[str] = []
    executors = spec.get("deploymentSpec", {}).get("executors", {})

    def task(name: str, where: str, of: Mapping[str, Any]) -> Task:
        label = f"{where}{name}"
        component = spec.get("components", {}).get(of["componentRef"]["name"], {})
        dag: Dag | None = None
        executor: Executor | None = None
        condition: Condition | None = None
        environment: dict[str, str] = {}
        limit: float | None = None
        try:
            if of.get("triggerPolicy", {}).get("condition"):
                condition = parse_condition(of["triggerPolicy"]["condition"])
            if "dag" in component:
                dag = read(component["dag"], f"{label}/")
            else:
                _check_outputs(component)
                label_of_executor = component["executorLabel"]
                container = executors[label_of_executor]
                executor = read_executor(container)
                check_settings(settings.get(label_of_executor, {}))
                limit = time_limit(settings.get(label_of_executor, {}))
                variables = container.get("container", {}).get("env", [])
                environment = {variable["name"]: str(variable.get("value", "")) for variable in variables}
        except InputError as error:
            problems.append(f"task {label!r}: {error}")
        return Task(name, of, component, dag, executor, environment, limit, condition)

    def read(dag: Mapping[str, Any], where: str) -> Dag:
        tasks = dag.get("tasks", {})
        order = topological_order(tasks)
        return Dag(dag, tuple(task(name, where, tasks[name]) for name in order))

    root = read(spec["root"].get("dag", {}), "")
    if problems:
        shown = "\n".join(f"  {each}" for each in problems)
        raise InputError(f"{where or 'this pipeline'} cannot run on this machine:\n{shown}")
    return root


def _check_outputs(component: Mapping[str, Any]) -> None:
    for name, output in component.get("outputDefinitions", {}).get("artifacts", {}).items():
        if output.get("isArtifactList"):
            raise InputError(f"its output {name!r} is a list of artifacts, which no component can make on this machine")
