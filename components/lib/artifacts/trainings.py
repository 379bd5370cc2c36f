"""Read and write a `trainings` artifact: for how long a model was trained, and the same model with other seeds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline_tools.errors import InputError

TRAININGS_FILE = "trainings.json"


@dataclass(frozen=True)
class Training:
    """One training of a model.

    Attributes:
        seed: Of the initial weights and of the order of examples.
        train_steps: Number of batches.
        batch_size: Examples a batch.
        train_examples: How many different examples there were.
        train_epochs: How often each was seen, on average.
    """

    seed: int
    train_steps: int
    batch_size: int
    train_examples: int
    train_epochs: float


def seed_directory(directory: str | Path, seed: int) -> Path:
    """Name the directory of the SavedModel that was trained with a further seed; the first is the `model` artifact."""
    return Path(directory) / f"seed-{seed}"


def write_trainings(directory: str | Path, trainings: Sequence[Training]) -> None:
    """Write what is said of the trainings into a directory that may hold models of further seeds.

    Args:
        directory: It is made where there is none.
        trainings: One a seed, that of the `model` artifact first.
    """
    Path(directory).mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(each) for each in trainings], indent=2) + "\n"
    (Path(directory) / TRAININGS_FILE).write_text(text, encoding="utf-8")


def read_trainings(directory: str | Path) -> list[Training]:
    """Read for how long a model was trained, and with which seeds.

    Args:
        directory: Of a `trainings` artifact.

    Returns:
        One training a seed, that of the `model` artifact first.

    Raises:
        InputError: It is no such directory.
    """
    path = Path(directory) / TRAININGS_FILE
    try:
        trainings = [Training(**each) for each in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: cannot be read, so these are no trainings that train has written: {error}") from None
    if not trainings:
        raise InputError(f"{path}: names no training")
    return trainings
