"""What installed packages register with the toolkit, by entry points: pipelines, commands and components.

A package names an object of its own in ``pyproject.toml``; it is imported when it is used, and not before::

    [project.entry-points."pipeline_tools.pipelines"]
    churn = "my_project.pipelines:churn"
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_tools.errors import InputError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

PIPELINES = "pipeline_tools.pipelines"
"""Group of the pipelines that have a short name on the command line."""

COMMANDS = "pipeline_tools.commands"
"""Group of the click commands that the command line has beside its own."""


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
