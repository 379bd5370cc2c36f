"""The one image that every component runs in."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version

IMAGE_VARIABLE = "PIPELINE_IMAGE"
"""Environment variable of a step that was compiled with another image than `IMAGE`: the name of that image."""


def _version() -> str:
    try:
        return version("taxi-pipeline")
    except PackageNotFoundError:  # a source tree that was never installed
        return "dev"


IMAGE = f"taxi-pipeline-python:{_version()}"
"""Default image of every step. ``pipeline_tools.compiler.compile_package(image=…)`` puts another in its place."""


def step_image() -> str:
    """Name the image that this step runs in, which is what workers that it starts run in, too.

    Returns:
        What the package was compiled with, else `IMAGE`.
    """
    return os.environ.get(IMAGE_VARIABLE) or IMAGE
