"""What the steps before and beside an analysis left: statistics, anomalies, drift, features, the matrix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.commands.report.choose import Judged
from components.commands.report.lineage import Lineage, given_artifacts, given_parameters
from components.lib.report.data import Data, read_json

if TYPE_CHECKING:
    from pipeline_tools.runs.result import Step


def find_data(lineage: Lineage, judged: Judged) -> Data:
    """Find what is known of the examples that the models were trained and judged on.

    Args:
        lineage: The run.
        judged: The models.

    Returns:
        The splits ``train`` and ``eval``; where the models differ in one, it goes by the model's name, too.
    """
    readers: dict[str, dict[str, Step]] = {"train": {}, "eval": {}}
    for name, uri in judged.evaluations.items():
        judging = lineage.maker(uri)
        training = lineage.maker(given_artifacts(judging).get("model"))
        for split, step in (("train", training), ("eval", judging)):
            reader = lineage.maker(given_artifacts(step).get("examples"))
            if reader and "statistics" in reader.artifacts:
                readers[split][name] = reader
    if not any(readers.values()):  # a run that came no further
        for reader in lineage.steps_with("statistics")[:1]:
            readers = {split: {"": reader} for split in readers}
    statistics: dict[str, Any] = {}
    anomalies: dict[str, Any] = {}
    for split, by_model in readers.items():
        alike = len({step.name for step in by_model.values()}) == 1
        for name, reader in list(by_model.items())[: 1 if alike else None]:
            label = split if alike else f"{split} ({name})"
            found = read_json(lineage.find(reader.artifacts["statistics"]), "statistics.json").get(split)
            if found:
                statistics[label] = found
            if "anomalies" in reader.artifacts:
                anomalies[label] = read_json(lineage.find(reader.artifacts["anomalies"]), "anomalies.json").get(
                    split, {}
                )
    return Data(statistics, anomalies, _last(lineage, "drift", "drift.json"))


def find_matrix(lineage: Lineage, judged: Judged) -> Mapping[str, Any] | None:
    """Find how each of these models does on the rows of the others, if that was tried."""
    matrix = _last(lineage, "matrix", "matrix.json")
    return matrix if matrix and set(matrix["models"]) == set(judged.evaluations) else None


def find_features(lineage: Lineage, judged: Judged) -> dict[str, list[dict[str, Any]]] | None:
    """Read what each model sees from the transform graph it was trained with, which knows the sizes of vocabularies.

    Args:
        lineage: The run.
        judged: The models.

    Returns:
        By model, its features; None of another's pipeline, of which the evaluations may still tell.
    """
    found = {}
    for name, uri in judged.evaluations.items():
        judging = lineage.maker(uri)
        training = lineage.maker(given_artifacts(judging).get("model"))
        graph = given_artifacts(training).get("transform_graph")
        label_key = given_parameters(judging).get("label_key")
        if graph is None or label_key is None:
            return None
        found[name] = _read_features(lineage.find(graph), label_key)
    return found or None


def _last(lineage: Lineage, output: str, file: str) -> Mapping[str, Any]:
    steps = lineage.steps_with(output)
    return read_json(lineage.find(steps[-1].artifacts[output]), file) if steps else {}


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
