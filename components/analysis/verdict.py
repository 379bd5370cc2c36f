"""Whether a model is blessed, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tensorflow_model_analysis.proto import validation_result_pb2

from components.lib.artifacts.slices import SliceKey, slice_name


@dataclass(frozen=True)
class Verdict:
    """What the thresholds say of a model.

    Attributes:
        blessed: Whether every threshold was met, and there was one.
        reason: One sentence for a person.
        failures: The thresholds missed, one text each.
    """

    blessed: bool
    reason: str
    failures: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Give the verdict as JSON can hold it."""
        return asdict(self)


def decide(
    validation: validation_result_pb2.ValidationResult,
    thresholds: int,
    *,
    classes: Mapping[SliceKey, tuple[float, float]],
    areas: Collection[str],
) -> Verdict:
    """Turn TFMA's validation result into a verdict.

    Args:
        validation: What ``tfma.load_validation_result`` returns.
        thresholds: How many thresholds the eval config sets.
        classes: By slice, how many negatives and positives. In a slice of one class an area under a curve is
            undefined, so that a threshold on it is not checked there.
        areas: Names of the metrics that are areas under curves.

    Returns:
        The verdict. A config without thresholds blesses nothing.
    """
    failures, unchecked = [], set()
    for of_slice in validation.metric_validations_per_slice:
        key = _slice_key(of_slice.slice_key)
        for failure in of_slice.failures:
            if failure.metric_key.name in areas and min(classes.get(key, (1, 1))) == 0:
                unchecked.add(key)
            else:
                failures.append(f"{failure.metric_key.name} of {slice_name(key)}: {_miss(failure)}")
    if not thresholds:
        return Verdict(False, "not blessed: the eval config sets no threshold", [])
    if failures:
        return Verdict(False, f"not blessed: {'; '.join(failures)}", failures)
    if validation.missing_slices or validation.missing_cross_slices or not (validation.validation_ok or unchecked):
        return Verdict(False, "not blessed: a slice that a threshold names is not in the data", [])
    met = "its threshold" if thresholds == 1 else f"all {thresholds} thresholds"
    reason = f"blessed: meets {met} of the eval config"
    if unchecked:
        slices = "one slice, which holds" if len(unchecked) == 1 else f"{len(unchecked):,} slices, each of which holds"
        reason += f"; the AUC was not checked in {slices} one class only"
    return Verdict(True, reason, [])


def _miss(failure: validation_result_pb2.ValidationFailure) -> str:
    threshold = failure.metric_threshold
    value = failure.metric_value.double_value.value
    bounds = []
    if threshold.HasField("value_threshold"):
        if threshold.value_threshold.HasField("lower_bound"):
            bounds.append(f"at least {threshold.value_threshold.lower_bound.value:g}")
        if threshold.value_threshold.HasField("upper_bound"):
            bounds.append(f"at most {threshold.value_threshold.upper_bound.value:g}")
    needed = " and ".join(bounds) or "what its threshold says"
    return f"{value:.4g}, must be {needed}" + (f" ({failure.message})" if failure.message else "")


def _slice_key(key: Any) -> SliceKey:
    values = ((single.column, getattr(single, single.WhichOneof("kind"))) for single in key.single_slice_keys)
    return tuple((column, value.decode() if isinstance(value, bytes) else value) for column, value in values)
