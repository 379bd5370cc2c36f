"""What flows between tasks, and how a task's inputs are found in its specification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline_tools.local.placeholders import fill_all
from pipeline_tools.runs.result import Artifact
from pipeline_tools.spec.selectors import parse_selector, select
from pipeline_tools.spec.types import cast

State = Literal["succeeded", "failed", "skipped", "condition false"]


@dataclass(frozen=True)
class Values:
    """Parameters and artifacts by name. An input may hold several artifacts, or (Collected in Collected) lists."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, tuple[Artifact, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes:
        state: ``skipped``: something that it depends on failed. ``condition false``: it did not run; what comes after
            it goes on, as in a cluster.
        outputs: What it returned.
        errors: Messages of what failed in it.
        kept: Whether all of it is the result of an earlier session of the same run, and nothing of it ran now.
    """

    state: State
    outputs: Values = field(default_factory=Values)
    errors: tuple[str, ...] = ()
    kept: bool = False

    @property
    def bad(self) -> bool:
        """Whether it, or something that it depends on, failed."""
        return self.state in ("failed", "skipped")


def task_inputs(
    task: Mapping[str, Any],
    component: Mapping[str, Any],
    scope: Values,
    outcomes: Mapping[str, Outcome],
    run_values: Mapping[str, str],
) -> Values:
    """Find the values of a task's inputs.

    Args:
        task: The task's specification.
        component: The specification of its component, for types and defaults.
        scope: The inputs of the DAG around the task.
        outcomes: How the tasks that it depends on ended.
        run_values: Values of the placeholders that do not depend on the task's inputs.

    Returns:
        What has a value. An input that has none is left out: a step that requires it says so when it is started.

    Raises:
        InputError: A placeholder cannot be filled.
    """
    given = task.get("inputs", {})
    definitions = component.get("inputDefinitions", {})
    parameters: dict[str, Any] = {}
    constants = []
    for name, source in given.get("parameters", {}).items():
        found, value = _parameter(source, scope, outcomes)
        if found:
            parameters[name] = value
        if "runtimeValue" in source:
            constants.append(name)

    # Constants may hold placeholders for their neighbours; values that come from elsewhere are never looked into.
    executor_input = {"inputs": {"parameterValues": dict(parameters)}, "outputs": {}}
    for name in constants:
        parameters[name] = fill_all(parameters[name], executor_input, run_values)
    for name, definition in definitions.get("parameters", {}).items():
        if parameters.get(name) is None and "defaultValue" in definition:
            parameters[name] = definition["defaultValue"]
        if name in parameters:
            parameters[name] = cast(parameters[name], definition.get("parameterType", ""))

    artifacts: dict[str, tuple[Artifact, ...]] = {}
    for name, source in given.get("artifacts", {}).items():
        if "componentInputArtifact" in source:
            chosen = scope.artifacts.get(source["componentInputArtifact"])
        else:
            of = source["taskOutputArtifact"]
            chosen = outcomes[of["producerTask"]].outputs.artifacts.get(of["outputArtifactKey"])
        if chosen is not None:
            artifacts[name] = chosen
    return Values(parameters, artifacts)


def dag_outputs(dag: Mapping[str, Any], outcomes: Mapping[str, Outcome]) -> Values:
    """Gather what a DAG hands to the one around it.

    Args:
        dag: The ``dag`` of a component.
        outcomes: How its tasks ended.

    Returns:
        The outputs that have a value; of the alternatives of ``dsl.OneOf``, the one that ran.
    """
    definition = dag.get("outputs", {})
    parameters: dict[str, Any] = {}
    for name, source in definition.get("parameters", {}).items():
        choices = source.get("valueFromOneof", {}).get("parameterSelectors") or [source["valueFromParameter"]]
        for choice in choices:
            returned = outcomes[choice["producerSubtask"]].outputs.parameters
            if choice["outputParameterKey"] in returned:
                parameters[name] = returned[choice["outputParameterKey"]]
    artifacts: dict[str, tuple[Artifact, ...]] = {}
    for name, source in definition.get("artifacts", {}).items():
        for choice in source["artifactSelectors"]:
            made = outcomes[choice["producerSubtask"]].outputs.artifacts
            if choice["outputArtifactKey"] in made:
                artifacts[name] = made[choice["outputArtifactKey"]]
    return Values(parameters, artifacts)


def collected(dag: Mapping[str, Any], iterations: list[Values]) -> Values:
    """Gather the outputs of a loop's iterations into lists, in the order of the items (``dsl.Collected``)."""
    definition = dag.get("outputs", {})
    parameters: dict[str, list[Any]] = {name: [] for name in definition.get("parameters", {})}
    artifacts: dict[str, tuple[Artifact, ...]] = dict.fromkeys(definition.get("artifacts", {}), ())
    for outputs in iterations:
        for name, value in outputs.parameters.items():
            parameters[name].append(value)
        for name, made in outputs.artifacts.items():
            artifacts[name] += made
    return Values(parameters, artifacts)


def _parameter(source: Mapping[str, Any], scope: Values, outcomes: Mapping[str, Outcome]) -> tuple[bool, Any]:
    """Find one parameter: whether there is a value, and the value."""
    if "runtimeValue" in source:
        return True, source["runtimeValue"]["constant"]
    if "taskFinalStatus" in source:
        return True, _final_status(source["taskFinalStatus"]["producerTask"], outcomes)
    if "taskOutputParameter" in source:
        of = source["taskOutputParameter"]
        values, name = outcomes[of["producerTask"]].outputs.parameters, of["outputParameterKey"]
    else:
        values, name = scope.parameters, source["componentInputParameter"]
    if name not in values:
        return False, None
    selector = source.get("parameterExpressionSelector")
    return True, select(values[name], parse_selector(selector)) if selector else values[name]


def _final_status(task: str, outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """Describe how a task ended, in the layout of KFP's ``PipelineTaskFinalStatus``."""
    outcome = outcomes[task]
    error = {"code": 1, "message": "; ".join(outcome.errors) or f"{task} failed"} if outcome.bad else {}
    return {
        "state": "FAILED" if outcome.bad else "SUCCEEDED",
        "pipelineJobResourceName": "",
        "pipelineTaskName": task,
        "error": error,
    }
