"""Fill the placeholders of a specification: `{{$.inputs.parameters['x']}}` and its kin."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pipeline_tools.errors import InputError

_PLACEHOLDER = re.compile(r"\{\{\$(.*?)\}\}")
_KEYED = re.compile(
    r"\.(?P<side>inputs|outputs)\.(?P<kind>parameters|artifacts)"
    r"\[(?P<quote>'{1,2}|\")(?P<name>[^'\"]+)(?P=quote)\](?:\.(?P<field>\w+)|\[(?:'{1,2}|\")(?P<key>\w+)(?:'{1,2}|\")\])?"
)

RUN_PLACEHOLDERS = (
    ".pipeline_job_name",
    ".pipeline_job_resource_name",
    ".pipeline_job_uuid",
    ".pipeline_job_create_time_utc",
    ".pipeline_job_schedule_time_utc",
    ".pipeline_task_name",
    ".pipeline_task_uuid",
    ".pipeline_root",
    ".workspace_path",
)
"""What is known of a run and a step without its inputs."""


def fill(text: str, executor_input: Mapping[str, Any], facts: Mapping[str, str]) -> str:
    """Replace every placeholder in a text, once: what a value brings in is never read as a placeholder again.

    Args:
        text: A constant, an argument or a part of a command.
        executor_input: The step's inputs and outputs in the layout of KFP's ``ExecutorInput``.
        facts: A value for each of `RUN_PLACEHOLDERS`.

    Returns:
        The text with strings put in as they are, and everything else as JSON.

    Raises:
        InputError: A placeholder is unknown, or refers to something that the step does not have.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name == "":
            return json.dumps(executor_input)
        if name in facts:
            return facts[name]
        if name in (".outputs.output_file", ".outputMetadataUri"):
            return str(executor_input["outputs"]["outputFile"])
        found = _keyed(name, executor_input)
        return found if isinstance(found, str) else json.dumps(found)

    return _PLACEHOLDER.sub(value, text)


def fill_all(value: Any, executor_input: Mapping[str, Any], facts: Mapping[str, str]) -> Any:
    """Replace the placeholders in every string of a nested value, keys of mappings too; otherwise as `fill`."""
    if isinstance(value, str):
        return fill(value, executor_input, facts)
    if isinstance(value, list):
        return [fill_all(each, executor_input, facts) for each in value]
    if isinstance(value, Mapping):
        return {fill(key, executor_input, facts): fill_all(each, executor_input, facts) for key, each in value.items()}
    return value


def check_placeholders(text: str) -> None:
    """Check that every placeholder in a text is one that `fill` knows.

    Raises:
        InputError: One is not; the message shows it.
    """
    for match in _PLACEHOLDER.finditer(text):
        name = match.group(1)
        known = ("", ".outputs.output_file", ".outputMetadataUri", *RUN_PLACEHOLDERS)
        if name not in known and not _KEYED.fullmatch(name):
            raise InputError(f"the placeholder {match.group(0)} has no meaning on this machine")


def expand(argument: str, executor_input: Mapping[str, Any], facts: Mapping[str, str]) -> list[str]:
    """Turn one element of a container's command into arguments.

    ``dsl.ConcatPlaceholder`` joins its parts, ``dsl.IfPresentPlaceholder`` may give any number of them.

    Args:
        argument: The element as it stands in the specification.
        executor_input: As for `fill`.
        facts: As for `fill`.

    Returns:
        The arguments that take its place.
    """
    inputs = executor_input.get("inputs", {})
    given = {name for kind in ("parameterValues", "artifacts") for name in inputs.get(kind, {})}

    def parts(element: Any) -> list[str]:
        if isinstance(element, str):
            return [fill(element, executor_input, facts)]
        if isinstance(element, list):
            return [part for each in element for part in parts(each)]
        if "Concat" in element:
            return ["".join(part for each in element["Concat"] for part in parts(each))]
        choice = element["IfPresent"]
        return parts(choice["Then"] if choice["InputName"] in given else choice.get("Else", []))

    if argument.startswith(('{"Concat": ', '{"IfPresent": ')):
        return parts(json.loads(argument))
    return parts(argument)


def _keyed(name: str, executor_input: Mapping[str, Any]) -> Any:
    match = _KEYED.fullmatch(name)
    if match is None:
        raise InputError(f"the placeholder {{{{${name}}}}} has no meaning on this machine")
    side, key = executor_input.get(match["side"], {}), match["name"]
    try:
        if match["kind"] == "artifacts":
            artifact = side["artifacts"][key]["artifacts"][0]
            if match["key"]:
                return artifact["metadata"][match["key"]]
            if match["field"] == "path":
                return artifact.get("custom_path") or artifact["uri"]
            return artifact[match["field"]]
        if match["side"] == "outputs":
            return side["parameters"][key]["outputFile"]
        return side["parameterValues"].get(key)
    except KeyError:
        raise InputError(f"{{{{${name}}}}} refers to something that the step does not have") from None
