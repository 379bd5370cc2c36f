"""Turn a missing optional dependency into an error that says what to install."""

from __future__ import annotations

import functools
import importlib
from types import ModuleType

from pipeline_tools.errors import MissingExtraError

DISTRIBUTION = "taxi-pipeline"

_IMPORT_NAMES = {
    "grpcio": "grpc",
    "tensorflow-serving-api": "tensorflow_serving",
}
"""Import names that cannot be told from the distribution's name."""


def require(module: str, extra: str = "local") -> ModuleType:
    """Import a module that comes with an extra.

    Args:
        module: Dotted name, for example ``"tensorflow"``.
        extra: The extra of ``taxi-pipeline`` that brings it.

    Returns:
        The imported module.

    Raises:
        MissingExtraError: The module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # `google` and `google.cloud` are folders that many packages share; the third part tells which is meant.
        top = ".".join(module.split(".")[: 3 if module.startswith("google.cloud.") else 1])
        if not f"{top}.".startswith(f"{error.name}."):
            raise  # it is installed, and something inside it is missing
        raise _missing([top], extra, error.name) from None


def missing_extra(error: ModuleNotFoundError) -> MissingExtraError | None:
    """Say which extra brings the module that an import did not find.

    Args:
        error: Of any import, for example of ``import duckdb``.

    Returns:
        The error to show instead; None if no extra of ``taxi-pipeline`` brings the module.
    """
    top = (error.name or "").partition(".")[0]
    extra = extras_by_module().get(top)
    return _missing([top], extra, error.name) if extra else None


def missing_modules(modules: list[str], extra: str) -> MissingExtraError:
    """Make the error that names modules and the extra that brings them.

    Args:
        modules: Their import names.
        extra: The extra.

    Returns:
        The error, to be raised.
    """
    return _missing(modules, extra, modules[0])


def _missing(modules: list[str], extra: str, name: str | None) -> MissingExtraError:
    verb, pronoun = ("is", "it comes") if len(modules) == 1 else ("are", "they come")
    return MissingExtraError(
        f"{', '.join(modules)} {verb} not installed: {pronoun} with the extra [{extra}]. "
        f"Run: pip install '{DISTRIBUTION}[{extra}]'",
        name=name,
    )


@functools.cache
def extras_by_module() -> dict[str, str]:
    """Map the modules that optional dependencies install to the extra that brings them.

    Returns:
        Extra by top-level import name; empty in a source tree that was never installed. Packages in shared folders
        (``google.cloud.…``) are left out.
    """
    import importlib.metadata

    from packaging.requirements import Requirement

    try:
        requirements = [Requirement(text) for text in importlib.metadata.requires(DISTRIBUTION) or []]
    except importlib.metadata.PackageNotFoundError:
        return {}
    found: dict[str, str] = {}
    for extra in importlib.metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or []:
        for requirement in requirements:
            marker = requirement.marker
            if marker and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""}):
                name = requirement.name.lower()
                found.setdefault(_IMPORT_NAMES.get(name, name.replace("-", "_")), extra)
    return found
