from __future__ import annotations

import math
from dataclasses import replace

import pytest

from components.lib.artifacts.evaluation import slice_columns, slice_name
from components.lib.report.slices import (
    BETTER,
    SMALL,
    WORSE,
    bounds_of,
    judge_slices,
    lower_is_better,
    metric_names,
    primary_metric,
)
from tests.components.lib.report.evaluations import make_evaluation


def key(company: str) -> tuple[tuple[str, str], ...]:
    return (("company", company),)


def test_the_weak_slice_comes_first_and_is_marked() -> None:
    found = judge_slices({"m": make_evaluation(weak=7)}, "auc")
    assert found[0].name == "company = company 0007"
    assert found[0].note == WORSE
    values = [each.values["m"]["auc"] for each in found if not each.small]
    assert values == sorted(values)
    assert sum(each.note == WORSE for each in found) <= 4, "of 40 slices alike, luck marks one or two"


def test_a_slice_that_is_better_is_marked_so() -> None:
    evaluation = make_evaluation(skill=1.0)
    low = replace(evaluation, metrics={**evaluation.metrics, (): {**evaluation.overall, "auc": 0.5}})
    assert all(each.note == BETTER for each in judge_slices({"m": low}, "auc") if not each.small)


def test_a_loss_is_worse_where_it_is_higher() -> None:
    found = judge_slices({"m": make_evaluation(weak=7)}, "binary_crossentropy")
    assert found[0].name == "company = company 0007"
    assert found[0].note == WORSE
    assert lower_is_better("mean_squared_error")
    assert not lower_is_better("auc")


def test_small_slices_come_last_whatever_their_numbers() -> None:
    found = judge_slices({"m": make_evaluation(slices=250, rows=8_000)}, "auc")
    small = [each for each in found if each.small]
    assert small
    assert found[-len(small) :] == small
    assert all(min(make_evaluation(slices=250, rows=8_000).classes[each.key]) < 10 for each in small[:3])


def test_without_predictions_the_labels_of_the_curves_give_an_interval_and_without_those_there_is_none() -> None:
    evaluation = make_evaluation()
    of = key("company 0003")
    exact = bounds_of(evaluation, of, "auc")
    rough = bounds_of(replace(evaluation, predictions=None), of, "auc")
    assert exact is not None
    assert rough is not None
    assert rough == pytest.approx(exact, abs=0.03)
    assert bounds_of(replace(evaluation, predictions=None, classes={}), of, "auc") is None
    assert bounds_of(replace(evaluation, predictions=None, classes={}), of, "binary_accuracy") is not None
    assert bounds_of(replace(evaluation, predictions=None), of, "binary_crossentropy") is None


def test_an_interval_that_tfma_computed_is_taken_as_it_is() -> None:
    of = key("company 0003")
    assert bounds_of(make_evaluation(bounds={of: {"auc": (0.1, 0.2)}}), of, "auc") == (0.1, 0.2)


def test_weighted_examples_get_no_interval_of_ours() -> None:
    evaluation = make_evaluation(weighted=True)
    assert all(bounds_of(evaluation, of, "auc") is None for of in evaluation.metrics)


def test_two_models_are_compared_on_the_same_examples() -> None:
    models = {"plain": make_evaluation(seed=1, weak=7), "mended": make_evaluation(seed=1)}
    found = {each.name: each for each in judge_slices(models, "auc")}
    mended = found["company = company 0007"]
    assert mended.note == "mended better"
    assert mended.difference is not None
    assert mended.difference > 0.2
    untouched = found["company = company 0008"]
    assert untouched.difference == 0
    assert untouched.difference_bounds is None
    assert untouched.note == ""


def test_other_examples_give_a_difference_without_an_interval() -> None:
    first, second = make_evaluation(), make_evaluation(seed=2)
    assert second.predictions
    others = replace(second.predictions, keys=second.predictions.keys.slice(1))
    found = judge_slices({"a": first, "b": replace(second, predictions=others)}, "auc")
    assert all(each.difference is not None and each.difference_bounds is None for each in found)


def test_a_slice_that_one_model_lacks_is_left_out() -> None:
    first, second = make_evaluation(), make_evaluation(seed=2)
    fewer = {of: values for of, values in second.metrics.items() if of != key("company 0003")}
    names = {each.name for each in judge_slices({"a": first, "b": replace(second, metrics=fewer)}, "auc")}
    assert "company = company 0003" not in names
    assert "company = company 0004" in names


def test_what_is_not_a_number_comes_after_what_is() -> None:
    evaluation = make_evaluation()
    broken = {**evaluation.metrics, key("company 0003"): {"example_count": 100.0, "auc": math.nan}}
    found = judge_slices({"m": replace(evaluation, metrics=broken)}, "auc")
    large = [each for each in found if not each.small]
    assert large[-1].name == "company = company 0003"
    assert large[-1].bounds["m"] is None


def test_names_and_metrics() -> None:
    assert slice_name(()) == "all examples"
    assert slice_name((("company", ""), ("hour", 3))) == "company = (empty), hour = 3"
    assert slice_columns((("company", ""), ("hour", 3))) == "company x hour"
    cross = ((("hour", 3),), (("hour", 4),))
    assert slice_name(cross) == "hour = 3 against hour = 4"
    assert slice_columns(cross) == "hour against hour"
    models = {"m": make_evaluation()}
    assert metric_names(models) == ["auc", "binary_accuracy", "binary_crossentropy"]
    assert primary_metric(models) == "auc"
    assert SMALL == "too small to judge", "the page's script knows this text"
