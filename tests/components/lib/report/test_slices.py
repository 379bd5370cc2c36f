from __future__ import annotations

import math
from dataclasses import replace

import pytest

from components.lib.artifacts.slices import slice_columns, slice_name
from components.lib.report.measures import Rest, interval_of
from components.lib.report.slices import (
    BETTER,
    SMALL,
    WORSE,
    describe_slices,
    lower_is_better,
    metric_names,
    primary_metric,
)
from components.lib.stats.estimates import Interval
from tests.components.lib.report.evaluations import EVIL, make_evaluation


def key(company: str) -> tuple[tuple[str, str], ...]:
    return (("company", company),)


def test_the_weak_slice_comes_first_and_is_marked() -> None:
    found = describe_slices({"m": make_evaluation(weak=7)}, "auc")
    assert found[0].name == "company = company 0007"
    assert found[0].note == WORSE
    values = [each.values["m"]["auc"] for each in found if not each.small]
    assert values == sorted(values)
    assert sum(each.note == WORSE for each in found) <= 4, "of 40 slices alike, luck marks one or two"


def test_a_slice_that_is_better_is_marked_so() -> None:
    found = {each.name: each for each in describe_slices({"m": make_evaluation(skill=1.0, strong=7)}, "auc")}
    assert [each.name for each in found.values() if each.note == BETTER] == ["company = company 0007"]
    assert found["company = company 0007"].rest == pytest.approx(make_evaluation(skill=1.0).overall["auc"], abs=0.01)


def test_a_slice_is_compared_with_the_rest_and_not_with_a_whole_that_holds_it() -> None:
    # Half of the examples are in one slice: the whole lies between the two halves.
    evaluation = make_evaluation(slices=2, weak=1)
    weak = next(each for each in describe_slices({"m": evaluation}, "auc") if each.name == "company = company 0001")
    other = evaluation.metrics[key(EVIL)]["auc"]
    assert weak.rest == pytest.approx(other, abs=1e-12)
    assert weak.rest > evaluation.overall["auc"]
    everything = replace(
        evaluation,
        metrics={(): evaluation.overall, key("all"): evaluation.overall},
        predictions=replace(evaluation.predictions, groups={key("all"): evaluation.predictions.groups[()]}),
        classes={key("all"): evaluation.classes[()]},
    )
    (only,) = describe_slices({"m": everything}, "auc")
    assert (only.rest, only.p_value, only.note) == (None, None, "")


def test_of_many_slices_that_do_not_differ_hardly_one_is_marked() -> None:
    marked, outside = 0, 0
    for seed in range(20):
        evaluation = make_evaluation(seed=seed, slices=60)
        found = describe_slices({"m": evaluation}, "auc")
        marked += sum(bool(each.note) and not each.small for each in found)
        outside += sum(each.p_value is not None and each.p_value < 0.05 for each in found)
    assert outside > 30, "what uncorrected tests would have marked by luck"
    assert marked <= 3


@pytest.mark.parametrize("metric", ["auc", "binary_accuracy", "binary_crossentropy"])
def test_p_values_of_slices_that_do_not_differ_are_uniform(metric: str) -> None:
    found = []
    for seed in range(20):
        found += describe_slices({"m": make_evaluation(seed=seed, slices=60, independent=True)}, metric)
    p_values = [each.p_value for each in found if each.p_value is not None]
    assert len(p_values) > 1000
    for level in (0.01, 0.05, 0.2):
        share = sum(p_value <= level for p_value in p_values) / len(p_values)
        assert share == pytest.approx(level, abs=0.25 * level + 0.006), level


def test_the_rest_needs_no_predictions_where_accuracies_add_up_and_is_unknown_for_areas() -> None:
    evaluation = make_evaluation(weak=7)
    bare = replace(evaluation, predictions=None)
    of = key("company 0007")
    assert Rest(bare, "binary_accuracy").compare(of) == pytest.approx(Rest(evaluation, "binary_accuracy").compare(of))
    assert Rest(bare, "auc").compare(of) == (None, None)
    assert Rest(replace(evaluation, weighted=True), "binary_accuracy").compare(of) == (None, None)


def test_two_models_that_differ_by_luck_alone_are_not_marked() -> None:
    marked = 0
    for seed in range(10):
        models = {"a": make_evaluation(seed=100 + seed), "b": make_evaluation(seed=200 + seed)}
        marked += sum(each.note.endswith("better") for each in describe_slices(models, "auc"))
    assert marked <= 2


