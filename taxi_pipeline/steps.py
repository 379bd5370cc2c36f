"""The tasks that both workflows share: from examples to an evaluated model, and on to where it is served."""

from __future__ import annotations

from typing import Any, NamedTuple

from kfp import dsl

from components import ml_engine_deploy, tf_serving_deploy, tfma_analyze, tft_preprocess, train
from taxi_pipeline.schema import LABEL_KEY, RULE_COLUMN, RULE_VALUE


def job_name(step: str) -> str:
    """Name the Beam job of a step: the run's name, then the step's."""
    return f"{dsl.PIPELINE_JOB_NAME_PLACEHOLDER}-{step}"


class Variant(NamedTuple):
    """What later steps are given of one of the two models that a workflow compares: the outputs of its tasks."""

    model: Any
    trainings: Any
    evaluation: Any
    metrics: Any


def train_and_evaluate(
    number: int,
    *,
    train_examples: Any,
    eval_examples: Any,
    preprocessing_module: Any,
    eval_config: Any,
    preprocess_mode: Any,
    tfma_mode: Any,
    beam_options: Any,
    training: dict[str, Any],
) -> Variant:
    """Add the tasks of a variant to the pipeline that is being defined.

    Args:
        number: Of the variant; its tasks are shown as ``preprocess1``, ``train1``, ``evaluate1``.
        train_examples: `examples` artifact with the train split.
        eval_examples: `examples` artifact with the eval split; it may be the same.
        preprocessing_module: Path or dotted name of the feature engineering.
        eval_config: Path or dotted name of slices, metrics and thresholds.
        preprocess_mode: Of `tft_preprocess`.
        tfma_mode: Of `tfma_analyze`.
        beam_options: Of both.
        training: Further arguments of `train`.

    Returns:
        The variant's outputs.
    """
    transformed = tft_preprocess(
        examples=train_examples,
        preprocessing_module=preprocessing_module,
        preprocess_mode=preprocess_mode,
        beam_options=beam_options,
        job_name=job_name(f"preprocess{number}"),
    )
    transformed.set_display_name(f"preprocess{number}")
    trained = train(
        examples=train_examples,
        transformed_examples=transformed.outputs["transformed_examples"],
        transform_graph=transformed.outputs["transform_graph"],
        label_key=LABEL_KEY,
        **training,
    )
    trained.set_display_name(f"train{number}")
    evaluated = tfma_analyze(
        examples=eval_examples,
        model=trained.outputs["model"],
        eval_config=eval_config,
        label_key=LABEL_KEY,
        rule_column=RULE_COLUMN,
        rule_value=RULE_VALUE,
        tfma_mode=tfma_mode,
        beam_options=beam_options,
        job_name=job_name(f"evaluate{number}"),
    )
    evaluated.set_display_name(f"evaluate{number}")
    return Variant(
        trained.outputs["model"],
        trained.outputs["trainings"],
        evaluated.outputs["evaluation"],
        evaluated.outputs["metrics"],
    )


def deploy(
    number: int,
    variant: Variant,
    *,
    examples: Any,
    preprocessing_module: Any,
    model_module: Any,
    model_base_path: Any,
    deploy_mode: Any,
    ml_engine_base_path: Any,
    project: Any,
    region: Any,
) -> None:
    """Add the deploy tasks of a variant; each runs only where its base path is given.

    Args:
        number: Of the variant; its model is called ``taxi1``.
        variant: What `train_and_evaluate` returned.
        examples: `examples` artifact with the eval split, from which golden requests are made.
        preprocessing_module: Of the variant; its hash is noted in the deployment.
        model_module: Of the variant; its hash is noted in the deployment.
        model_base_path: Of `tf_serving_deploy`; empty where it shall not run.
        deploy_mode: Of `tf_serving_deploy`.
        ml_engine_base_path: Of `ml_engine_deploy`, its ``model_base_path``; empty where it shall not run.
        project: Of `ml_engine_deploy`.
        region: Of `ml_engine_deploy`.
    """
    common = {
        "model": variant.model,
        "examples": examples,
        "evaluation": variant.evaluation,
        "metrics": variant.metrics,
        "model_name": f"taxi{number}",
        "code_modules": [preprocessing_module, model_module],
    }
    with dsl.If(model_base_path != "", name=f"serve{number}"):
        tf_serving_deploy(**common, model_base_path=model_base_path, deploy_mode=deploy_mode).set_display_name(
            f"tf-serving{number}"
        )
    with dsl.If(ml_engine_base_path != "", name=f"serve-on-vertex{number}"):
        ml_engine_deploy(
            **common, model_base_path=ml_engine_base_path, project=project, region=region
        ).set_display_name(f"ml-engine{number}")
