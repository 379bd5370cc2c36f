"""The factory of the `cross_evaluate` step."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output

from components.lib.report.roles import CrossEvaluatesModels
from pipeline_tools.image import IMAGE
from pipeline_tools.registry import Registration


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def cross_evaluate(
    model1: Input[Model],
    model2: Input[Model],
    train_examples1: Input[Dataset],
    train_examples2: Input[Dataset],
    eval_examples1: Input[Dataset],
    eval_examples2: Input[Dataset],
    name1: str,
    name2: str,
    label_key: str,
    matrix: Output[Artifact],
    metrics: Output[Metrics],
    weight_key: str = "",
):
    """Evaluate two models on the eval rows of each other's source, and of their own.

    Args:
        model1: The SavedModel of the first variant, as train writes it.
        model2: The SavedModel of the second variant, as train writes it.
        train_examples1: Examples that the first model was trained on; none of them may be among the eval rows.
        train_examples2: Examples that the second model was trained on; none of them may be among the eval rows.
        eval_examples1: Examples with an eval split from the source of the first model's train examples.
        eval_examples2: Examples with an eval split from the source of the second model's train examples.
        name1: What the result calls the first model and its examples.
        name2: What the result calls the second model and its examples.
        label_key: Name of the label among the transformed features.
        matrix: matrix.json: the AUC of each model on each set of eval rows, with a 95 % interval.
        metrics: The AUC of each model on each set of eval rows.
        weight_key: Raw column that weighs the eval rows; empty counts all alike.
    """
    from components.cross_evaluation.cross_evaluate import cross_evaluate, flat_metrics

    result = cross_evaluate(
        {name1: model1.path, name2: model2.path},
        {name1: train_examples1.path, name2: train_examples2.path},
        {f"rows of {name1}": eval_examples1.path, f"rows of {name2}": eval_examples2.path},
        label_key=label_key,
        weight_key=weight_key,
        matrix=matrix.path,
    )
    metrics.metadata.update(flat_metrics(result))


REGISTRATION = Registration(factory=cross_evaluate, page=CrossEvaluatesModels())
