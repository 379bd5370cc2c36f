"""Train the same model with further seeds, and note of each training how long it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from components.lib.artifacts.trainings import Training, seed_directory, write_trainings
from pipeline_tools.atomic import atomic_directory

Metrics = Mapping[str, float]


def train_seeds(
    seeds: Sequence[int],
    train: Callable[[int, str], Metrics],
    *,
    first: Metrics,
    batch_size: int,
    trainings: str,
) -> None:
    """Train with further seeds, one after another, and write the `trainings` artifact.

    Args:
        seeds: All of them; the model of the first is trained already.
        train: Trains with a seed and writes the SavedModel to a directory; returns its metrics.
        first: Metrics of the training with the first seed.
        batch_size: Examples a batch.
        trainings: Directory to write: ``trainings.json``, and of each further seed a SavedModel.
    """
    with atomic_directory(trainings) as scratch:
        done = [_describe(seeds[0], batch_size, first)]
        for seed in seeds[1:]:
            print(f"seed {seed} ({len(done) + 1} of {len(seeds)})", flush=True)  # noqa: T201
            done.append(_describe(seed, batch_size, train(seed, str(seed_directory(scratch, seed)))))
        write_trainings(scratch, done)


def _describe(seed: int, batch_size: int, metrics: Metrics) -> Training:
    return Training(
        seed=seed,
        train_steps=int(metrics["train_steps"]),
        batch_size=batch_size,
        train_examples=int(metrics["train_examples"]),
        train_epochs=metrics["train_epochs"],
    )
