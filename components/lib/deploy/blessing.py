"""The check before a deployment: only a blessed model is deployed, unless that is overridden."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from components.lib.artifacts.evaluation import read_verdict
from pipeline_tools.errors import InputError


class NotBlessedError(InputError):
    """The model was evaluated, and is not blessed."""


@dataclass(frozen=True)
class Blessing:
    """Whether a model may be deployed, and why.

    Attributes:
        blessed: What the evaluation says.
        reason: Why, in its words.
        overridden: Whether it is deployed although it is not blessed.
    """

    blessed: bool
    reason: str
    overridden: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)


def check_blessing(evaluation: str, deploy_unblessed: bool) -> Blessing:
    """Check that a model may be deployed.

    Args:
        evaluation: Directory of an `evaluation` artifact.
        deploy_unblessed: Deploy a model that is not blessed; the provenance records it.

    Returns:
        The blessing.

    Raises:
        NotBlessedError: The model is not blessed, and that is not overridden.
        InputError: The directory contains no verdict.
    """
    verdict = read_verdict(evaluation)
    blessed, reason = verdict["blessed"], verdict["reason"]
    if not blessed and not deploy_unblessed:
        raise NotBlessedError(f"not deployed: {reason}. To deploy it anyway, set deploy_unblessed")
    return Blessing(blessed, reason, overridden=not blessed)
