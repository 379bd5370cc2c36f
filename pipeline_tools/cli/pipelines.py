"""Find a workflow by the name that a person gives on the command line."""

from __future__ import annotations

import importlib

from kfp.dsl.base_component import BaseComponent

from pipeline_tools.errors import InputError

WORKFLOWS = ("workflow1", "workflow2")
"""The workflows of this package, each a module with a pipeline function of its own name."""


def find_workflow(name: str) -> BaseComponent | str:
    """Find what a name means.

    Args:
        name: A workflow of this package (``workflow1``), a pipeline of one's own (``my_module:my_pipeline``), or the
            path of a package (``.tar.gz``) or specification (``.yaml``).

    Returns:
        The pipeline, or the path as it was given.

    Raises:
        InputError: The name means nothing; the message lists what would.
    """
    if name.endswith((".tar.gz", ".yaml", ".yml")):
        return name
    module, _, attribute = name.partition(":")
    if name in WORKFLOWS:
        module, attribute = f"taxi_pipeline.{name}", name
    if not attribute:
        raise InputError(
            f"{name!r} is no workflow. Give one of {', '.join(WORKFLOWS)}, a package (.tar.gz), a specification "
            "(.yaml), or a pipeline of your own as module:function"
        )
    try:
        pipeline = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise InputError(f"{name!r}: no module {error.name!r}; is it on the Python path (PYTHONPATH)?") from error
    except AttributeError as error:
        raise InputError(f"{name!r}: module {module!r} has no {attribute!r}") from error
    if not isinstance(pipeline, BaseComponent):
        raise InputError(f"{name!r} is not a pipeline; decorate it with @dsl.pipeline")
    return pipeline
