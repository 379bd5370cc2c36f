"""The parameters of a pipeline: typed by its specification, checked before anything starts."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline_tools.errors import InputError
from pipeline_tools.spec import limits
from pipeline_tools.spec.components import check_inputs
from pipeline_tools.spec.limits import load_yaml
from pipeline_tools.spec.types import DESCRIPTIONS, cast


def parse_pairs(pairs: Sequence[str], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Read ``name=value`` pairs from a command line.

    Args:
        pairs: For example ``["train_steps=2000"]``.
        definitions: The ``inputDefinitions.parameters`` of the pipeline.

    Returns:
        Typed values by name.

    Raises:
        InputError: A pair has no ``=``, names no parameter, names one twice, or its value is of another type.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InputError(f"--param {pair}: write it as name=value")
        if name in values:
            raise InputError(f"--param {name} is given twice")
        kind = _definition(name, definitions)["parameterType"]
        values[name] = text if kind == "STRING" else _parse(name, kind, text)
    return values


def read_file(path: Path) -> dict[str, Any]:
    """Read parameters from a YAML or JSON file that maps names to values.

    Raises:
        InputError: The file cannot be read, or is not such a mapping.
    """
    documents = load_yaml(limits.read_file(path), str(path))  # JSON is YAML
    content = documents[0] if len(documents) == 1 else None
    if not isinstance(content, dict):
        raise InputError(f"{path}: does not hold one mapping of parameter names to values")
    return {str(name): value for name, value in content.items()}


def check_arguments(spec: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Check the arguments of a run, before anything of it starts.

    Args:
        spec: A KFP v2 ``PipelineSpec``.
        arguments: Values by parameter name.

    Returns:
        As `complete`.

    Raises:
        InputError: A parameter is wrong, parameters do not go together, or the pipeline takes artifacts.
    """
    inputs = spec["root"].get("inputDefinitions", {})
    parameters = complete(arguments, inputs.get("parameters", {}))
    needed = [key for key, each in inputs.get("artifacts", {}).items() if not each.get("isOptional")]
    if needed:
        name = spec["pipelineInfo"]["name"]
        raise InputError(f"pipeline {name!r} takes artifacts ({', '.join(needed)}); import them with dsl.importer")
    check_inputs(spec, parameters)
    return parameters


def complete(given: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Check what was given and fill in the defaults.

    Args:
        given: Values by parameter name.
        definitions: The ``inputDefinitions.parameters`` of the pipeline.

    Returns:
        A value for every parameter that has one, in the order of the definitions.

    Raises:
        InputError: A name is unknown, a value is of another type, or a required parameter is missing. All of them are
            named at once.
    """
    problems = []
    values: dict[str, Any] = {}
    for name, value in given.items():
        try:
            definition = _definition(name, definitions)
            values[name] = _checked(name, definition, value)
        except InputError as error:  # noqa: PERF203 - all of them shall be named
            problems.append(str(error))
    for name, definition in definitions.items():
        if name in given:
            continue
        if "defaultValue" in definition:
            values[name] = cast(definition["defaultValue"], definition["parameterType"])
        elif not definition.get("isOptional"):
            wanted = DESCRIPTIONS.get(definition["parameterType"], definition["parameterType"])
            problems.append(f"parameter {name!r} is required: give it {wanted}")
    if problems:
        raise InputError("\n".join(problems))
    return {name: values[name] for name in definitions if name in values}


def _definition(name: str, definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    if name in definitions:
        found: Mapping[str, Any] = definitions[name]
        return found
    close = difflib.get_close_matches(name, definitions, n=3, cutoff=0.6)
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    known = f"it has {', '.join(sorted(definitions))}" if definitions else "it has none"
    raise InputError(f"the pipeline has no parameter {name!r}; {meant}{known}")


def _parse(name: str, kind: str, text: str) -> Any:
    if kind == "BOOLEAN":
        text = text.lower()  # Python's True and False, too
    try:
        return json.loads(text)
    except ValueError:
        raise _wrong_type(name, kind, text) from None


def _checked(name: str, definition: Mapping[str, Any], value: Any) -> Any:
    kind = definition["parameterType"]
    if value is None and definition.get("isOptional"):
        return None
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    fits = {
        "STRING": isinstance(value, str),
        "NUMBER_INTEGER": number and float(value).is_integer(),
        "NUMBER_DOUBLE": number,
        "BOOLEAN": isinstance(value, bool),
        "LIST": isinstance(value, (list, tuple)),
        "STRUCT": isinstance(value, Mapping),
    }
    if kind not in fits:
        raise InputError(f"parameter {name!r}: a value of the type {kind} cannot be given to a run")
    if not fits[kind]:
        raise _wrong_type(name, kind, value)
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"parameter {name!r}: {error}") from error
    literals = [cast(each, kind) for each in definition.get("literals", [])]
    if literals and value not in literals:
        raise InputError(f"parameter {name!r}: {value!r} is none of {', '.join(map(repr, literals))}")
    return cast(value, kind)


def _wrong_type(name: str, kind: str, value: Any) -> InputError:
    return InputError(f"parameter {name!r} takes {DESCRIPTIONS.get(kind, kind)} ({kind}), not {value!r}")
