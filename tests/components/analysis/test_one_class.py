"""Slices of one class, through TFMA itself: it gives them an AUC of 0, which means nothing."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.protobuf import text_format
from tensorflow_model_analysis.proto import config_pb2

from components.analysis.analyze import _count_thresholds, _run_tfma
from components.analysis.verdict import Verdict, decide
from components.lib.artifacts.evaluation import Evaluation, area_metrics, read_evaluation
from components.lib.report.page import render
from tests.components.lib.report.pages import Page, slice_numbers

CONFIG = """
model_specs { label_key: "y" prediction_key: "probability" }
slicing_specs {}
slicing_specs { feature_keys: "town" }
metrics_specs {
  metrics { class_name: "ExampleCount" }
  metrics { class_name: "AUC" threshold { value_threshold { lower_bound { value: %s } } } }
  metrics { class_name: "AUC" config: '"curve": "PR", "name": "under_precision_recall"' }
  metrics { class_name: "BinaryAccuracy" }
}
"""
MIXED, ONES, ZEROS = ((("town", town),) for town in ("mixed", "ones", "zeros"))


@pytest.fixture(scope="module", params=["0.6", "0.99"])
def result(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Verdict]:
    import tensorflow_model_analysis as tfma

    directory = tmp_path_factory.mktemp("evaluation")
    random = np.random.default_rng(0)
    town = np.repeat(["mixed", "ones", "zeros"], [200, 50, 50])
    labels = np.where(town == "mixed", random.random(300) < 0.4, town == "ones").astype(np.float32)
    scores = (0.5 * random.random(300) + 0.4 * labels).astype(np.float32)
    table = pa.table({"example_key": [f"{at:03}" for at in range(300)], "y": labels, "probability": scores})
    (directory / "predictions").mkdir()
    path = directory / "predictions" / "data-00000-of-00001.parquet"
    pq.write_table(table.append_column("town", pa.array(town)), path)
    config = text_format.Parse(CONFIG % request.param, config_pb2.EvalConfig())
    _run_tfma([str(path)], config, str(directory))
    evaluation = read_evaluation(directory)
    validation = tfma.load_validation_result(str(directory))
    assert len(validation.metric_validations_per_slice) >= 2, "TFMA itself lets both slices of one class fail"
    verdict = decide(validation, _count_thresholds(config), classes=evaluation.classes, areas=area_metrics(config))
    return evaluation, verdict


def test_a_slice_of_one_class_has_no_area_under_any_curve(result: tuple[Evaluation, Verdict]) -> None:
    metrics = result[0].metrics
    for key in (ONES, ZEROS):
        assert math.isnan(metrics[key]["auc"])
        assert math.isnan(metrics[key]["under_precision_recall"])
        assert metrics[key]["binary_accuracy"] > 0.5
    assert metrics[MIXED]["auc"] > 0.9
    assert metrics[()]["auc"] > 0.9


def test_a_threshold_on_the_area_is_not_checked_there_and_the_verdict_says_so(
    result: tuple[Evaluation, Verdict],
) -> None:
    evaluation, verdict = result
    if verdict.blessed:
        assert verdict.reason == (
            "blessed: meets its threshold of the eval config; the AUC was not checked in 2 slices, each of which holds "
            "one class only"
        )
    else:
        assert "auc of town = mixed: 0.9" in verdict.reason
        assert "ones" not in verdict.reason
    assert verdict.blessed is (evaluation.metrics[MIXED]["auc"] < 0.99 and "not blessed" not in verdict.reason)


def test_the_page_shows_a_dash_and_puts_it_last(result: tuple[Evaluation, Verdict]) -> None:
    html = render({"m": result[0]}, title="t")
    numbers = slice_numbers(Page(html))
    assert list(numbers) == ["town = mixed", "town = ones", "town = zeros"]
    for name in ("town = ones", "town = zeros"):
        assert (numbers[name]["AUC"], numbers[name]["95 % interval"]) == (None, None)
        assert numbers[name]["accuracy"] is not None
    assert 0.9 < numbers["town = mixed"]["AUC of the rest"] <= 1, "ones and zeros together hold both classes"
