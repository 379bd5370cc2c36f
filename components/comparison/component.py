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
    trainings1: Input[Artifact] = None,
    trainings2: Input[Artifact] = None,
) -> NamedTuple("Outputs", [("conclusion", str)]):
    """Say which of two models is better on the same eval examples, by how much, and whether that is more than noise.

    Args:
        examples: The examples that both models were evaluated on.
        evaluation1: What tfma_analyze wrote of the first model on these examples.
        evaluation2: What tfma_analyze wrote of the second model on these examples.
        name1: The name by which the conclusion calls the first model.
        name2: The name by which the conclusion calls the second model.
        label_key: Name of the label among the transformed features.
        rule_column: A raw column; the rule that serves as baseline predicts label 1 where it has rule_value.
        rule_value: The value of rule_column for which the baseline rule predicts label 1, as text.
        comparison: comparison.json: the conclusion, and every number with its 95 % interval.
        metrics: AUC and accuracy of models and baselines; the difference with its interval.
        report: Both models side by side, slice by slice: one file that needs no network.
        trainings1: What train wrote of the first model's trainings, from which the conclusion says what was held equal
            and how far the training seed moves the difference. Optional, together with trainings2.
        trainings2: What train wrote of the second model's trainings. Optional, together with trainings1.

    Returns:
        The conclusion in a few sentences.
    """
    from components.comparison.compare import compare, flat_metrics

    trainings = {name1: trainings1, name2: trainings2}
    result = compare(
        examples.path,
        {name1: evaluation1.path, name2: evaluation2.path},
        label_key=label_key,
        rule_column=rule_column,
        rule_value=rule_value,
        comparison=comparison.path,
        trainings={name: each.path for name, each in trainings.items() if each},
        report=report.path,
    )
    metrics.metadata.update(flat_metrics(result))
    return (result["conclusion"],)


REGISTRATION = Registration(factory=compare, page=ComparesModels())
