"""Find out before a run whether what its steps import is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline_tools.extras import extras_by_module, missing_modules
from pipeline_tools.spec.imports import imported_modules


def check_extras(modules: Iterable[str]) -> None:
    """Check that the libraries behind some modules are installed, as far as they come with an extra of this package.

    Nothing is imported: the modules' files are read.

    Args:
        modules: Dotted names of modules that steps import.

    Raises:
        MissingExtraError: Some library is not installed; the message names it and the extra that brings it.
    """
    extras = extras_by_module()
    missing: dict[str, set[str]] = {}
    for name in modules:
        for needed in _behind(name):
            top = needed.partition(".")[0]
            if top in extras and importlib.util.find_spec(top) is None:
                missing.setdefault(extras[top], set()).add(top)
    for extra, names in missing.items():
        raise missing_modules(sorted(names), extra)


def _behind(module: str) -> Iterator[str]:
    """Give a module, and all that are imported with it, as far as its own package leads to them."""
    seen, waiting = set[str](), [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        yield name
        if name.partition(".")[0] == module.partition(".")[0]:
            waiting += _imports_of(name)


def _imports_of(module: str) -> Iterator[str]:
    """Give what a module's file imports when it is imported itself; of a compiled or missing module, nothing."""
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or spec.submodule_search_locations is None:
        return
    for location in spec.submodule_search_locations:
        for file in (Path(location, *rest, "__init__.py"), Path(location, *rest).with_suffix(".py")):
            if file.is_file():
                yield from imported_modules(file.read_text(encoding="utf-8"), nested=False)
                return
