"""What the page says of each slice: its metrics, how sure they are, and whether it differs from the other examples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from components.lib.artifacts.evaluation import COUNT, Evaluation
from components.lib.artifacts.slices import SliceKey, slice_columns, slice_name
from components.lib.report.measures import ACCURACY, AUC, LOG_LOSS, Rest, interval_of, paired_difference
from components.lib.stats.estimates import Interval

LEAST_OF_A_CLASS = 10
"""A slice with fewer examples than this of either label has too few to compare: an area under a curve of nine positives
moves by a tenth when one of them does."""

LEAST_EXAMPLES = 50
"""The same where only the number of examples is known."""

SMALL, WORSE, BETTER = "too few examples", "worse than the rest", "better than the rest"

FALSE_DISCOVERIES = 0.05
"""Of the slices that are marked, the share that is expected to be marked by luck."""


@dataclass(frozen=True)
class Slice:
    """A slice, in one model or several.

    Attributes:
        key: As TFMA gives it.
        examples: How many; None where TFMA was not asked.
        values: By model, its metrics.
        intervals: By model, the 95 % interval of the primary metric, or None where there is no way to tell.
        difference: Of two models, the second minus the first in the primary metric; else None.
        difference_interval: Its interval.
        rest: Of one model, the primary metric of all examples that are not in the slice; None where there is no way to
            tell, and of several models.
        p_value: Of one model, that slice and rest do not differ; of two, that the models do not differ in the slice.
            None where it was not tested.
        note: What to see in it, or nothing.
    """

    key: SliceKey
    examples: float | None
    values: Mapping[str, Mapping[str, float]]
    intervals: Mapping[str, Interval | None]
    difference: float | None = None
    difference_interval: Interval | None = None
    rest: float | None = None
    p_value: float | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """For a person."""
        return slice_name(self.key)

    @property
    def columns(self) -> str:
        """What it is made from."""
        return slice_columns(self.key)

    @property
    def small(self) -> bool:
        """Whether it has too few examples to be compared."""
        return self.note == SMALL


def primary_metric(models: Mapping[str, Evaluation]) -> str:
    """Choose the metric that the page leads with.

    Args:
        models: The evaluations by name.

    Returns:
        The area under the ROC curve where all have it, else the accuracy, else the first that all have.
    """
    names = metric_names(models)
    return next((name for name in (AUC, ACCURACY) if name in names), names[0] if names else COUNT)


def metric_names(models: Mapping[str, Evaluation]) -> list[str]:
    """List the metrics that all models have, in the order in which a person asks for them.

    Args:
        models: The evaluations by name.

    Returns:
        Names, the number of examples left out.
    """
    first, *others = models.values()
    seen = {name: None for metrics in first.metrics.values() for name in metrics}
    for other in others:
        own = {name for metrics in other.metrics.values() for name in metrics}
        seen = {name: None for name in seen if name in own}
    order = [AUC, "auc_precision_recall", ACCURACY, LOG_LOSS, "calibration"]
    names = [name for name in seen if name != COUNT]
    return sorted(names, key=lambda name: (order.index(name) if name in order else len(order), name))


def lower_is_better(metric: str) -> bool:
    """Tell by its name whether a metric is a loss."""
    return any(part in metric for part in ("loss", "entropy", "error", "brier", "mse"))


def describe_slices(models: Mapping[str, Evaluation], metric: str) -> list[Slice]:
    """Describe how the models do in every slice, and mark those where that is more than luck.

    Of one model a slice is compared with the rest of the examples; of two, they are compared within the slice. That is
    as many tests as there are slices, and of a hundred that do not differ five would be marked by luck: marks are given
    by the procedure of Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", Journal of the Royal
    Statistical Society B 57 (1995), so that at most `FALSE_DISCOVERIES` of them are expected to be.

    Args:
        models: One evaluation or several, by name; a slice that one lacks is left out.
        metric: The primary metric.

    Returns:
        The worst first, by the worst of the models; then slices without the metric; slices of too few examples last.
    """
    first, *others = models.values()
    keys = [key for key in first.metrics if key and all(key in other.metrics for other in others)]
    rest = Rest(first, metric) if not others else None
    slices = _mark([_describe(models, key, metric, rest) for key in keys], list(models), metric)
    sign = -1 if lower_is_better(metric) else 1

    def rank(of: Slice) -> tuple[bool, float, str]:
        values = [sign * values.get(metric, math.nan) for values in of.values.values()]
        finite = [value for value in values if not math.isnan(value)]
        return of.small, min(finite, default=math.inf), of.name

    return sorted(slices, key=rank)


def _describe(models: Mapping[str, Evaluation], key: SliceKey, metric: str, rest: Rest | None) -> Slice:
    evaluations = list(models.values())
    count = evaluations[0].metrics[key].get(COUNT, math.nan)
    described = Slice(
        key,
        count if math.isfinite(count) else None,
        {name: evaluation.metrics[key] for name, evaluation in models.items()},
        {name: interval_of(evaluation, key, metric) for name, evaluation in models.items()},
        note=SMALL if any(_is_small(evaluation, key) for evaluation in evaluations) else "",
    )
    if rest is not None:
        value, p_value = rest.compare(key)
        return replace(described, rest=value, p_value=None if described.small else p_value)
    if len(evaluations) == 2:
        before, after = (evaluation.metrics[key].get(metric, math.nan) for evaluation in evaluations)
        difference = paired_difference(*evaluations, key=key, metric=metric)
        return replace(
            described,
            difference=after - before,
            difference_interval=difference.interval() if difference else None,
            p_value=difference.p_value() if difference and not described.small else None,
        )
    return described


def _mark(slices: Sequence[Slice], names: Sequence[str], metric: str) -> list[Slice]:
    from scipy import stats  # half a second, which a page without slices is spared

    p_values = [each.p_value for each in slices if each.p_value is not None]
    adjusted = iter(stats.false_discovery_control(p_values) if p_values else ())
    return [
        replace(each, note=_note(each, names, metric))
        if each.p_value is not None and next(adjusted) <= FALSE_DISCOVERIES
        else each
        for each in slices
    ]


def _note(of: Slice, names: Sequence[str], metric: str) -> str:
    """Say in which direction a slice differs."""
    if of.difference is not None:
        return f"{names[1] if (of.difference > 0) != lower_is_better(metric) else names[0]} better"
    rest = math.nan if of.rest is None else of.rest
    return BETTER if (of.values[names[0]][metric] > rest) != lower_is_better(metric) else WORSE


def _is_small(evaluation: Evaluation, key: SliceKey) -> bool:
    if key in evaluation.classes:
        return min(evaluation.classes[key]) < LEAST_OF_A_CLASS
    return evaluation.metrics[key].get(COUNT, math.inf) < LEAST_EXAMPLES
