"""Call one component here, in this process: for a notebook, and for a look at what a step makes."""

from __future__ import annotations

import inspect
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args, get_type_hints

from kfp.dsl import Artifact
from kfp.dsl.base_component import BaseComponent

from pipeline_tools.errors import InputError


def call(component: BaseComponent, /, *, root: str | Path | None = None, **arguments: Any) -> SimpleNamespace:
    """Run a component on small data, without a pipeline, a cluster or a container.

    Args:
        component: What ``@dsl.component`` made, for example `components.train`.
        root: Directory for the artifacts it makes, by output name; default a new temporary directory, which stays.
        **arguments: Its inputs, by name. An artifact is what another call returned, or the path of a directory or file.

    Returns:
        Its outputs by name. Artifacts are kfp's own objects, with ``path`` and ``metadata``; values are values.

    Raises:
        InputError: An input is missing or unknown, or the component itself refuses what it was given.
    """
    function = getattr(component, "python_func", None)
    if function is None:
        raise InputError(f"{component.name}: only components made of a Python function can be called")
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters
    made = {name: hint for name, hint in hints.items() if _is_output(component, name)}
    _check(component.name, parameters, set(made), arguments)
    directory = Path(root) if root is not None else Path(tempfile.mkdtemp(prefix=f"{component.name}-"))
    directory.mkdir(parents=True, exist_ok=True)

    outputs = {name: get_args(hint)[0](name=name, uri=str(directory / name)) for name, hint in made.items()}
    inputs = {name: _as_artifact(value, hints.get(name)) for name, value in arguments.items()}
    returned = function(**inputs, **outputs)
    if returned is not None:
        names = [name for name in component.component_spec.outputs if name not in made]
        values = returned if isinstance(returned, tuple) else (returned,)
        outputs |= dict(zip(names, values, strict=True))
    return SimpleNamespace(**outputs)


def _is_output(component: BaseComponent, name: str) -> bool:
    # `return` is among the type hints, too, but is no name that an output could have.
    return name != "return" and name in (component.component_spec.outputs or {})


def _check(name: str, parameters: Any, made: set[str], arguments: dict[str, Any]) -> None:
    known = {key: parameter for key, parameter in parameters.items() if key not in made}
    if unknown := sorted(set(arguments) - set(known)):
        raise InputError(f"{name} has no input {', '.join(unknown)}; its inputs are {', '.join(known)}")
    missing = [key for key, parameter in known.items() if parameter.default is parameter.empty and key not in arguments]
    if missing:
        raise InputError(f"{name} needs {', '.join(missing)}, too")


def _as_artifact(value: Any, hint: Any) -> Any:
    """Wrap a path where an artifact is wanted; leave everything else as it is."""
    kind: Any = next(iter(get_args(hint)), None)
    wants_artifact = inspect.isclass(kind) and issubclass(kind, Artifact)
    return kind(uri=str(value)) if wants_artifact and isinstance(value, str | Path) else value
