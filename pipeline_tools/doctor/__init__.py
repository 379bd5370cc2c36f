"""Check what the project needs of a machine, a cluster, a project and their services, before a run finds out."""

from pipeline_tools.doctor.finding import Finding, Level

__all__ = ["Finding", "Level"]
