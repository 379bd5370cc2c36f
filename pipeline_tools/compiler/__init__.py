"""From a pipeline function to the package that is uploaded, submitted, or run on this machine."""

from components.lib.checks import check_modes
from pipeline_tools.compiler.argo import ArgoSettings, lower, workflow_yaml
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
    "check_modes",
    "compile_package",
    "lower",
    "package_members",
    "pipeline_yaml",
    "read_documents",
    "read_spec",
    "workflow_yaml",
    "write_package",
]
