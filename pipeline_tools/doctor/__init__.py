"""Check a machine, a cluster, a project and their services before a run depends on them."""

from pipeline_tools.doctor.finding import Finding, Level

__all__ = ["Finding", "Level"]
