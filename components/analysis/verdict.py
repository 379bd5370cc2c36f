"""Whether a model is blessed, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tensorflow_model_analysis.proto import validation_result_pb2


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


def judge(validation: validation_result_pb2.ValidationResult, thresholds: int) -> Verdict:
    """Turn TFMA's validation result into a verdict.

    Args:
        validation: What ``tfma.load_validation_result`` returns.
        thresholds: How many thresholds the eval config sets.

    Returns:
        The verdict. A config without thresholds blesses nothing.
    """
    failures = [
        f"{failure.metric_key.name} of {_slice_name(of_slice.slice_key)}: {_miss(failure)}"
        for of_slice in validation.metric_validations_per_slice
        for failure in of_slice.failures
    ]
    if not thresholds:
        return Verdict(False, "not blessed: the eval config sets no threshold", [])
    if failures:
        return Verdict(False, f"not blessed: {'; '.join(failures)}", failures)
    if not validation.validation_ok:
        return Verdict(False, "not blessed: a slice that a threshold names is not in the data", [])
    met = "its threshold" if thresholds == 1 else f"all {thresholds} thresholds"
    return Verdict(True, f"blessed: meets {met} of the eval config", [])


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


def _slice_name(key: Any) -> str:
    parts = []
    for single in key.single_slice_keys:
        value = getattr(single, single.WhichOneof("kind"))
        parts.append(f"{single.column}={value.decode() if isinstance(value, bytes) else value}")
    return ", ".join(parts) or "all examples"
