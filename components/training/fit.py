"""Train a Keras model on transformed examples and export it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from components.training.local_workers import train_by_workers
from components.training.options import MODES, JobOptions
from components.training.request import Request, Workers
from components.training.seeds import train_seeds
from components.training.trainer import check_for_workers, make_plan, train_in_process
from pipeline_tools.errors import InputError


def fit(
    examples: str,
    transformed_examples: str,
    transform_graph: str,
    model_module: str,
    *,
    label_key: str,
    model: str,
    train_steps: int = 1000,
    batch_size: int = 40,
    hyperparameters: Mapping[str, Any] | None = None,
    seed: int = 1,
    train_epochs: int = 0,
    weight_key: str = "",
    workers: int = 1,
    pss: int = 0,
    checkpoint_dir: str = "",
    checkpoint_steps: int = 200,
    max_restarts: int = 3,
    seeds: int = 1,
    trainings: str | None = None,
    train_mode: str = "local",
    train_job: Mapping[str, Any] | None = None,
    uris: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Train a model and write it as a SavedModel.

    Args:
        examples: Directory of the `examples` artifact that was transformed; its schema says what the model is served
            with, and its rows which labels and weights there are.
        transformed_examples: Directory of a `transformed_examples` artifact. Without an eval split the model is
            trained and not evaluated.
        transform_graph: Directory of a `transform_graph` artifact.
        model_module: Path or dotted name of a module with ``build_model(features, *, seed, **hyperparameters)`` that
            returns a compiled ``keras.Model``. The model takes a dictionary of tensors
            of shape (batch,) and returns the probability of label 1, shape (batch, 1). With several workers its
            ``train_step`` runs in each of them on a share of the batch, and the optimizers add up the gradients: they
            must be those of a loss summed over the rows, or of its mean divided by the number of replicas (Keras's own
            ``train_step`` does that). A model with a ``train_step`` of its own then also has ``build_optimizers()``,
            which makes the optimizers' variables and returns the optimizers.
        label_key: The label among the transformed features: 0 or 1. A row that lacks a raw column from which the label
            follows has no label, and is left out.
        model: Directory to write.
        train_steps: Number of batches to train on; 0 where ``train_epochs`` says how long.
        batch_size: Examples a batch; of several workers, of all of them together.
        hyperparameters: Further arguments of ``build_model``, by name; default those of the module.
        seed: Of the initial weights and of the order of examples.
        train_epochs: How often to go through the labelled train rows, instead of ``train_steps``; the last batch is
            filled up with rows of a further pass.
        weight_key: Raw column that weighs the examples, in training (divided by its mean, so that learning rates mean
            the same) and in the metrics; empty counts all alike.
        workers: How many processes train together.
        pss: Parameter servers; must be 0.
        checkpoint_dir: Where several workers write checkpoints, and where they go on from; empty: beside the model, for
            as long as this takes.
        checkpoint_steps: Steps between two checkpoints.
        max_restarts: How often the workers are started again, from the last checkpoint, when one is lost.
        seeds: How many models to train, with the seeds ``seed``, ``seed`` + 1 and so on, so that a comparison can tell
            what the seed does. ``model`` is that of the first.
        trainings: Directory to write, an artifact `trainings`: how long each training was, and the SavedModels of
            further seeds. None writes none.
        train_mode: ``local``: on this machine. ``cloud``: by a job on Kubernetes, one pod a worker.
        train_job: For ``cloud``, the job: keys as in `components.training.options.KEYS`.
        uris: For ``cloud``, where pods find the artifacts ``examples``, ``transformed_examples`` and
            ``transform_graph``, and the ``model``'s own URI, after which the job is named.

    Returns:
        Metrics: ``train_steps``, ``train_epochs``, ``train_examples`` (with a label), ``train_unlabelled`` (rows left
        out), ``train_loss`` (of the last steps), and of the eval split ``eval_examples``, ``eval_unlabelled``,
        ``eval_log_loss``, ``eval_accuracy`` (at 0.5), ``eval_auc``.

    Raises:
        InputError: A parameter is out of range, the module has no ``build_model``, its model cannot be trained by
            several workers, or the labels are not 0 and 1, both of them in both splits.
        WorkerError: A worker failed, or workers were lost too often.
        JobError: The same on a cluster, or the job was not done in time.
    """
    options = Workers(workers, pss, checkpoint_dir, checkpoint_steps, max_restarts)
    request = Request(
        examples,
        transformed_examples,
        transform_graph,
        model_module,
        label_key,
        train_steps,
        batch_size,
        hyperparameters or {},
        seed,
        train_epochs,
        weight_key,
    ).checked()
    options.check(batch_size)
    job = JobOptions.from_mapping(train_job or {})
    if train_mode not in MODES:
        raise InputError(f"train_mode={train_mode!r}: must be one of {', '.join(MODES)}")
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise InputError(f"seeds={seeds}: must be at least 1")
    if seeds > 1 and trainings is None:
        raise InputError(f"seeds={seeds}: name a directory for the models of further seeds as trainings")

    def train(number: int, target: str) -> dict[str, float]:
        further = f"seed-{number}" if number != seed else ""
        return _train(
            dataclasses.replace(request, seed=number),
            target,
            dataclasses.replace(options, checkpoint_dir=_below(options.checkpoint_dir, further)),
            job if train_mode == "cloud" else None,
            {**(uris or {}), "model": _below((uris or {}).get("model", model), further)},
        )

    metrics = train(seed, model)
    if trainings is not None:
        numbers = [seed + further for further in range(seeds)]
        train_seeds(numbers, train, first=metrics, batch_size=batch_size, trainings=trainings)
    return metrics


def _below(path: str, name: str) -> str:
    """Name a directory inside another, where there are both."""
    return f"{path.rstrip('/')}/{name}" if path and name else path


def _train(
    request: Request, model: str, options: Workers, job: JobOptions | None, uris: Mapping[str, str]
) -> dict[str, float]:
    """Train with one seed, on this machine or by a job."""
    if job is not None:
        return _by_job(request, model, options, job, dict(uris))

    plan = make_plan(request)
    if options.workers == 1:
        return train_in_process(plan, model)
    check_for_workers(plan)
    return train_by_workers(request, model, options)


def _by_job(
    request: Request, model: str, workers: Workers, options: JobOptions, uris: dict[str, Any]
) -> dict[str, float]:
    task = uris.pop("model", model)
    remote = dataclasses.replace(request, **uris)
    options.check(remote, workers)
    from components.training.job import train_by_job  # asks for the extra [cloud]

    # What can be seen from here is seen before pods are waited for.
    plan = make_plan(request)
    if workers.workers > 1:
        check_for_workers(plan)
    return train_by_job(remote, model, workers, options, task=task)
