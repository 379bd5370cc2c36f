"""Components called one by one, as a notebook does."""

from pathlib import Path
from typing import NamedTuple

import pytest
from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Output

from components import InputError, call


@dsl.component(base_image="python:3.11")
def write(text: str, words: Output[Dataset]):
    Path(words.path).write_text(text)
    words.metadata["characters"] = len(text)


@dsl.component(base_image="python:3.11")
def count(words: Input[Dataset], metrics: Output[Metrics], scale: int = 1) -> NamedTuple(
    "Outputs", [("number", int), ("even", bool)]
):
    number = len(Path(words.path).read_text().split()) * scale
    metrics.log_metric("words", number)
    return (number, number % 2 == 0)


def test_artifacts_and_values_come_back_by_name(tmp_path: Path) -> None:
    written = call(write, text="a b c", root=tmp_path)
    assert Path(written.words.path) == tmp_path / "words"
    assert written.words.metadata == {"characters": 5}
    counted = call(count, words=written.words)
    assert counted.metrics.metadata == {"words": 3}
    assert (counted.number, counted.even) == (3, False)
    assert call(count, words=tmp_path / "words").number == 3  # a path does, too


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "count needs words, too"),
        ({"words": "x", "colour": 1}, "count has no input colour; its inputs are words, scale"),
        ({"words": "x", "metrics": 1}, "count has no input metrics"),
    ],
)
def test_inputs_are_checked(arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(count, **arguments)


def test_a_container_cannot_be_called() -> None:
    @dsl.container_component
    def say():
        return dsl.ContainerSpec(image="busybox", command=["echo", "a"])

    with pytest.raises(InputError, match="say: only components made of a Python function can be called"):
        call(say)
