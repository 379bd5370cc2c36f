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
    train_steps: int = 1000,
    batch_size: int = 40,
    hidden_units: list = [100, 70, 50, 25],  # noqa: B006 - a component's defaults are part of its specification
    learning_rate: float = 0.02,
    wide_learning_rate: float = 0.02,
    seed: int = 1,
    workers: int = 1,
    pss: int = 0,
    checkpoint_dir: str = "",
    checkpoint_steps: int = 200,
    max_restarts: int = 3,
    train_mode: str = "local",
    working_dir: str = "",
    job_kind: str = "",
    namespace: str = "default",
    worker_image: str = "",
    runtime: str = "",
    service_account: str = "",
    cpu: str = "1",
    memory: str = "2Gi",
    deadline_seconds: int = 86400,
    train_epochs: int = 0,
    weight_key: str = "",
):
    """Train a model on transformed examples and export it as a SavedModel that takes raw rows.

    Args:
        examples: What example_gen wrote; its schema says what the model is served with.
        transformed_examples: What tft_preprocess wrote.
        transform_graph: What tft_preprocess wrote.
        model_module: Path or dotted name of a module with `build_model`.
        label_key: The label among the transformed features.
        model: A SavedModel with the signatures serving_default, serving_raw and transform_features.
        metrics: Loss on the train split; log loss, accuracy and AUC on the eval split.
        train_steps: Number of batches to train on; 0 where train_epochs says how long.
        batch_size: Examples a batch; of several workers, of all of them together.
        hidden_units: Units of each hidden layer.
        learning_rate: Of the deep part.
        wide_learning_rate: Of the wide part.
        seed: Of the initial weights and of the order of examples.
        workers: How many processes train together, each on its share of every batch. The weights are those that one
            gives, but for rounding.
        pss: Parameter servers. Keras 3 has none: must be 0; give workers instead.
        checkpoint_dir: Where several workers write checkpoints, and where they go on from; empty keeps them for as long
            as the step takes.
        checkpoint_steps: Steps between two checkpoints.
        max_restarts: How often the workers are started again, from the last checkpoint, when one is lost.
        train_mode: local, by processes of this step, or cloud, by a job on Kubernetes with a pod for each worker. The
            parameters below belong to cloud.
        working_dir: gs://bucket/path for checkpoints and the model, until the step has taken it.
        job_kind: trainjob (Kubeflow Trainer v2) or tfjob (Training Operator v1); empty: what the cluster offers.
        namespace: Where the job runs.
        worker_image: The image of the workers; empty for the one that steps run in.
        runtime: Name of a ClusterTrainingRuntime for a TrainJob; empty: one of the job's own.
        service_account: The pods' Kubernetes service account, which must be allowed to use working_dir.
        cpu: What a pod asks for.
        memory: What a pod asks for and may take.
        deadline_seconds: How long the job may take, restarts included.
        train_epochs: How often to go through the labelled train rows, instead of train_steps, which must then be 0.
        weight_key: Raw column that weighs the examples in training and in the metrics; empty counts all alike.
    """
    from components.training.fit import fit

    values = fit(
        examples.path,
        transformed_examples.path,
        transform_graph.path,
        model_module,
        label_key=label_key,
        model=model.path,
        train_steps=train_steps,
        batch_size=batch_size,
        hidden_units=hidden_units,
        learning_rate=learning_rate,
        wide_learning_rate=wide_learning_rate,
        seed=seed,
        train_epochs=train_epochs,
        weight_key=weight_key,
        workers=workers,
        pss=pss,
        checkpoint_dir=checkpoint_dir,
        checkpoint_steps=checkpoint_steps,
        max_restarts=max_restarts,
        train_mode=train_mode,
        job={
            "working_dir": working_dir,
            "job_kind": job_kind,
            "namespace": namespace,
            "worker_image": worker_image,
            "runtime": runtime,
            "service_account": service_account,
            "cpu": cpu,
            "memory": memory,
            "deadline_seconds": deadline_seconds,
        },
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
    from components.training.options import problems

    return problems(inputs, image)


REGISTRATION = Registration(factory=train, check=_check, page=TrainsModel())
