"""The one image that every component runs in."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def _version() -> str:
    try:
        return version("taxi-pipeline")
    except PackageNotFoundError:  # a source tree that was never installed
        return "dev"


IMAGE = f"taxi-pipeline-python:{_version()}"
"""Default image of every step. ``pipeline_tools.compiler.compile_package(image=…)`` puts another in its place."""
