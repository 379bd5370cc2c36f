"""A compiled pipeline as an Argo Workflow."""

from taxi_pipeline.compiler.argo.settings import ArgoSettings
from taxi_pipeline.compiler.argo.workflow import lower, manifest_size, workflow_yaml

__all__ = ["ArgoSettings", "lower", "manifest_size", "workflow_yaml"]
