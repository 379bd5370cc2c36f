"""Where the inputs of a task come from, as values and artifacts that Argo can hand over."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline_tools.compiler.argo.expressions import (
    Value,
    encode,
    encoded,
    input_parameter,
    joined,
    literal,
    quote,
    succeeded,
    workflow_parameter,
)
from pipeline_tools.compiler.argo.names import described
from pipeline_tools.compiler.argo.pods import Json, check_fields
from pipeline_tools.errors import InputError
from pipeline_tools.spec.placeholders import Placeholder, has_placeholder, split
from pipeline_tools.spec.selectors import parse_selector
from pipeline_tools.spec.tasks import producers, runs_after_failures
from pipeline_tools.spec.types import cast, plain


@dataclass(frozen=True)
class Artifacts:
    """One artifact, or a list of them.

    Attributes:
        origins: The ``from`` of an argument, one for each artifact.
        description: The parameter that describes it; for a list, a list of descriptions.
        is_list: Whether it is a list, maybe of one.
    """

    origins: tuple[str, ...]
    description: Value
    is_list: bool = False


@dataclass(frozen=True)
class Scope:
    """The inputs of the template around a task.

    Attributes:
        definitions: The component's ``inputDefinitions``.
        root: Whether it is the whole pipeline, whose parameters are the workflow's.
        lists: For each input that is a list of artifacts, how many there are.
    """

    definitions: Mapping[str, Any]
    root: bool
    lists: Mapping[str, int]

    def may_be_null(self, name: str) -> bool:
        """Tell whether a parameter of the surrounding template can arrive without a value."""
        spec = self.definitions["parameters"][name]
        return "defaultValue" not in spec and (not self.root or bool(spec.get("isOptional")))

    def parameter(self, name: str) -> Value:
        """Give the value of a parameter of the surrounding template."""
        spec = self.definitions["parameters"][name]
        if not self.root:
            return Value(input_parameter(name))
        given = workflow_parameter(name)
        absent = spec.get("isOptional") and "defaultValue" not in spec
        if spec.get("parameterType") == "STRING":
            value = encoded(given)
        elif spec.get("parameterType") == "BOOLEAN":
            value = encoded(f"fromJSON(lower({given}))")
        else:
            value = encoded(f"fromJSON({given})")
        return Value(f'({given} == "" ? "null" : {value})' if absent else value)

    def artifacts(self, name: str) -> Artifacts:
        """Give the artifacts of an input of the surrounding template."""
        count = self.lists.get(name)
        names = [name] if count is None else [f"{name}--{at}" for at in range(count)]
        origins = tuple(f"{{{{inputs.artifacts.{each}}}}}" for each in names)
        return Artifacts(origins, Value(input_parameter(described(name))), count is not None)


class TaskInputs:
    """The inputs of one task."""

    def __init__(
        self,
        task: Mapping[str, Any],
        component: Mapping[str, Any],
        scope: Scope,
        produced: Callable[[str, str], Value],
        made: Callable[[str, str], Artifacts],
        where: str,
    ) -> None:
        """Read the inputs of a task.

        Args:
            task: The task of the specification.
            component: Its component.
            scope: The inputs of the template around it.
            produced: Gives an output parameter of another task.
            made: Gives an output artifact of another task.
            where: Names the task in errors.

        Raises:
            InputError: An input has no form that Argo can hand over.
        """
        self._scope, self._produced, self._made, self._where = scope, produced, made, where
        self._name = str(task.get("taskInfo", {}).get("name", ""))
        self._given: Json = task.get("inputs", {})
        check_fields(self._given, "parameters", "artifacts", where=f"{where}: inputs")
        self._types = component.get("inputDefinitions", {}).get("parameters", {})
        parameters = self._given.get("parameters", {})
        self._tolerant = runs_after_failures(task)
        self.parameters = {name: self._or_default(name, parameters[name]) for name in sorted(parameters)}
        artifacts = self._given.get("artifacts", {})
        self.artifacts = {name: self._artifacts(name, artifacts[name]) for name in sorted(artifacts)}

    @property
    def producers(self) -> set[str]:
        """The tasks whose outputs this one takes."""
        return set(producers({"inputs": self._given}))

    def provided(self, name: str) -> bool | str:
        """Tell whether an input has a value: null counts as none, as in KFP's backend.

        Returns:
            Yes or no where it is known, else the expression for it, of the template's own input.
        """
        if name in self.artifacts or "defaultValue" in self._types.get(name, {}):
            return True
        value = self.parameters.get(name)
        if value is None or value.constant is not None:
            return value is not None and value.constant != encode(None)
        if not self._types.get(name, {}).get("isOptional"):
            return True
        return f"{input_parameter(name)} != {quote(encode(None))}"

    def _or_default(self, name: str, spec: Mapping[str, Any]) -> Value:
        """Give a parameter, or the default of the component where null arrives."""
        value, definition = self._parameter(name, spec), self._types.get(name, {})
        if "defaultValue" not in definition or not self._may_be_null(spec):
            return value
        return value.unless_null(Value.of(cast(definition["defaultValue"], definition.get("parameterType", ""))))

    def _may_be_null(self, spec: Mapping[str, Any]) -> bool:
        if "runtimeValue" in spec:
            return spec["runtimeValue"].get("constant") is None
        outer = spec.get("componentInputParameter")
        return outer is None or "parameterExpressionSelector" in spec or self._scope.may_be_null(outer)

    def _parameter(self, name: str, spec: Mapping[str, Any]) -> Value:
        where = f"{self._where}: input {name!r}"
        fields = ("componentInputParameter", "taskOutputParameter", "runtimeValue", "taskFinalStatus")
        check_fields(spec, *fields, "parameterExpressionSelector", where=where)
        if "componentInputParameter" in spec:
            value = self._scope.parameter(spec["componentInputParameter"])
        elif "taskOutputParameter" in spec:
            source = spec["taskOutputParameter"]
            value = self._produced(source["producerTask"], source["outputParameterKey"])
            if self._tolerant:
                value = value.if_succeeded(source["producerTask"])
        elif "taskFinalStatus" in spec:
            value = _final_status(spec["taskFinalStatus"]["producerTask"])
        else:
            check_fields(spec.get("runtimeValue", {}), "constant", where=where)
            value = self._constant(name, spec.get("runtimeValue", {}).get("constant"))
        selector = spec.get("parameterExpressionSelector")
        if not selector:
            return value
        keys = "".join(f"[{quote(key)}]" for key in parse_selector(selector))
        return Value(encoded(value.decoded + keys))

    def _constant(self, name: str, constant: Any) -> Value:
        if self._types.get(name, {}).get("parameterType") == "NUMBER_INTEGER":
            constant = plain(constant)
        if not has_placeholder(json.dumps(constant)):
            return Value.of(constant)
        return Value(encoded(literal(constant, self._text)))

    def _text(self, text: str) -> str:
        """The expression of a text of which parts are known only when the pipeline runs."""
        return joined([quote(part) if isinstance(part, str) else self._placeholder(part) for part in split(text)])

    def _placeholder(self, part: Placeholder) -> str:
        if part.side == "inputs" and part.kind == "parameters":
            spec = self._given.get("parameters", {}).get(part.name)
            if spec is not None:
                return self._parameter(part.name, spec).text
        run_values = {
            ".pipeline_job_name": "workflow.name",
            ".pipeline_job_resource_name": "workflow.name",
            ".pipeline_job_uuid": "workflow.uid",
            ".pipeline_job_create_time_utc": 'workflow["creationTimestamp.RFC3339"]',
            ".pipeline_task_name": quote(self._name),
            ".pipeline_task_uuid": f"workflow.uid + {quote('-' + self._name)}",
        }
        if part.path in run_values:
            return run_values[part.path]
        raise InputError(f"{self._where}: the placeholder {part.text} cannot be expressed in an argument")

    def _artifacts(self, name: str, spec: Mapping[str, Any]) -> Artifacts:
        check_fields(spec, "componentInputArtifact", "taskOutputArtifact", where=f"{self._where}: input {name!r}")
        if "componentInputArtifact" in spec:
            return self._scope.artifacts(spec["componentInputArtifact"])
        source = spec["taskOutputArtifact"]
        made = self._made(source["producerTask"], source["outputArtifactKey"])
        if self._tolerant:
            made = replace(made, description=made.description.if_succeeded(source["producerTask"]))
        return made

    def arguments(self) -> Json:
        """Write the arguments of the task."""
        parameters = {name: value.argument for name, value in self.parameters.items()}
        parameters.update({described(name): item.description.argument for name, item in self.artifacts.items()})
        files = [
            {"name": f"{name}--{at}" if item.is_list else name, "from": origin, "optional": True}
            for name, item in self.artifacts.items()
            for at, origin in enumerate(item.origins)
        ]
        listed = [{"name": name, "value": parameters[name]} for name in sorted(parameters)]
        return {**({"parameters": listed} if listed else {}), **({"artifacts": files} if files else {})}


def _final_status(task: str) -> Value:
    fine = succeeded(task)
    status = literal({"pipelineTaskName": task}, quote).removesuffix(" }")
    error = f'{{"code": {fine} ? 0 : 9, "message": {fine} ? "" : {quote(f"task {task} failed")} }}'
    state = f'{fine} ? "SUCCEEDED" : "FAILED"'
    return Value(
        encoded(
            f'{status}, "state": {state}, "pipelineJobResourceName": workflow.name, "error": {error} }}'.replace(
                "}}", "} }"
            )
        )
    )


__all__ = ["Artifacts", "Scope", "TaskInputs"]
