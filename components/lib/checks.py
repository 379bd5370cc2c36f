"""Refuse wrong or incomplete choices of where work runs, wherever values are known before a step starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.lib.beam.options import BeamOptions
from components.training import options as training
from pipeline_tools.errors import InputError

_MODES = ("read_mode", "preprocess_mode", "tfma_mode")
_FIELDS = {name for name in BeamOptions.__dataclass_fields__ if not name.startswith("mode")}


def check_modes(spec: Mapping[str, Any], arguments: Mapping[str, Any] | None = None) -> None:
    """Check where Beam work and training run, in every step, as far as their values are known.

    Args:
        spec: A KFP v2 ``PipelineSpec``.
        arguments: Values of all parameters of the pipeline. None: they are not known yet, and only what the pipeline
            itself fixes is looked at.

    Raises:
        InputError: A step would refuse its options.
    """
    problems = dict.fromkeys(_problems(spec, spec["root"], arguments or {}))
    if problems:
        raise InputError("\n".join(problems))


def _problems(spec: Mapping[str, Any], component: Mapping[str, Any], scope: Mapping[str, Any]) -> Iterator[str]:
    for task in component["dag"]["tasks"].values():
        called = spec["components"][task["componentRef"]["name"]]
        known = _known(task, called, scope)
        if "dag" in called:
            yield from _problems(spec, called, known)
            continue
        inputs = called.get("inputDefinitions", {}).get("parameters", {})
        if "train_mode" in inputs and "workers" in inputs:
            yield from training.problems(known)
            continue
        modes = [mode for mode in _MODES if mode in inputs]
        if not modes or "beam_runner" not in inputs:
            continue
        given = {name: value for name, value in known.items() if name in _FIELDS}
        if (mode := modes[0]) in known:
            options = BeamOptions(mode=known[mode], mode_parameter=mode, **given)
            yield from options.problems({"mode", *given})


def _known(task: Mapping[str, Any], called: Mapping[str, Any], scope: Mapping[str, Any]) -> dict[str, Any]:
    """Find the inputs of a task whose values are known: fixed ones, defaults, and parameters of the scope."""
    given = task.get("inputs", {}).get("parameters", {})
    known = {}
    for name, definition in called.get("inputDefinitions", {}).get("parameters", {}).items():
        source = given.get(name)
        if source is None:
            if "defaultValue" in definition:
                known[name] = _whole(definition["defaultValue"], definition)
        elif "runtimeValue" in source:
            value = source["runtimeValue"]["constant"]
            if "{{$" not in str(value):
                known[name] = _whole(value, definition)
        elif source.get("componentInputParameter") in scope and "parameterExpressionSelector" not in source:
            known[name] = _whole(scope[source["componentInputParameter"]], definition)
    return known


def _whole(value: Any, definition: Mapping[str, Any]) -> Any:
    """Read a whole number as one: a specification that went through JSON has floats only."""
    return int(value) if definition.get("parameterType") == "NUMBER_INTEGER" and float(value).is_integer() else value


__all__ = ["check_modes"]