@pytest.mark.parametrize("metric", ["auc", "binary_accuracy", "binary_crossentropy"])
def test_two_models_are_compared_by_each_metric(metric: str) -> None:
    models = {"plain": make_evaluation(seed=1, weak=7), "fixed": make_evaluation(seed=1)}
    found = {each.name: each for each in describe_slices(models, metric)}
    assert found["company = company 0007"].note == "fixed better"
    assert [each.name for each in found.values() if each.note.endswith("better")] == ["company = company 0007"]


def test_a_slice_of_one_class_has_no_auc_and_comes_last() -> None:
    evaluation = make_evaluation()
    of = key("company 0003")
    one_class = replace(
        evaluation,
        metrics={**evaluation.metrics, of: {**evaluation.metrics[of], "auc": math.nan}},
        classes={**evaluation.classes, of: (0.0, 150.0)},
    )
    found = describe_slices({"m": one_class}, "auc")
    assert found[-1].key == of
    assert (found[-1].note, found[-1].intervals["m"], found[-1].p_value) == (SMALL, None, None)


def test_a_loss_is_worse_where_it_is_higher() -> None:
    found = describe_slices({"m": make_evaluation(weak=7)}, "binary_crossentropy")
    assert found[0].name == "company = company 0007"
    assert found[0].note == WORSE
    assert lower_is_better("mean_squared_error")
    assert not lower_is_better("auc")


def test_small_slices_come_last_whatever_their_numbers() -> None:
    found = describe_slices({"m": make_evaluation(slices=250, rows=8_000)}, "auc")
    small = [each for each in found if each.small]
    assert small
    assert found[-len(small) :] == small
    assert all(min(make_evaluation(slices=250, rows=8_000).classes[each.key]) < 10 for each in small[:3])


def test_without_predictions_the_labels_of_the_curves_give_an_interval_and_without_those_there_is_none() -> None:
    evaluation = make_evaluation()
    of = key("company 0003")
    exact = interval_of(evaluation, of, "auc")
    rough = interval_of(replace(evaluation, predictions=None), of, "auc")
    assert exact is not None
    assert rough is not None
    assert rough.ends == pytest.approx(exact.ends, abs=0.03)
    assert interval_of(replace(evaluation, predictions=None, classes={}), of, "auc") is None
    assert interval_of(replace(evaluation, predictions=None, classes={}), of, "binary_accuracy") is not None
    assert interval_of(replace(evaluation, predictions=None), of, "binary_crossentropy") is None


def test_an_interval_that_tfma_computed_is_taken_as_it_is() -> None:
    of, own = key("company 0003"), Interval(0.15, 0.1, 0.2)
    assert interval_of(make_evaluation(intervals={of: {"auc": own}}), of, "auc") == own


def test_weighted_examples_without_their_weights_get_no_interval_of_ours() -> None:
    evaluation = make_evaluation(weighted=True)
    assert all(interval_of(evaluation, of, "auc") is None for of in evaluation.metrics)


def test_two_models_are_compared_on_the_same_examples() -> None:
    models = {"plain": make_evaluation(seed=1, weak=7), "fixed": make_evaluation(seed=1)}
    found = {each.name: each for each in describe_slices(models, "auc")}
    fixed = found["company = company 0007"]
    assert fixed.note == "fixed better"
    assert fixed.difference is not None
    assert fixed.difference > 0.2
    untouched = found["company = company 0008"]
    assert untouched.difference == 0
    assert untouched.difference_interval is None
    assert untouched.note == ""


def test_other_examples_give_a_difference_without_an_interval() -> None:
    first, second = make_evaluation(), make_evaluation(seed=2)
    assert second.predictions
    others = replace(second.predictions, keys=second.predictions.keys.slice(1))
    found = describe_slices({"a": first, "b": replace(second, predictions=others)}, "auc")
    assert all(each.difference is not None and each.difference_interval is None for each in found)


def test_a_slice_that_one_model_lacks_is_left_out() -> None:
    first, second = make_evaluation(), make_evaluation(seed=2)
    fewer = {of: values for of, values in second.metrics.items() if of != key("company 0003")}
    names = {each.name for each in describe_slices({"a": first, "b": replace(second, metrics=fewer)}, "auc")}
    assert "company = company 0003" not in names
    assert "company = company 0004" in names


def test_what_is_not_a_number_comes_after_what_is() -> None:
    evaluation = make_evaluation()
    broken = {**evaluation.metrics, key("company 0003"): {"example_count": 100.0, "auc": math.nan}}
    found = describe_slices({"m": replace(evaluation, metrics=broken)}, "auc")
    large = [each for each in found if not each.small]
    assert large[-1].name == "company = company 0003"
    assert large[-1].intervals["m"] is None


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
    assert SMALL == "too few examples", "the page's script knows this text"
