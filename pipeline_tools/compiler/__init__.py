"""From a pipeline function to the package that is uploaded, submitted, or run on this machine.

A name is imported when it is first asked for (PEP 562): the command line reads the compiler's defaults without kfp.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline_tools.compiler.argo.settings import ArgoSettings
    from pipeline_tools.compiler.argo.workflow import lower, workflow_yaml
    from pipeline_tools.compiler.package import (
        compile_package,
        package_members,
        pipeline_yaml,
        read_documents,
        read_spec,
        write_package,
    )

__all__ = [
    "ArgoSettings",
    "compile_package",
    "lower",
    "package_members",
    "pipeline_yaml",
    "read_documents",
    "read_spec",
    "workflow_yaml",
    "write_package",
]

_MODULES = {
    "ArgoSettings": "pipeline_tools.compiler.argo.settings",
    "lower": "pipeline_tools.compiler.argo.workflow",
    "workflow_yaml": "pipeline_tools.compiler.argo.workflow",
}
"""The modules of the public names that `package` does not define."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES.get(name, "pipeline_tools.compiler.package")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
