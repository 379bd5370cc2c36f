from __future__ import annotations

import pytest

from components.training.tf_config import make_tf_config, read_tf_config
from pipeline_tools.errors import InputError

HOSTS = ["a:1", "b:2"]


def test_what_is_written_is_read():
    assert read_tf_config({"TF_CONFIG": make_tf_config(HOSTS, 1)}) == (1, 2)


def test_without_it_a_process_is_alone():
    assert read_tf_config({}) == (0, 1)


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "{}",
        make_tf_config(HOSTS, 2),
        '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "evaluator", "index": 0}}',
    ],
)
def test_what_names_no_worker_is_refused(text):
    with pytest.raises(InputError, match="TF_CONFIG="):
        read_tf_config({"TF_CONFIG": text})
