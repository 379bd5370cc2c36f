"""Turn a missing optional dependency into an error that says what to install."""

from __future__ import annotations

import importlib
from types import ModuleType

from pipeline_tools.errors import MissingExtraError


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
        raise MissingExtraError(
            f"{top} is not installed: it comes with the extra [{extra}]. Run: pip install 'taxi-pipeline[{extra}]'",
            name=error.name,
        ) from None
