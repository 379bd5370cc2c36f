"""One branch of a workflow: from examples to a judged model."""

from __future__ import annotations

from typing import Any, NamedTuple

from components import tfma_analyze, tft_preprocess, train
from taxi_pipeline.schema import LABEL_KEY, RULE_COLUMN, RULE_VALUE


class Branch(NamedTuple):
    """What later steps take from a branch: the outputs of its tasks."""

    model: Any
    evaluation: Any


def train_and_judge(
    number: int,
    *,
    train_examples: Any,
    eval_examples: Any,
    preprocessing_module: Any,
    eval_config: Any,
    training: dict[str, Any],
) -> Branch:
    """Add the tasks of a branch to the pipeline that is being defined.

    Args:
        number: Of the branch; its tasks are shown as ``preprocess1``, ``train1``, ``analyze1``.
        train_examples: `examples` artifact with the train split.
        eval_examples: `examples` artifact with the eval split; it may be the same.
        preprocessing_module: Path or dotted name of the feature-engineering variant.
        eval_config: Path or dotted name of slices, metrics and thresholds.
        training: Further arguments of the `train` component.

    Returns:
        The branch's outputs.
    """
    transformed = tft_preprocess(examples=train_examples, preprocessing_module=preprocessing_module)
    transformed.set_display_name(f"preprocess{number}")
    trained = train(
        examples=train_examples,
        transformed_examples=transformed.outputs["transformed_examples"],
        transform_graph=transformed.outputs["transform_graph"],
        label_key=LABEL_KEY,
        **training,
    )
    trained.set_display_name(f"train{number}")
    analyzed = tfma_analyze(
        examples=eval_examples,
        model=trained.outputs["model"],
        eval_config=eval_config,
        label_key=LABEL_KEY,
        rule_column=RULE_COLUMN,
        rule_value=RULE_VALUE,
    )
    analyzed.set_display_name(f"analyze{number}")
    return Branch(trained.outputs["model"], analyzed.outputs["evaluation"])
