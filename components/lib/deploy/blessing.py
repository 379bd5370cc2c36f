"""The gate before a deployment: only a blessed model passes, or one that somebody lets pass by name."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline_tools.errors import InputError

VERDICT = "verdict.json"


class NotBlessedError(InputError):
    """The model was judged, and not blessed."""


@dataclass(frozen=True)
class Blessing:
    """How a model came through the gate.

    Attributes:
        blessed: What the evaluation says.
        reason: Why, in its words.
        overridden: Whether it passed although it is not blessed.
    """

    blessed: bool
    reason: str
    overridden: bool

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON can hold it."""
        return asdict(self)


def check_blessing(evaluation: str, deploy_unblessed: bool) -> Blessing:
    """Let a model through, or not.

    Args:
        evaluation: Directory of an `evaluation` artifact.
        deploy_unblessed: Let a model pass that is not blessed. The provenance records it.

    Returns:
        How it passed.

    Raises:
        NotBlessedError: The model is not blessed, and nobody lets it pass.
        InputError: The directory holds no verdict.
    """
    path = Path(evaluation) / VERDICT
    try:
        verdict = json.loads(path.read_text(encoding="utf-8"))
        blessed, reason = bool(verdict["blessed"]), str(verdict["reason"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: no verdict to read, so this is no evaluation of tfma_analyze: {error}") from None
    if not blessed and not deploy_unblessed:
        raise NotBlessedError(f"not deployed: {reason}. To deploy it all the same, set deploy_unblessed")
    return Blessing(blessed, reason, overridden=not blessed)
