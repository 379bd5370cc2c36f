"""The arguments of a model module's ``build_model``: what it accepts is up to the module."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from components.lib.options import unknown_key
from pipeline_tools.errors import InputError


def check_hyperparameters(build_model: Callable[..., Any], given: Mapping[str, Any], model_module: str) -> None:
    """Check that ``build_model(features, seed=…, **hyperparameters)`` can be called.

    Args:
        build_model: Of the model module.
        given: The hyperparameters.
        model_module: As it was given, for errors.

    Raises:
        InputError: ``build_model`` does not accept ``features`` and ``seed`` or one of the hyperparameters, or requires
            another. The message names those that it accepts.
    """
    signature = inspect.signature(build_model)
    accepted = {
        name: each
        for at, (name, each) in enumerate(signature.parameters.items())
        if at > 0 and name != "seed" and each.kind in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD)
    }
    try:
        signature.bind((), seed=0, **{name: given[name] for name in accepted if name in given})
    except TypeError as error:
        raise InputError(
            f"model_module={model_module}: cannot call build_model(features, seed=…, **hyperparameters): {error}; "
            "give it among the hyperparameters, or with a default in build_model"
        ) from error
    if any(each.kind is each.VAR_KEYWORD for each in signature.parameters.values()):
        return
    problems = [
        f"hyperparameters.{name}: {unknown_key(name, accepted)} (of build_model in {model_module})"
        for name in given
        if name not in accepted
    ]
    if problems:
        raise InputError("\n".join(problems))
