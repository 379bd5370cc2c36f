"""Evaluations made up from numbers, as `read_evaluation` would read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from components.lib.artifacts.evaluation import Bucket, Evaluation, Matrix, Predictions, SliceKey
from components.lib.stats.scores import accuracy, auc, log_losses, tfma_levels

EVIL = "<script>alert(1)</script>"


def make_evaluation(
    *,
    seed: int = 1,
    skill: float = 2.0,
    slices: int = 40,
    rows: int = 8_000,
    weak: int | None = None,
    strong: int | None = None,
    independent: bool = False,
    **changes: object,
) -> Evaluation:
    """Make an evaluation of random examples.

    Args:
        seed: Of the model's noise; the examples are always the same.
        skill: How far the scores of the labels lie apart.
        slices: How many companies there are; the first is named like a script.
        rows: How many examples.
        weak: A company on which the model guesses.
        strong: A company that the model knows three times as well.
        independent: Whether the examples go by the seed, too.
        **changes: Fields to replace.
    """
    examples = np.random.default_rng([seed, 1] if independent else 0)
    labels = (examples.random(rows) < 0.3).astype(np.float64)
    company = examples.integers(slices, size=rows)
    noise = np.random.default_rng(seed).normal(size=rows)
    skills = np.where(company == weak, 0.0, np.where(company == strong, 3 * skill, skill))
    logits = noise + skills * (labels - 0.5)
    scores = 1 / (1 + np.exp(-logits))
    groups: dict[SliceKey, np.ndarray] = {(): np.arange(rows)}
    groups |= {(("company", name_of(number)),): np.flatnonzero(company == number) for number in range(slices)}
    fields: dict[str, object] = {
        "directory": Path("made-up"),
        "metrics": {key: measure(labels[at], scores[at]) for key, at in groups.items()},
        "classes": {key: (float(np.sum(labels[at] < 0.5)), float(labels[at].sum())) for key, at in groups.items()},
        "matrices": matrices(labels, scores),
        "buckets": buckets(labels, scores),
        "verdict": {"blessed": True, "reason": "blessed: meets its threshold of the eval config", "failures": []},
        "predictions": Predictions(pa.chunked_array([[str(row) for row in range(rows)]]), labels, scores, groups),
    }
    return Evaluation(**(fields | changes))  # type: ignore[arg-type]


def name_of(number: int) -> str:
    """Name a company."""
    return EVIL if number == 0 else f"company {number:04d}"


def measure(labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Compute what TFMA would."""
    return {
        "example_count": float(len(labels)),
        "auc": auc(labels, tfma_levels(scores)),
        "binary_accuracy": accuracy(labels, scores),
        "binary_crossentropy": float(log_losses(labels, scores).mean()),
    }


def matrices(labels: np.ndarray, scores: np.ndarray) -> tuple[Matrix, ...]:
    """Count at a few thresholds."""
    found = []
    for threshold in np.linspace(0, 1, 21):
        said = scores > threshold
        found.append(
            Matrix(
                float(threshold),
                float(np.sum((labels == 0) & ~said)),
                float(np.sum((labels == 0) & said)),
                float(np.sum((labels == 1) & ~said)),
                float(np.sum((labels == 1) & said)),
            )
        )
    return tuple(found)


def buckets(labels: np.ndarray, scores: np.ndarray) -> tuple[Bucket, ...]:
    """Put the examples into ten buckets."""
    number = np.minimum((scores * 10).astype(int), 9)
    return tuple(
        Bucket(
            float(np.sum(number == at)),
            float(labels[number == at].mean()),
            float(scores[number == at].mean()),
            at / 10,
            at / 10 + 0.1,
        )
        for at in np.unique(number).tolist()
    )
