"""The inputs and outputs of DAG templates, and the defaults of inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_tools.compiler.argo.expressions import encode, encoded, output_parameter, succeeded
from pipeline_tools.compiler.argo.names import described
from pipeline_tools.compiler.argo.pods import Json
from pipeline_tools.spec.types import plain


def dag_inputs(component: Mapping[str, Any], lists: Mapping[str, int]) -> Json:
    """Write the inputs of a DAG template: parameters, and each artifact with the parameter that describes it."""
    definitions = component.get("inputDefinitions", {})
    artifacts = sorted(definitions.get("artifacts", {}))
    parameters = [with_default(name, spec) for name, spec in sorted(definitions.get("parameters", {}).items())]
    parameters += [{"name": described(name), "value": "null"} for name in artifacts]
    files = [
        {"name": each, "optional": True}
        for name in artifacts
        for each in ([f"{name}--{at}" for at in range(lists[name])] if name in lists else [name])
    ]
    return {**({"parameters": parameters} if parameters else {}), **({"artifacts": files} if files else {})}


def with_default(name: str, spec: Mapping[str, Any]) -> Json:
    """Write an input; one that may be left out has its default, or null, as value."""
    if not spec.get("isOptional") and "defaultValue" not in spec:
        return {"name": name}
    default = spec.get("defaultValue")
    if spec.get("parameterType") == "NUMBER_INTEGER" and default is not None:
        default = plain(default)
    return {"name": name, "value": encode(default)}


def with_defaults(template: Json, component: Mapping[str, Any]) -> Json:
    """Give the inputs of a step's template their defaults."""
    parameters = template.get("inputs", {}).get("parameters", [])
    definitions = component.get("inputDefinitions", {})
    specs = {
        **{
            described(name): {"isOptional": True}
            for name, s in definitions.get("artifacts", {}).items()
            if s.get("isOptional")
        },
        **definitions.get("parameters", {}),
    }
    if "dag" in component or not parameters:
        return template
    filled = [{**each, **with_default(each["name"], specs.get(each["name"], {}))} for each in parameters]
    return {**template, "inputs": {**template["inputs"], "parameters": filled}}


def without(definitions: Mapping[str, Any], name: str) -> Json:
    """Leave one parameter out of input definitions."""
    parameters = {key: value for key, value in definitions.get("parameters", {}).items() if key != name}
    return {**definitions, "parameters": parameters}


def output(name: str, expression: str) -> Json:
    """Write an output parameter of a DAG template."""
    return {"name": name, "valueFrom": {"expression": expression}}


def first_of(choices: list[tuple[str, str]]) -> str:
    """The expression of the first task that succeeded; of the last, whatever became of the others."""
    *others, (_, expression) = choices
    for task, value in reversed(others):
        expression = f"{succeeded(task)} ? {value} : ({expression})"
    return expression


def collected(name: str) -> Json:
    """The output of a loop: a list of its iterations' outputs.

    Argo gathers them to a JSON list, of the values where all are lists or mappings, and of their texts otherwise.
    """
    values = f'map(fromJSON({output_parameter("iteration", name)}), type(#) == "string" ? fromJSON(#) : #)'
    return output(name, f'tasks["iteration"].status == "Skipped" ? "[]" : {encoded(values)}')


def unrolled_outputs(outputs: Mapping[str, Any], count: int) -> Json:
    """Write the outputs of a loop that is laid out as one task an iteration."""

    def listed(name: str) -> str:
        items = ' + "," + '.join(output_parameter(f"iteration-{at}", name) for at in range(count))
        return f'"[" + {items} + "]"'

    names = [*sorted(outputs.get("parameters", {})), *(described(name) for name in sorted(outputs["artifacts"]))]
    artifacts = [
        {"name": f"{name}--{at}", "from": f"{{{{tasks.iteration-{at}.outputs.artifacts.{name}}}}}", "optional": True}
        for name in sorted(outputs["artifacts"])
        for at in range(count)
    ]
    return {"parameters": [output(name, listed(name)) for name in names], "artifacts": artifacts}


__all__ = ["collected", "dag_inputs", "first_of", "output", "unrolled_outputs", "with_defaults", "without"]
