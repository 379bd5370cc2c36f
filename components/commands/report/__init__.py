"""The report of a run as one HTML page.

``report.view(result)`` in a notebook, ``taxi-pipeline report RUN_DIR`` on the command line. The charts come from
`components.lib.report`, which knows nothing of runs, because the steps `tfma_analyze` and `compare` draw them too.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.commands.report.make import view, write

__all__ = ["view", "write"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("components.commands.report.make"), name)
