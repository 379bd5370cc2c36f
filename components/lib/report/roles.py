"""What the page of a run shows of a component's steps: the component says so in its registration (`Registration.page`).

Each role names the component's own inputs and outputs; the defaults are the names that our components use. An output is
a directory with the files that our components write.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadsExamples:
    """Makes examples, and describes them.

    Attributes:
        examples: Output: what later steps are given.
        statistics: Output with ``statistics.json``.
        anomalies: Output with ``anomalies.json``.
    """

    examples: str = "examples"
    statistics: str = "statistics"
    anomalies: str = "anomalies"


@dataclass(frozen=True)
class TrainsModel:
    """Trains a model.

    Attributes:
        model: Output.
        examples: Input: what it is trained on.
        transform_graph: Input: tells the features and the sizes of vocabularies.
    """

    model: str = "model"
    examples: str = "examples"
    transform_graph: str = "transform_graph"


@dataclass(frozen=True)
class EvaluatesModel:
    """Evaluates a model.

    Attributes:
        evaluation: Output: a TFMA result.
        model: Input.
        examples: Input: what the model is evaluated on.
        label_key: Input parameter.
    """

    evaluation: str = "evaluation"
    model: str = "model"
    examples: str = "examples"
    label_key: str = "label_key"


@dataclass(frozen=True)
class ComparesModels:
    """Compares models.

    Attributes:
        comparison: Output with ``comparison.json``.
        evaluations: By the input parameter that names a model, the input with its evaluation.
    """

    comparison: str = "comparison"
    evaluations: tuple[tuple[str, str], ...] = (("name1", "evaluation1"), ("name2", "evaluation2"))


@dataclass(frozen=True)
class MeasuresDrift:
    """Measures how far columns have moved.

    Attributes:
        drift: Output with ``drift.json``.
    """

    drift: str = "drift"


@dataclass(frozen=True)
class CrossEvaluatesModels:
    """Evaluates each model on the rows of the others.

    Attributes:
        matrix: Output with ``matrix.json``.
    """

    matrix: str = "matrix"
