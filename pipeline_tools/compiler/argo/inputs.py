"""Where the inputs of a task come from, as values and artifacts that Argo can hand over."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_tools.compiler.argo.expressions import (
    Value,
    encoded,
    input_parameter,
    joined,
    literal,
    quote,
    succeeded,
    workflow_parameter,
)
from pipeline_tools.compiler.argo.names import described
from pipeline_tools.compiler.argo.pods import Json, known
from pipeline_tools.errors import InputError
from pipeline_tools.spec.placeholders import Placeholder, has_placeholder, split

_SELECTOR = re.compile(r'parseJson\(string_value\)((?:\["[^"]*"\])+)')
_KEY = re.compile(r'\["([^"]*)"\]')


@dataclass(frozen=True)
class Artifacts:
    """One artifact, or a list of them.

    Attributes:
        origins: What stands as ``from`` of an argument, one an artifact.
        description: The parameter that describes it; for a list, a list of descriptions.
        is_list: Whether it is a list, maybe of one.
    """

    origins: tuple[str, ...]
    description: Value
    is_list: bool = False


@dataclass(frozen=True)
class Scope:
    """The inputs of the template that a task stands in.

    Attributes:
        definitions: The component's ``inputDefinitions``.
        root: Whether it is the whole pipeline, whose parameters are the workflow's.
        lists: For each input that is a list of artifacts, how many there are.
    """

    definitions: Mapping[str, Any]
    root: bool
    lists: Mapping[str, int]

    def has(self, name: str) -> bool:
        """Tell whether the surrounding template has a parameter."""
        return name in self.definitions.get("parameters", {})

    def parameter(self, name: str) -> Value:
        """Give the value of a parameter of the surrounding template."""
        spec = self.definitions.get("parameters", {}).get(name)
        if spec is None:
            # KFP asks the outside of a loop in a loop for the inner loop's item, which nobody gives and nobody reads.
            return Value.of(None)
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
        """Take a task.

        Args:
            task: The task of the specification.
            component: Its component.
            scope: The inputs of the template that it stands in.
            produced: Gives an output parameter of another task.
            made: Gives an output artifact of another task.
            where: Names the task in errors.

        Raises:
            InputError: An input has no form that Argo can hand over.
        """
        self._scope, self._produced, self._made, self._where = scope, produced, made, where
        self._step = "executorLabel" in component
        self._name = str(task.get("taskInfo", {}).get("name", ""))
        self._given: Json = task.get("inputs", {})
        known(self._given, "parameters", "artifacts", where=f"{where}: inputs")
        self._types = component.get("inputDefinitions", {}).get("parameters", {})
        parameters = self._given.get("parameters", {})
        self.parameters = {name: self._parameter(name, parameters[name]) for name in sorted(parameters)}
        artifacts = self._given.get("artifacts", {})
        self.artifacts = {name: self._artifacts(name, artifacts[name]) for name in sorted(artifacts)}

    @property
    def producers(self) -> set[str]:
        """The tasks whose outputs this one takes."""
        found = set()
        for kind, field in (("parameters", "taskOutputParameter"), ("artifacts", "taskOutputArtifact")):
            for spec in self._given.get(kind, {}).values():
                source = spec.get(field) or spec.get("taskFinalStatus")
                if source:
                    found.add(source["producerTask"])
        return found

    def _parameter(self, name: str, spec: Mapping[str, Any]) -> Value:
        where = f"{self._where}: input {name!r}"
        fields = ("componentInputParameter", "taskOutputParameter", "runtimeValue", "taskFinalStatus")
        known(spec, *fields, "parameterExpressionSelector", where=where)
        if "componentInputParameter" in spec:
            outer = spec["componentInputParameter"]
            if self._step and not self._scope.has(outer):
                raise InputError(
                    f"{where} refers to {outer!r}, which no pipeline or loop around it has; the specification is broken"
                )
            value = self._scope.parameter(outer)
        elif "taskOutputParameter" in spec:
            source = spec["taskOutputParameter"]
            value = self._produced(source["producerTask"], source["outputParameterKey"])
        elif "taskFinalStatus" in spec:
            value = _final_status(spec["taskFinalStatus"]["producerTask"])
        else:
            known(spec.get("runtimeValue", {}), "constant", where=where)
            value = self._constant(name, spec.get("runtimeValue", {}).get("constant"))
        selector = spec.get("parameterExpressionSelector")
        return self._selected(value, selector, where) if selector else value

    def _selected(self, value: Value, selector: str, where: str) -> Value:
        match = _SELECTOR.fullmatch(selector)
        if match is None:
            raise InputError(f"{where}: the selector `{selector}` cannot be expressed")
        keys = "".join(f"[{quote(key)}]" for key in _KEY.findall(match.group(1)))
        return Value(encoded(value.decoded + keys))

    def _constant(self, name: str, constant: Any) -> Value:
        kind = self._types.get(name, {}).get("parameterType")
        if kind == "NUMBER_INTEGER" and isinstance(constant, float):
            constant = int(constant)
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
        facts = {
            ".pipeline_job_name": "workflow.name",
            ".pipeline_job_resource_name": "workflow.name",
            ".pipeline_job_uuid": "workflow.uid",
            ".pipeline_job_create_time_utc": 'workflow["creationTimestamp.RFC3339"]',
            ".pipeline_task_name": quote(self._name),
            ".pipeline_task_uuid": f"workflow.uid + {quote('-' + self._name)}",
        }
        if part.path in facts:
            return facts[part.path]
        raise InputError(f"{self._where}: the placeholder {part.text} cannot be expressed in an argument")

    def _artifacts(self, name: str, spec: Mapping[str, Any]) -> Artifacts:
        known(spec, "componentInputArtifact", "taskOutputArtifact", where=f"{self._where}: input {name!r}")
        if "componentInputArtifact" in spec:
            return self._scope.artifacts(spec["componentInputArtifact"])
        source = spec["taskOutputArtifact"]
        return self._made(source["producerTask"], source["outputArtifactKey"])

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
