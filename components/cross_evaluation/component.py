"""The factory of the `cross_judge` step."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output

from pipeline_tools.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def cross_judge(
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
):
    """Judge two models on the eval rows of each other's source, and of their own.

    Args:
        model1: A SavedModel.
        model2: Another one.
        train_examples1: What the first model was trained on; nothing of it may be among the eval rows.
        train_examples2: The same of the second model.
        eval_examples1: Examples with an eval split from where the first model's came.
        eval_examples2: The same of the second model.
        name1: What to call the first model and its examples.
        name2: The same of the second.
        label_key: The label among the transformed features.
        matrix: matrix.json: the AUC of each model on each set, with a 95 % interval.
        metrics: The four AUCs.
    """
    from components.cross_evaluation.cross_evaluate import cross_judge, flat_metrics

    found = cross_judge(
        {name1: model1.path, name2: model2.path},
        {name1: train_examples1.path, name2: train_examples2.path},
        {f"rows of {name1}": eval_examples1.path, f"rows of {name2}": eval_examples2.path},
        label_key=label_key,
        matrix=matrix.path,
    )
    metrics.metadata.update(flat_metrics(found))
