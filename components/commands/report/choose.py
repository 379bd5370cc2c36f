"""Choose what the page of a run is about: its models, and how they compare."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.commands.report.lineage import Lineage, given_artifacts, given_parameters
from components.lib.report.roles import ComparesModels, EvaluatesModel
from pipeline_tools.errors import InputError
from pipeline_tools.runs.result import Step


@dataclass(frozen=True)
class ReportContent:
    """What a page is about.

    Attributes:
        evaluations: By the name of the model, the URI of its evaluation.
        comparison: Content of ``comparison.json``, where two were compared.
    """

    evaluations: Mapping[str, str]
    comparison: Mapping[str, Any] | None = None


def choose(lineage: Lineage, wanted: str | None) -> ReportContent:
    """Choose the models of a run.

    Args:
        lineage: The run.
        wanted: Name or display name of a `compare` or `tfma_analyze` step; by default the last comparison, else every
            analysis.

    Returns:
        The models; none, of a run that evaluated none.

    Raises:
        InputError: The run has no such step.
    """
    comparing, evaluating = lineage.steps(ComparesModels), lineage.steps(EvaluatesModel)
    if wanted is not None:
        known = [step for step, _ in (*comparing, *evaluating)]
        comparing = [(step, role) for step, role in comparing if wanted in (step.name, step.display_name)]
        evaluating = [(step, role) for step, role in evaluating if wanted in (step.name, step.display_name)]
        if not comparing and not evaluating:
            names = ", ".join(step.label for step in known) or "none, for none evaluated a model"
            raise InputError(f"step {wanted!r} has nothing to show; the steps that have are: {names}")
    if comparing:
        return _compared(lineage, *comparing[-1])
    if len(evaluating) == 1:
        [(step, role)] = evaluating
        return ReportContent({"The model": step.artifacts[role.evaluation].uri})
    shown_names = {step.name: step.display_name or step.name for step, _ in evaluating}
    if len(set(shown_names.values())) < len(shown_names):
        shown_names = {step.name: step.label for step, _ in evaluating}
    return ReportContent({shown_names[step.name]: step.artifacts[role.evaluation].uri for step, role in evaluating})


def _compared(lineage: Lineage, step: Step, role: ComparesModels) -> ReportContent:
    names, given = given_parameters(step), given_artifacts(step)
    evaluations = {str(names[name]): given[evaluation] for name, evaluation in role.evaluations}
    path = lineage.find(step.artifacts[role.comparison]) / "comparison.json"
    return ReportContent(evaluations, json.loads(path.read_text(encoding="utf-8")))
