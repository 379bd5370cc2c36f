"""One branch of a workflow: from examples to a judged model, and on to where it is served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kfp import dsl

from components import ml_engine_deploy, tf_serving_deploy, tfma_analyze, tft_preprocess, train
from taxi_pipeline.schema import LABEL_KEY, RULE_COLUMN, RULE_VALUE


def _names(*same: str, **others: str) -> dict[str, str]:
    return {**{name: name for name in same}, **others}


BEAM = _names(
    *("project", "region", "worker_image", "machine_type", "max_workers", "network", "service_account", "labels"),
    *("beam_runner", "beam_flags"),
    temp_location="working_dir",
)
"""What components with Beam work take alike: by their name of it, the workflows'."""

TRAINING = _names(
    *("model_module", "train_steps", "batch_size", "hidden_units", "learning_rate", "wide_learning_rate", "seed"),
    *("workers", "pss", "train_mode", "working_dir", "worker_image"),
    namespace="train_namespace",
    service_account="train_service_account",
)
"""What `train` takes, likewise."""

DEPLOYMENT = _names("model_base_path", "deploy_mode", "ml_engine_base_path", "project", "region", "model_module")
"""What `deploy` takes, likewise."""


def take(parameters: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Take the arguments of a component out of a workflow's parameters.

    Args:
        parameters: By name.
        names: By the component's name of each argument, the workflow's.

    Returns:
        The arguments, by the component's names.
    """
    return {name: parameters[theirs] for name, theirs in names.items()}


def job_name(step: str) -> str:
    """Name the Beam job of a step: the run's name, then the step's."""
    return f"{dsl.PIPELINE_JOB_NAME_PLACEHOLDER}-{step}"


class Branch(NamedTuple):
    """What later steps take from a branch: the outputs of its tasks."""

    model: Any
    evaluation: Any
    metrics: Any


def train_and_judge(
    number: int,
    *,
    train_examples: Any,
    eval_examples: Any,
    preprocessing_module: Any,
    eval_config: Any,
    training: dict[str, Any],
    beam: dict[str, Any],
) -> Branch:
    """Add the tasks of a branch to the pipeline that is being defined.

    Args:
        number: Of the branch; its tasks are shown as ``preprocess1``, ``train1``, ``analyze1``.
        train_examples: `examples` artifact with the train split.
        eval_examples: `examples` artifact with the eval split; it may be the same.
        preprocessing_module: Path or dotted name of the feature-engineering variant.
        eval_config: Path or dotted name of slices, metrics and thresholds.
        training: Further arguments of the `train` component.
        beam: Where Beam work runs: ``preprocess_mode``, ``tfma_mode``, and what both components take alike.

    Returns:
        The branch's outputs.
    """
    alike = {name: value for name, value in beam.items() if name not in ("preprocess_mode", "tfma_mode")}
    transformed = tft_preprocess(
        examples=train_examples,
        preprocessing_module=preprocessing_module,
        preprocess_mode=beam["preprocess_mode"],
        job_name=job_name(f"preprocess{number}"),
        **alike,
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
    analyzed = tfma_analyze(
        examples=eval_examples,
        model=trained.outputs["model"],
        eval_config=eval_config,
        label_key=LABEL_KEY,
        rule_column=RULE_COLUMN,
        rule_value=RULE_VALUE,
        tfma_mode=beam["tfma_mode"],
        job_name=job_name(f"analyze{number}"),
        **alike,
    )
    analyzed.set_display_name(f"analyze{number}")
    return Branch(trained.outputs["model"], analyzed.outputs["evaluation"], analyzed.outputs["metrics"])


def deploy(
    number: int, branch: Branch, *, examples: Any, preprocessing_module: Any, parameters: dict[str, Any]
) -> None:
    """Add the deploy tasks of a branch; each runs only where its base path is given.

    Args:
        number: Of the branch; its model is called ``taxi1``.
        branch: What `train_and_judge` returned.
        examples: `examples` artifact with the eval split, from which golden requests are taken.
        preprocessing_module: Of the branch; its hash goes into the receipt.
        parameters: Those of `DEPLOYMENT`.
    """
    common = {
        "model": branch.model,
        "examples": examples,
        "evaluation": branch.evaluation,
        "metrics": branch.metrics,
        "model_name": f"taxi{number}",
        "code_modules": [preprocessing_module, parameters["model_module"]],
    }
    with dsl.If(parameters["model_base_path"] != "", name=f"serve{number}"):
        tf_serving_deploy(
            **common, model_base_path=parameters["model_base_path"], deploy_mode=parameters["deploy_mode"]
        ).set_display_name(f"tf-serving{number}")
    with dsl.If(parameters["ml_engine_base_path"] != "", name=f"serve-on-vertex{number}"):
        ml_engine_deploy(
            **common,
            model_base_path=parameters["ml_engine_base_path"],
            project=parameters["project"],
            region=parameters["region"],
        ).set_display_name(f"ml-engine{number}")
