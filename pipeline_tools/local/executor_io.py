"""KFP's executor protocol: the ``ExecutorInput`` it is given, and the ``ExecutorOutput`` it leaves behind."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline_tools.atomic import sync_file, sync_tree
from pipeline_tools.errors import InputError
from pipeline_tools.local.values import Values
from pipeline_tools.runs.result import Artifact
from pipeline_tools.spec.graph import Task
from pipeline_tools.spec.types import cast

# A browser and an editor tell by the name what a file is.
_SUFFIXES = {"system.HTML": ".html", "system.Markdown": ".md"}


def make_executor_input(task: Task, inputs: Values, outputs: Path, remote: str = "") -> dict[str, Any]:
    """Lay a step's inputs and outputs out as KFP's ``ExecutorInput``.

    Args:
        task: What the step is.
        inputs: What it is given.
        outputs: Where it shall write.
        remote: The URI that what it writes there will have; empty where its path is its URI. An artifact whose path is
            not its URI bears it as ``custom_path``.

    Returns:
        The dictionary that KFP's executor takes as JSON.

    Raises:
        InputError: A required input has no value.
    """
    definitions = task.component.get("inputDefinitions", {})
    for kind, given in (("parameters", inputs.parameters), ("artifacts", inputs.artifacts)):
        for name, definition in definitions.get(kind, {}).items():
            missing = not given.get(name) if kind == "artifacts" else given.get(name) is None
            optional = definition.get("isOptional") or definition.get("isArtifactList")
            if missing and not optional and "defaultValue" not in definition:
                raise InputError(f"its input {name!r} has no value: the task that gives it did not run, or gave none")
    made = task.component.get("outputDefinitions", {})
    return {
        "inputs": {
            "parameterValues": {key: value for key, value in inputs.parameters.items() if value is not None},
            "artifacts": {
                key: {
                    "artifacts": [
                        {
                            "name": each.name,
                            "type": {"schemaTitle": each.type, "schemaVersion": each.schema_version},
                            "uri": each.uri,
                            "metadata": dict(each.metadata),
                            **_custom_path(each.mirror),
                        }
                        for each in several
                    ]
                }
                for key, several in inputs.artifacts.items()
            },
        },
        "outputs": {
            "parameters": {
                key: {"outputFile": str(outputs.parent / "parameters" / key)} for key in made.get("parameters", {})
            },
            "artifacts": {
                key: {
                    "artifacts": [
                        {
                            "name": key,
                            "type": each["artifactType"],
                            "uri": f"{remote or outputs}/{_file_name(key, each)}",
                            "metadata": {},
                            **_custom_path(f"{outputs}/{_file_name(key, each)}" if remote else ""),
                        }
                    ]
                }
                for key, each in made.get("artifacts", {}).items()
            },
            "outputFile": str(outputs / "executor_output.json"),
        },
    }


def _file_name(output: str, definition: Mapping[str, Any]) -> str:
    return output + _SUFFIXES.get(definition["artifactType"].get("schemaTitle"), "")


def _custom_path(path: str) -> dict[str, str]:
    return {"custom_path": path} if path else {}


def read_outputs(task: Task, executor_input: Mapping[str, Any], outputs: Path, final: Path, remote: str = "") -> Values:
    """Read what a step that succeeded returned, and move its outputs to where others find them.

    Args:
        task: What the step is.
        executor_input: What it was given, as `make_executor_input` made it.
        outputs: Where it wrote.
        final: Where its outputs go.
        remote: As `make_executor_input` was given it.

    Returns:
        Its parameters and artifacts.

    Raises:
        InputError: It returned something that KFP cannot hand on.
    """
    output_file = Path(executor_input["outputs"]["outputFile"])
    returned = _returned(output_file)
    definitions = task.component.get("outputDefinitions", {})
    parameters = dict(returned.get("parameterValues", {}))
    for key, definition in definitions.get("parameters", {}).items():
        file = Path(executor_input["outputs"]["parameters"][key]["outputFile"])
        if file.exists():
            parameters[key] = _read_parameter(key, file, definition["parameterType"])
        if key in parameters:
            parameters[key] = cast(parameters[key], definition["parameterType"])
    artifacts = {}
    for key in definitions.get("artifacts", {}):
        listed = returned.get("artifacts", {}).get(key, {}).get("artifacts")
        given = executor_input["outputs"]["artifacts"][key]["artifacts"][0]
        made = (listed or [given])[0]
        _check_finite(key, made.get("metadata", {}))
        declared = given["type"]
        uri, mirror = _location(made, given, outputs, final, remote)
        artifacts[key] = (
            Artifact(
                type=declared["schemaTitle"],
                uri=uri,
                metadata=cast(made.get("metadata", {}), ""),
                name=made.get("name") or key,
                schema_version=declared.get("schemaVersion", "0.0.1"),
                mirror=mirror,
            ),
        )
    output_file.unlink(missing_ok=True)
    if any(outputs.iterdir()):
        final.parent.mkdir(parents=True, exist_ok=True)
        sync_tree(outputs)
        outputs.replace(final)
        sync_file(final.parent)
    return Values(parameters, artifacts)


def _returned(output_file: Path) -> dict[str, Any]:
    """Read what KFP's executor left behind; a command may leave nothing, or write it by itself."""
    if not output_file.exists():
        return {}
    try:
        returned = json.loads(output_file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"what it left in {output_file.name} is not JSON: {error}") from error
    if not isinstance(returned, dict):
        raise InputError(f"what it left in {output_file.name} is not a mapping")
    return returned


def _read_parameter(name: str, file: Path, kind: str) -> Any:
    text = file.read_text(encoding="utf-8")
    if kind == "STRING":
        return text
    try:
        return json.loads(text.lower() if kind == "BOOLEAN" else text)
    except ValueError:
        raise InputError(f"its output {name!r} should be a {kind}, and is {text[:80]!r}") from None


def _check_finite(output: str, value: Any, where: str = "") -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"metadata{where} of its output {output!r} is {value}: artifacts take finite numbers only")
    if isinstance(value, Mapping):
        for key, each in value.items():
            _check_finite(output, each, f"{where}[{key!r}]")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            _check_finite(output, each, f"{where}[{index}]")


def _location(
    made: Mapping[str, Any], given: Mapping[str, Any], outputs: Path, final: Path, remote: str
) -> tuple[str, str]:
    """Give the URI of an output, and its path where that is something else."""
    path = made.get("custom_path") or ""
    if made["uri"] == given["uri"]:
        path = path or given.get("custom_path") or made["uri"]
    elif path == given.get("custom_path", ""):  # the step says that it is elsewhere
        path = made["uri"]
    path = _moved(path or made["uri"], str(outputs), str(final))
    if not remote:
        return path, ""
    # What is among the step's outputs is in both, under whichever of its names the step knows it.
    uri, mirror = _moved(path, str(final), remote), _moved(path, remote, str(final))
    if uri != mirror:
        return uri, mirror
    return (made["uri"], path) if "://" in made["uri"] and "://" not in path else (path, "")


def _moved(path: str, old: str, new: str) -> str:
    return new + path[len(old) :] if path == old or path.startswith(f"{old}/") else path
