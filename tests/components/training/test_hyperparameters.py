"""Hyperparameters go to `build_model` as they are; what it does not accept is refused before anything is read."""

import pytest

from components.training.hyperparameters import check_hyperparameters
from components.training.request import Request
from pipeline_tools.errors import InputError


def wide(features, *, seed, layers=(8, 4), rate=0.1):
    """What most modules look like."""


def required(features, *, seed, layers):
    """One that has no default for all."""


def anything(features, **options):
    """One that accepts whatever it is given."""


def without_seed(features, layers=(8,)):
    """One that cannot be called as `train` calls it."""


@pytest.mark.parametrize(
    ("build_model", "given"),
    [(wide, {}), (wide, {"layers": [3], "rate": 1}), (required, {"layers": [3]}), (anything, {"depth": 3})],
)
def test_what_the_module_accepts_is_accepted(build_model, given) -> None:
    check_hyperparameters(build_model, given, "my.model")


@pytest.mark.parametrize(
    ("build_model", "given", "message"),
    [
        (
            wide,
            {"layer": [3]},
            r"hyperparameters.layer: there is no such key; did you mean layers\? The keys are layers, ",
        ),
        (wide, {"depth": 3}, r"hyperparameters.depth: there is no such key\. The keys are layers, rate"),
        (wide, {"seed": 3}, r"hyperparameters.seed: there is no such key\."),
        (wide, {"features": 3}, r"hyperparameters.features: there is no such key\."),
        (required, {}, "model_module=my.model: cannot call build_model.*missing a required argument: 'layers'"),
        (without_seed, {}, "model_module=my.model: cannot call build_model.*unexpected keyword argument 'seed'"),
    ],
)
def test_what_it_does_not_accept_is_refused_with_what_it_does(build_model, given, message) -> None:
    with pytest.raises(InputError, match=message):
        check_hyperparameters(build_model, given, "my.model")


def test_whole_numbers_that_json_made_floats_come_back() -> None:
    given = {"layers": [100.0, 50.0], "rate": 0.5, "deep": {"units": 3.0, "on": True, "name": "x"}}
    checked = Request("e", "t", "g", "m", "l", hyperparameters=given).checked().hyperparameters
    assert checked == {"layers": [100, 50], "rate": 0.5, "deep": {"units": 3, "on": True, "name": "x"}}
    assert [type(each) for each in checked["layers"]] == [int, int]
    assert type(checked["deep"]["on"]) is bool
