"""Names in the workflow that the specification does not give."""

from __future__ import annotations

import re


def described(artifact: str) -> str:
    """Name the parameter that describes an artifact (its name, type and metadata) on its way beside the bytes."""
    return f"{artifact}--artifact"


def template_name(component: str) -> str:
    """Name a template after its component, as Argo allows: letters, digits and dashes, 128 at most."""
    name = re.sub(r"[^a-zA-Z0-9-]+", "-", component.removeprefix("comp-")).strip("-")
    return name[:120] or "step"


__all__ = ["described", "template_name"]
