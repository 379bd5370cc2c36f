"""The factory of the `train` step."""

from collections.abc import Iterable, Mapping
from typing import Any

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output

from components.lib.report.roles import TrainsModel
from pipeline_tools.image import IMAGE
from pipeline_tools.registry import Registration


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train(
    examples: Input[Dataset],
    transformed_examples: Input[Dataset],
    transform_graph: Input[Artifact],
    model_module: str,
    label_key: str,
    model: Output[Model],
    metrics: Output[Metrics],
    trainings: Output[Artifact],
    train_steps: int = 1000,
    batch_size: int = 40,
    hyperparameters: dict = {},  # noqa: B006 - a component's defaults are part of its specification
    seed: int = 1,
    seeds: int = 1,
    workers: int = 1,
    pss: int = 0,
    checkpoint_dir: str = "",
    checkpoint_steps: int = 200,
    max_restarts: int = 3,
    train_mode: str = "local",
    train_job: dict = {},  # noqa: B006
    train_epochs: int = 0,
    weight_key: str = "",
):
    """Train a model on transformed examples and export it as a SavedModel that takes raw rows.

    Args:
        examples: The examples that were transformed; their schema says what the model is served with.
        transformed_examples: The transformed examples to train on and to measure with, as tft_preprocess wrote them.
        transform_graph: The transform graph, as tft_preprocess wrote it, which becomes part of the model.
        model_module: Path or dotted name of a module that defines `build_model`.
        label_key: Name of the label among the transformed features.
        model: A SavedModel with the signatures serving_default, serving_raw and transform_features.
        metrics: Loss on the train split; log loss, accuracy and AUC on the eval split.
        trainings: How long the model was trained, and the SavedModels of further seeds, for compare.
        train_steps: Number of batches to train on; must be 0 where train_epochs says how long.
        batch_size: Number of examples in a batch; of several workers, in the batch of all of them together.
        hyperparameters: Keyword arguments for `build_model` of the model module, which decides what it accepts; what
            is left out has the module's default.
        seed: Seed of the initial weights and of the order of the examples.
        seeds: How many models to train one after another, with seed, seed + 1 and so on, so that compare can tell what
            the seed does; model is that of the first.
        workers: How many processes train together, each on its share of every batch; the weights are those that one
            process gives, but for rounding.
        pss: Number of parameter servers, which Keras 3 does not have: must be 0; give workers instead.
        checkpoint_dir: Where several workers write checkpoints and resume from; empty keeps checkpoints for as long as
            the step takes.
        checkpoint_steps: Number of training steps from one checkpoint to the next.
        max_restarts: How often the workers are started again, from the last checkpoint, when one is lost.
        train_mode: Where the model is trained: local, by processes of this step, or cloud, by a job on Kubernetes with
            a pod for each worker as train_job says.
        train_job: How the Kubernetes job of cloud mode runs, as a mapping with the keys working_dir, kind, namespace,
            worker_image, runtime, service_account, cpu, memory and deadline_seconds.
        train_epochs: How often to go through the labelled train rows, instead of train_steps, which must then be 0.
        weight_key: Raw column that weighs the examples in training and in the metrics; empty counts all alike.
    """
    from components.training.fit import fit
    from components.training.options import JobOptions
    from components.training.request import Request, Workers

    values = fit(
        Request(
            examples=examples.path,
            transformed_examples=transformed_examples.path,
            transform_graph=transform_graph.path,
            model_module=model_module,
            label_key=label_key,
            train_steps=train_steps,
            batch_size=batch_size,
            hyperparameters=hyperparameters,
            seed=seed,
            train_epochs=train_epochs,
            weight_key=weight_key,
        ),
        model.path,
        workers=Workers(workers, pss, checkpoint_dir, checkpoint_steps, max_restarts),
        seeds=seeds,
        trainings=trainings.path,
        job=JobOptions.of_step(train_mode, train_job),
        uris={
            "examples": examples.uri,
            "transformed_examples": transformed_examples.uri,
            "transform_graph": transform_graph.uri,
            "model": model.uri,
        },
    )
    metrics.metadata.update(values)
    model.metadata["framework"] = "tensorflow"


def _check(inputs: Mapping[str, Any], image: str) -> Iterable[str]:
    from components.training.options import check_inputs

    return check_inputs(inputs, image)


REGISTRATION = Registration(factory=train, check=_check, page=TrainsModel())
