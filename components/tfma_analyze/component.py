"""The factory of the `tfma_analyze` step."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import HTML, Artifact, ClassificationMetrics, Dataset, Input, Metrics, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def tfma_analyze(
    examples: Input[Dataset],
    model: Input[Model],
    eval_config: str,
    label_key: str,
    evaluation: Output[Artifact],
    metrics: Output[Metrics],
    classification_metrics: Output[ClassificationMetrics],
    report: Output[HTML],
    rule_column: str = "",
    rule_value: str = "",
) -> NamedTuple("Outputs", [("blessed", bool), ("reason", str)]):
    """Judge a model on the raw eval examples with TFMA, slice by slice.

    Args:
        examples: What example_gen wrote.
        model: A SavedModel with the signatures serving_default and transform_features.
        eval_config: Path or dotted name of a TFMA EvalConfig in text form: slices, metrics, thresholds.
        label_key: The label among the transformed features.
        evaluation: TFMA's result directory, with the predictions and the verdict inside.
        metrics: The scalars over all examples.
        classification_metrics: ROC curve and confusion matrix, which the Pipelines UI draws.
        report: The analysis as one HTML file that needs no network.
        rule_column: A raw column; the rule that serves as a baseline beside the more frequent label predicts label 1
            where it has rule_value. Empty for no such rule.
        rule_value: See rule_column.

    Returns:
        Whether the model is blessed, and why.
    """
    from components.tfma_analyze.analyze import analyze

    found = analyze(
        examples.path,
        model.path,
        eval_config,
        label_key=label_key,
        evaluation=evaluation.path,
        report=report.path,
        rule_column=rule_column,
        rule_value=rule_value,
    )
    metrics.metadata.update(found["metrics"])
    if "roc" in found:
        classification_metrics.log_roc_curve(**found["roc"])
        classification_metrics.log_confusion_matrix(["0", "1"], found["confusion_matrix"])
    return (found["verdict"].blessed, found["verdict"].reason)
