"""Choose what the page of a run is about: its models, and how they compare."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.commands.report.lineage import Lineage, given_artifacts, given_parameters
from pipeline_tools.errors import InputError
from pipeline_tools.runs.result import Step


@dataclass(frozen=True)
class Judged:
    """What a page is about.

    Attributes:
        evaluations: By the name of the model, the URI of its evaluation.
        comparison: Content of ``comparison.json``, where two were compared.
    """

    evaluations: Mapping[str, str]
    comparison: Mapping[str, Any] | None = None


def choose(lineage: Lineage, wanted: str | None) -> Judged:
    """Choose the models of a run.

    Args:
        lineage: The run.
        wanted: Name or display name of a `compare` or `tfma_analyze` step; by default the last comparison, else every
            analysis.

    Returns:
        The models; none, of a run that judged none.

    Raises:
        InputError: The run has no such step.
    """
    comparing, judging = lineage.steps_with("comparison"), lineage.steps_with("evaluation")
    if wanted is not None:
        known = [*comparing, *judging]
        comparing = [step for step in comparing if wanted in (step.name, step.display_name)]
        judging = [step for step in judging if wanted in (step.name, step.display_name)]
        if not comparing and not judging:
            names = ", ".join(step.label for step in known) or "none, for none judged a model"
            raise InputError(f"step {wanted!r} has nothing to show; the steps that have are: {names}")
    if comparing:
        return _compared(lineage, comparing[-1])
    if len(judging) == 1:
        return Judged({"The model": judging[0].artifacts["evaluation"].uri})
    return Judged({step.display_name or step.name: step.artifacts["evaluation"].uri for step in judging})


def _compared(lineage: Lineage, step: Step) -> Judged:
    """Find the evaluations that were compared: inputs ``evaluation1`` ... with parameters ``name1`` ... beside them."""
    names, prefix = given_parameters(step), "evaluation"
    evaluations = {
        str(names.get(f"name{name.removeprefix(prefix)}", name)): uri
        for name, uri in sorted(given_artifacts(step).items())
        if name.startswith(prefix)
    }
    path = lineage.find(step.artifacts["comparison"]) / "comparison.json"
    return Judged(evaluations, json.loads(path.read_text(encoding="utf-8")))
