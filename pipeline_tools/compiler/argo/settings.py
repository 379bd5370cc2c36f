"""What the caller of the compiler chooses for the Argo Workflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ArgoSettings:
    """Choices for the Argo Workflow.

    Attributes:
        service_account: Who the pods run as; it needs the rights in ``docs/argo/service-account.yaml``.
        memoize: How long a step's result answers for another step with the same content, as Argo writes durations
            (``"24h"``); by default every step runs.
        memoize_config_map: Where Argo keeps what it remembers.
        helper_image: Runs importers; needs a POSIX shell.
        patch: Laid over the finished manifest as a JSON merge patch (RFC 7386), to override any default: ``{"spec":
            {"ttlStrategy": null}}`` takes one out.
    """

    service_account: str = "pipeline-runner"
    memoize: str | None = None
    memoize_config_map: str = "pipeline-cache"
    helper_image: str = "busybox:1.37"
    patch: Mapping[str, Any] = field(default_factory=dict)


__all__ = ["ArgoSettings"]
