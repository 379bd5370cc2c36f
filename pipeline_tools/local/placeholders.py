"""Fill the placeholders of a specification with the values of a step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipeline_tools.errors import InputError
from pipeline_tools.spec.placeholders import EXECUTOR_INPUT, OUTPUT_FILE, Placeholder, split, structure
from pipeline_tools.spec.text import text_of


def fill(text: str, executor_input: Mapping[str, Any], run_values: Mapping[str, str]) -> str:
    """Replace every placeholder in a text, once: what a value brings in is never read as a placeholder again.

    Args:
        text: A constant, an argument or a part of a command.
        executor_input: The step's inputs and outputs in the layout of KFP's ``ExecutorInput``.
        run_values: A value for each of `pipeline_tools.spec.placeholders.RUN_PLACEHOLDERS`.

    Returns:
        The text, with values written as `pipeline_tools.spec.text.text_of` writes them.

    Raises:
        InputError: A placeholder is unknown, or refers to something that the step does not have.
    """
    parts = split(text)
    return "".join(part if isinstance(part, str) else _value(part, executor_input, run_values) for part in parts)


def fill_all(value: Any, executor_input: Mapping[str, Any], run_values: Mapping[str, str]) -> Any:
    """Replace the placeholders in every string of a nested value, keys of mappings too; otherwise as `fill`."""
    if isinstance(value, str):
        return fill(value, executor_input, run_values)
    if isinstance(value, list):
        return [fill_all(each, executor_input, run_values) for each in value]
    if isinstance(value, Mapping):
        return {
            fill(key, executor_input, run_values): fill_all(each, executor_input, run_values)
            for key, each in value.items()
        }
    return value


def expand(element: str, executor_input: Mapping[str, Any], run_values: Mapping[str, str]) -> list[str]:
    """Turn one element of a container's command into arguments.

    ``dsl.ConcatPlaceholder`` joins its parts, ``dsl.IfPresentPlaceholder`` may give any number of them; an input that
    is null counts as absent.

    Args:
        element: The element as the specification writes it.
        executor_input: As for `fill`.
        run_values: As for `fill`.

    Returns:
        The arguments that take its place.
    """
    inputs = executor_input.get("inputs", {})
    parameters = {name for name, value in inputs.get("parameterValues", {}).items() if value is not None}
    provided = parameters | set(inputs.get("artifacts", {}))

    def parts(part: Any) -> list[str]:
        if isinstance(part, str):
            return [fill(part, executor_input, run_values)]
        if isinstance(part, list):
            return [argument for each in part for argument in parts(each)]
        if "Concat" in part:
            return ["".join(parts(part["Concat"]))]
        choice = part["IfPresent"]
        return parts(choice["Then"] if choice["InputName"] in provided else choice.get("Else") or [])

    return parts(structure(element))


def _value(part: Placeholder, executor_input: Mapping[str, Any], run_values: Mapping[str, str]) -> str:
    if part.path == EXECUTOR_INPUT:
        return json.dumps(executor_input)
    if part.path in run_values:
        return run_values[part.path]
    if part.path in OUTPUT_FILE:
        return str(executor_input["outputs"]["outputFile"])
    if not part.side:
        raise InputError(f"the placeholder {part.text} has no meaning on this machine")
    try:
        return text_of(_named(part, executor_input.get(part.side, {})))
    except (KeyError, IndexError):
        raise InputError(f"{part.text} refers to something that the step does not have") from None


def _named(part: Placeholder, side: Mapping[str, Any]) -> Any:
    """Find what a placeholder names among the inputs, or the outputs, of a step."""
    if part.kind == "artifacts":
        artifact = side["artifacts"][part.name]["artifacts"][0]
        if part.field == "path":
            return artifact.get("custom_path") or artifact["uri"]
        return artifact["metadata"][part.key] if part.key else artifact[part.field]
    if part.side == "outputs":
        return side["parameters"][part.name]["outputFile"]
    return side["parameterValues"].get(part.name)


__all__ = ["expand", "fill", "fill_all"]
