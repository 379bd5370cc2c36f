"""What the steps before and beside an analysis left: statistics, anomalies, drift, features, the matrix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.commands.report.choose import ReportContent
from components.commands.report.lineage import Lineage, given_artifacts, given_parameters
from components.lib.report.data import Data, read_json
from components.lib.report.roles import CrossEvaluatesModels, EvaluatesModel, MeasuresDrift, ReadsExamples, TrainsModel
from pipeline_tools.runs.result import Step

_Reader = tuple[Step, ReadsExamples]


def find_data(lineage: Lineage, shown: ReportContent) -> Data:
    """Find what is known of the examples that the models were trained and evaluated on.

    Args:
        lineage: The run.
        shown: The models.

    Returns:
        The splits ``train`` and ``eval``; where the models differ in one, it goes by the model's name, too.
    """
    readers: dict[str, dict[str, _Reader]] = {"train": {}, "eval": {}}
    for name, uri in shown.evaluations.items():
        evaluating, training = _makers(lineage, uri)
        for split, maker in (("train", training), ("eval", evaluating)):
            if maker and (reader := _reader(lineage, given_artifacts(maker[0]).get(maker[1].examples))):
                readers[split][name] = reader
    if not any(readers.values()):  # a run that came no further
        for first in lineage.steps(ReadsExamples)[:1]:
            readers = {split: {"": first} for split in readers}
    statistics: dict[str, Any] = {}
    anomalies: dict[str, Any] = {}
    for split, by_model in readers.items():
        alike = len({step.name for step, _ in by_model.values()}) == 1
        for name, (step, role) in list(by_model.items())[: 1 if alike else None]:
            label = split if alike else f"{split} ({name})"
            described = read_json(lineage.find(step.artifacts[role.statistics]), "statistics.json").get(split)
            if described:
                statistics[label] = described
            anomalies[label] = read_json(lineage.find(step.artifacts[role.anomalies]), "anomalies.json").get(split, {})
    drift: Mapping[str, Any] = {}
    for step, measures in lineage.steps(MeasuresDrift)[-1:]:
        drift = read_json(lineage.find(step.artifacts[measures.drift]), "drift.json")
    return Data(statistics, anomalies, drift)


def find_matrix(lineage: Lineage, shown: ReportContent) -> Mapping[str, Any] | None:
    """Find how each of these models does on the rows of the others, if that was tried."""
    for step, role in lineage.steps(CrossEvaluatesModels)[-1:]:
        matrix: Mapping[str, Any] = read_json(lineage.find(step.artifacts[role.matrix]), "matrix.json")
        if set(matrix["models"]) == set(shown.evaluations):
            return matrix
    return None


def find_features(lineage: Lineage, shown: ReportContent) -> dict[str, list[dict[str, Any]]] | None:
    """Read what each model sees from the transform graph it was trained with, which knows the sizes of vocabularies.

    Args:
        lineage: The run.
        shown: The models.

    Returns:
        By model, its features; None of another's pipeline, of which the evaluations may still tell.
    """
    found = {}
    for name, uri in shown.evaluations.items():
        evaluating, training = _makers(lineage, uri)
        if not evaluating or not training:
            return None
        graph = given_artifacts(training[0]).get(training[1].transform_graph)
        label_key = given_parameters(evaluating[0]).get(evaluating[1].label_key)
        if graph is None or label_key is None:
            return None
        found[name] = _read_features(lineage.find(graph), label_key)
    return found or None


def _makers(
    lineage: Lineage, evaluation: str
) -> tuple[tuple[Step, EvaluatesModel] | None, tuple[Step, TrainsModel] | None]:
    """Find the step that made an evaluation, and the one that trained its model."""
    step = lineage.maker(evaluation)
    role = lineage.role(step, EvaluatesModel)
    if step is None or role is None:
        return None, None
    trainer = lineage.maker(given_artifacts(step).get(role.model))
    trains = lineage.role(trainer, TrainsModel)
    return (step, role), (trainer, trains) if trainer and trains else None


def _reader(lineage: Lineage, examples: str | None) -> _Reader | None:
    step = lineage.maker(examples)
    role = lineage.role(step, ReadsExamples)
    return (step, role) if step and role else None


def _read_features(graph: Path, label_key: str) -> list[dict[str, Any]]:
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    from components.training.features import model_features

    text = (graph / "transformed_metadata" / "schema.pbtxt").read_text(encoding="utf-8")
    features = model_features(text_format.Parse(text, schema_pb2.Schema()), label_key)
    return [
        {"name": each.name, "kind": "category" if each.is_category else "number", "size": each.size}
        for each in features
    ]
