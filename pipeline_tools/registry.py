"""What installed packages register with the toolkit, by entry points: pipelines, commands and components.

A package names an object of its own in ``pyproject.toml``; it is imported when it is used, and not before::

    [project.entry-points."pipeline_tools.pipelines"]
    churn = "my_project.pipelines:churn"
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline_tools.errors import InputError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from kfp.dsl.base_component import BaseComponent

PIPELINES = "pipeline_tools.pipelines"
"""Group of the pipelines that have a short name on the command line."""

COMMANDS = "pipeline_tools.commands"
"""Group of the click commands that the command line has beside its own."""

COMPONENTS = "pipeline_tools.components"
"""Group of the components that tell about themselves: each entry point is a `Registration`."""


@dataclass(frozen=True)
class Plan:
    """What a step would do, as a dry run shows it.

    Attributes:
        text: For a person; empty shows nothing.
        outputs: The output parameters that are known without running the step; the plans of later steps use them.
    """

    text: str = ""
    outputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What a component tells about itself.

    A task of a compiled specification belongs to a component where its executor is the one that the component's factory
    compiles to: the same command and arguments, which hold the source. The image does not count, nor does any name.

    Attributes:
        factory: What ``@dsl.component`` made.
        check: Checks the inputs of a task before anything runs. It is given the inputs whose values are known by
            then, by name, and the image that the task runs in, and returns a sentence for each problem.
        plan: Says what a task would do, without doing it or writing anything. It is given all input parameters of the
            task.
        page: What the page of a run shows of the component's steps. The toolkit hands it on and does not look into it.
    """

    factory: BaseComponent
    check: Callable[[Mapping[str, Any], str], Iterable[str]] | None = None
    plan: Callable[[Mapping[str, Any]], Plan] | None = None
    page: object = None


def entry_points(group: str) -> dict[str, EntryPoint]:
    """Find what is registered in a group, without importing any of it.

    Args:
        group: For example `PIPELINES`.

    Returns:
        Entry points by name, in alphabetical order.

    Raises:
        InputError: Two packages register different objects under one name.
    """
    import importlib.metadata  # 10 ms, which commands that need nothing registered do not pay

    found: dict[str, EntryPoint] = {}
    for each in sorted(importlib.metadata.entry_points(group=group), key=lambda each: each.name):
        other = found.setdefault(each.name, each)
        if other.value != each.value:
            raise InputError(
                f"two installed packages register {each.name!r} in {group}: {other.value} and {each.value}; "
                "uninstall one of them"
            )
    return found


def registrations() -> dict[str, Registration]:
    """Import the components that are registered.

    Returns:
        Registrations by the name of the entry point.

    Raises:
        InputError: One cannot be imported, or is something else.
    """
    return {name: _load(name, entry_point) for name, entry_point in entry_points(COMPONENTS).items()}


def _load(name: str, entry_point: EntryPoint) -> Registration:
    try:
        loaded = entry_point.load()
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"{name!r} is registered in {COMPONENTS} as {entry_point.value}, which cannot be imported: {error}"
        ) from error
    if not isinstance(loaded, Registration):
        raise InputError(f"{name!r} is registered in {COMPONENTS} as {entry_point.value}, which is not a Registration")
    return loaded
