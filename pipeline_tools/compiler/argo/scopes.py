"""Mend a gap that KFP's compiler leaves in loops within loops.

A task in an inner loop that uses the item of an outer one refers to an input that the inner loop's component does not
declare. What runs the pipeline is expected to look outside; an Argo template sees its own inputs only.
"""

from __future__ import annotations

from typing import Any


def close_scopes(spec: dict[str, Any]) -> None:
    """Declare and hand down the parameters that tasks refer to but that only an enclosing component has.

    Args:
        spec: The ``PipelineSpec``, changed in place. What no enclosing component has stays as it is.
    """
    _close(spec, spec["root"], {})


def _close(spec: dict[str, Any], component: dict[str, Any], outside: dict[str, Any]) -> set[str]:
    """Close a component; give the parameters that it needs from outside, now declared by it."""
    declared = component.setdefault("inputDefinitions", {}).setdefault("parameters", {})
    visible = {**outside, **declared}
    needed: set[str] = set()
    for task in component["dag"].get("tasks", {}).values():
        inner = spec["components"][task["componentRef"]["name"]]
        inputs = task.get("inputs", {}).get("parameters", {})
        asked = {s["componentInputParameter"] for s in inputs.values() if "componentInputParameter" in s}
        if "dag" in inner:
            own = task.get("parameterIterator", {}).get("itemInput")
            for name in _close(spec, inner, visible if own is None else {**visible, own: {}}) - {own}:
                task.setdefault("inputs", {}).setdefault("parameters", {})[name] = {"componentInputParameter": name}
                asked.add(name)
        needed |= {name for name in asked if name not in declared and name in outside}
    declared.update({name: outside[name] for name in sorted(needed)})
    return needed


__all__ = ["close_scopes"]
