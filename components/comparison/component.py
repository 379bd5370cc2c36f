"""The factory of the `compare` step."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Output

from components.lib.report.roles import ComparesModels
from pipeline_tools.image import IMAGE
from pipeline_tools.registry import Registration


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def compare(
    examples: Input[Dataset],
    evaluation1: Input[Artifact],
    evaluation2: Input[Artifact],
    name1: str,
    name2: str,
    label_key: str,
    rule_column: str,
    rule_value: str,
    comparison: Output[Artifact],
    metrics: Output[Metrics],
    report: Output[HTML],
) -> NamedTuple("Outputs", [("conclusion", str)]):
    """Say which of two models is better on the same eval examples, by how much, and whether that is more than noise.

    Args:
        examples: What both models were judged on.
        evaluation1: What tfma_analyze wrote of the first model.
        evaluation2: What tfma_analyze wrote of the second model.
        name1: What to call the first model.
        name2: What to call the second model.
        label_key: The label among the transformed features.
        rule_column: A raw column; the rule that serves as baseline predicts label 1 where it has rule_value.
        rule_value: See rule_column.
        comparison: comparison.json: the conclusion, and every number with its 95 % interval.
        metrics: AUC and accuracy of models and baselines; the difference with its interval.
        report: Both models side by side, slice by slice: one file that needs no network.

    Returns:
        The conclusion in one or two sentences.
    """
    from components.comparison.compare import compare, flat_metrics

    found = compare(
        examples.path,
        {name1: evaluation1.path, name2: evaluation2.path},
        label_key=label_key,
        rule_column=rule_column,
        rule_value=rule_value,
        comparison=comparison.path,
        report=report.path,
    )
    metrics.metadata.update(flat_metrics(found))
    return (found["conclusion"],)


REGISTRATION = Registration(factory=compare, page=ComparesModels())
