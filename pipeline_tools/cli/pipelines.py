"""Find a pipeline by the name that a person gives on the command line."""

from __future__ import annotations

import importlib

from kfp.dsl.base_component import BaseComponent

from pipeline_tools import registry
from pipeline_tools.errors import InputError


def find_workflow(name: str) -> BaseComponent | str:
    """Find what a name means.

    Args:
        name: A registered pipeline (``workflow1``), a pipeline of one's own (``my_module:my_pipeline``), or the path of
            a package (``.tar.gz``) or specification (``.yaml``).

    Returns:
        The pipeline, or the path as it was given.

    Raises:
        InputError: The name means nothing; the message lists what would.
    """
    if name.endswith((".tar.gz", ".yaml", ".yml")):
        return name
    module, _, attribute = name.partition(":")
    if not attribute:
        known = registry.entry_points(registry.PIPELINES)
        if name not in known:
            raise InputError(
                f"{name!r} is not a workflow. Give one of {', '.join(known)}, a package (.tar.gz), a specification "
                "(.yaml), or a pipeline of your own as module:function"
            )
        module, attribute = known[name].module, known[name].attr
    try:
        pipeline = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise InputError(f"{name!r}: no module {error.name!r}; is it on the Python path (PYTHONPATH)?") from error
    except AttributeError as error:
        raise InputError(f"{name!r}: module {module!r} has no {attribute!r}") from error
    if not isinstance(pipeline, BaseComponent):
        raise InputError(f"{name!r} is not a pipeline; decorate it with @dsl.pipeline")
    return pipeline
