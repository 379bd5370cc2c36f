"""The gate before a deployment: only a blessed model passes, or one that somebody lets pass by name."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from components.lib.artifacts.evaluation import read_verdict
from pipeline_tools.errors import InputError


class NotBlessedError(InputError):
    """The model was evaluated, and is not blessed."""


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
    verdict = read_verdict(evaluation)
    blessed, reason = verdict["blessed"], verdict["reason"]
    if not blessed and not deploy_unblessed:
        raise NotBlessedError(f"not deployed: {reason}. To deploy it all the same, set deploy_unblessed")
    return Blessing(blessed, reason, overridden=not blessed)
