"""What a comparison comes to, in sentences: which model, by how much, over what, and what was held equal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from components.lib.stats.estimates import Interval

SAME_EPOCHS = 0.01
"""Epochs that differ by a larger share than this were not held equal; a number of whole batches seldom fits exactly."""


def conclude(result: Mapping[str, Any]) -> dict[str, Any]:
    """Say which of two models is better.

    Args:
        result: What `components.comparison.compare.compare` returns, as far as it is numbers.

    Returns:
        ``winner``: the name of the better model, or None where the difference could be noise; ``conclusion``: a few
        sentences; ``details``: those of them after the first.
    """
    first, second = result["models"]
    seeds = result["seeds"]
    difference = _interval(seeds["difference"] if seeds else result["difference"]["auc"])
    winner = None
    if difference.excludes_zero:
        winner = second if difference.value > 0 else first
    values = {
        name: seeds["auc"][name]["mean"] if seeds else metrics["auc"]["value"]
        for name, metrics in result["models"].items()
    }
    first_sentence = _difference(values, winner, difference, seeds)
    sentences = [_over(result), _held_equal(result["trainings"]), _against_rule(result)]
    details = " ".join(sentence for sentence in sentences if sentence)
    return {"conclusion": f"{first_sentence} {details}", "details": details, "winner": winner}


def _difference(
    values: Mapping[str, float], winner: str | None, difference: Interval, seeds: Mapping[str, Any] | None
) -> str:
    first, second = values
    auc = "mean AUC" if seeds else "AUC"
    noise = "more than noise" if seeds else "more than the noise of the eval rows"
    if winner is None:
        return (
            f"No difference beyond noise between {first} ({auc} {values[first]:.4f}) and {second} "
            f"({values[second]:.4f}): the 95 % interval of the difference, {difference.low:+.4f} to "
            f"{difference.high:+.4f}, includes zero."
        )
    loser = first if winner == second else second
    low, high = sorted(abs(end) for end in difference.ends)
    return (
        f"{winner} is better than {loser}: {auc} {values[winner]:.4f} against {values[loser]:.4f}, a difference of "
        f"{abs(difference.value):.4f} (95 % interval {low:.4f} to {high:.4f}), {noise}."
    )


def _over(result: Mapping[str, Any]) -> str:
    """Say which sources of luck the interval holds."""
    rows = f"{result['examples']:,} {'weighted ' if result['weighted'] else ''}eval rows"
    seeds = result["seeds"]
    if not seeds:
        return (
            f"The interval is over the {rows} ({result['resamples']:,} resamples), with one training seed: "
            "another seed may change the conclusion, which seeds=5 would tell."
        )
    spread, count = seeds["difference"]["standard_deviation"], len(seeds["seeds"])
    return (
        f"The interval is over the {rows} ({result['resamples']:,} resamples) and over {count} training seeds, from "
        f"one to another of which the difference varies with a standard deviation of {spread:.4f}."
    )


def _held_equal(trainings: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Say what the training of both models had in common, and what it had not."""
    if len(trainings) < 2:
        return ""
    (first, one), (second, other) = ((name, some[0]) for name, some in trainings.items())
    epochs = one["train_epochs"], other["train_epochs"]
    steps = one["train_steps"], other["train_steps"]
    if math.isclose(*epochs, rel_tol=SAME_EPOCHS):
        each = f"{steps[0]:,} steps each" if steps[0] == steps[1] else f"{steps[0]:,} and {steps[1]:,} steps"
        return f"Both were trained for {epochs[0]:.1f} epochs ({each})."
    return (
        f"Epochs were not held equal: {first} was trained for {epochs[0]:.1f} and {second} for {epochs[1]:.1f} "
        f"({steps[0]:,} and {steps[1]:,} steps), which alone can make a difference."
    )


def _against_rule(result: Mapping[str, Any]) -> str:
    models = result["models"]
    best = max(models, key=lambda name: models[name]["auc"]["value"])
    rule, above = result["rule"], _interval(result["above_rule"][best])
    said = "beats" if above.low > 0 else "is not clearly better than"
    return (
        f"{best} {said} the rule “{rule}” (AUC {result['baselines'][rule]['auc']['value']:.4f}; the difference is "
        f"{above.low:+.4f} to {above.high:+.4f} on the same rows)."
    )


def _interval(plain: Mapping[str, Any]) -> Interval:
    return Interval(plain["value"], plain["low"], plain["high"])
