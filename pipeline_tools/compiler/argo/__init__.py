"""A compiled pipeline as an Argo Workflow."""

from pipeline_tools.compiler.argo.settings import ArgoSettings
from pipeline_tools.compiler.argo.workflow import lower, manifest_size, workflow_yaml

__all__ = ["ArgoSettings", "lower", "manifest_size", "workflow_yaml"]
