"""Train a Keras model on transformed examples and export it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from components.training.local_workers import train_by_workers
from components.training.options import JobOptions
from components.training.request import Request, Workers
from components.training.seeds import train_seeds
from components.training.trainer import check_for_workers, make_plan, train_in_process
from pipeline_tools.errors import InputError


def fit(
    request: Request,
    model: str,
    *,
    workers: Workers | None = None,
    seeds: int = 1,
    trainings: str | None = None,
    job: JobOptions | None = None,
    uris: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Train a model and write it as a SavedModel.

    Args:
        request: What to train.
        model: Directory to write.
        workers: By how many processes; default one.
        seeds: How many models to train, with the request's seed, the seed + 1 and so on, so that a comparison can tell
            what the seed does. ``model`` is that of the first.
        trainings: Directory to write, an artifact `trainings`: how long each training was, and the SavedModels of
            further seeds. None writes none.
        job: The job on Kubernetes that trains, one pod a worker; None trains on this machine.
        uris: For a job, where pods find the artifacts ``examples``, ``transformed_examples`` and ``transform_graph``,
            and the ``model``'s own URI, after which the job is named.

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
    request, options = request.checked(), workers or Workers()
    options.check(request.batch_size)
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise InputError(f"seeds={seeds}: must be at least 1")
    if seeds > 1 and trainings is None:
        raise InputError(f"seeds={seeds}: name a directory for the models of further seeds as trainings")
    seed = request.seed

    def train(number: int, target: str) -> dict[str, float]:
        further = f"seed-{number}" if number != seed else ""
        return _train(
            dataclasses.replace(request, seed=number),
            target,
            dataclasses.replace(options, checkpoint_dir=_below(options.checkpoint_dir, further)),
            job,
            {**(uris or {}), "model": _below((uris or {}).get("model", model), further)},
        )

    metrics = train(seed, model)
    if trainings is not None:
        numbers = [seed + further for further in range(seeds)]
        train_seeds(numbers, train, first=metrics, batch_size=request.batch_size, trainings=trainings)
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
