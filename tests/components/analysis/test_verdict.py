"""What the verdict makes of TFMA's validation results, which are built here; test_analyze.py has real ones."""

from __future__ import annotations

import pytest
from google.protobuf import text_format

pytest.importorskip("tensorflow_model_analysis", reason="needs taxi-pipeline[local]")

from tensorflow_model_analysis.proto import validation_result_pb2

from components.analysis.verdict import decide

MISSED = """
metric_validations_per_slice {
  slice_key { single_slice_keys { column: "company" bytes_value: "Blue" } }
  failures {
    metric_key { name: "auc" }
    metric_threshold { value_threshold { %s } }
    metric_value { double_value { value: 0.5 } }
  }
}
"""


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ("lower_bound { value: 0.9 }", "at least 0.9"),
        ("upper_bound { value: 0.1 }", "at most 0.1"),
        ("lower_bound { value: 0.6 } upper_bound { value: 0.9 }", "at least 0.6 and at most 0.9"),
    ],
)
def test_a_threshold_that_is_missed_is_told_with_its_bounds(bounds, said):
    validation = text_format.Parse(MISSED % bounds, validation_result_pb2.ValidationResult())
    verdict = decide(validation, 1, classes={}, areas=["auc"])
    assert not verdict.blessed
    assert verdict.failures == [f"auc of company = Blue: 0.5, must be {said}"]
    assert verdict.reason == f"not blessed: {verdict.failures[0]}"


@pytest.mark.parametrize(
    ("text", "thresholds", "blessed", "reason"),
    [
        ("validation_ok: true", 1, True, "blessed: meets its threshold of the eval config"),
        ("validation_ok: true", 3, True, "blessed: meets all 3 thresholds of the eval config"),
        ("validation_ok: true", 0, False, "not blessed: the eval config sets no threshold"),
        ("validation_ok: false", 1, False, "not blessed: a slice that a threshold names is not in the data"),
    ],
)
def test_a_result_without_failures(text, thresholds, blessed, reason):
    validation = text_format.Parse(text, validation_result_pb2.ValidationResult())
    verdict = decide(validation, thresholds, classes={}, areas=[])
    assert (verdict.blessed, verdict.reason, verdict.failures) == (blessed, reason, [])
