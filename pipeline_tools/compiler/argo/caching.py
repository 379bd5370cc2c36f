"""KFP's caching as Argo's memoization."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pipeline_tools.compiler.argo.expressions import input_parameter, quote, tag
from pipeline_tools.compiler.argo.names import described
from pipeline_tools.compiler.argo.pods import Json
from pipeline_tools.compiler.argo.settings import ArgoSettings


def memoization(
    template: Json, component: Mapping[str, Any], chosen: str | None, age: str, settings: ArgoSettings
) -> Json:
    """Ask for an earlier result of the same step with the same inputs.

    Args:
        template: The step's template: image, command, environment and all count.
        component: The step's component. Its parameters count by value, its artifacts by the hash of their content that
            the launcher puts into their description; one without such a hash counts as new in every run.
        chosen: A key that the pipeline's author chose, which stands for all of that, as in KFP.
        age: How old a result may be.
        settings: Where the results are remembered.

    Returns:
        The ``memoize`` of the template.
    """
    definitions = component.get("inputDefinitions", {})
    content = hashlib.sha256(json.dumps({**template, "name": ""}, sort_keys=True).encode()).hexdigest()
    parts = [quote(content)]
    parts += [input_parameter(name) for name in sorted(definitions.get("parameters", {}))]
    for name in sorted(definitions.get("artifacts", {})):
        description = input_parameter(described(name))
        parts.append(f"{description} + (fromJSON({description}).fingerprint ?? workflow.uid)")
    key = ' + "|" + '.join([quote(chosen)] if chosen else parts)
    return {
        "key": tag(f"sprig.sha256sum({key})"),
        "maxAge": age,
        "cache": {"configMap": {"name": settings.memoize_config_map}},
    }


__all__ = ["memoization"]
