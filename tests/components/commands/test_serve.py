from __future__ import annotations

import subprocess
import sys

import pytest

from tests.command import taxi_pipeline


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["serve", "--model-base-path", "nowhere"], "error: --model-base-path nowhere: does not exist"),
        (["serve", "--model-base-path", ".", "--version-policy", "newest"], "error: version policy 'newest'"),
        (["serve", "--model-base-path", ".", "--label", "stable"], "error: --label stable: must be LABEL=VERSION"),
        (["serve", "--model-base-path", ".", "--port", "99999"], "99999 is not in the range"),
        (["serve"], "Missing option '--model-base-path'"),
        (
            ["predict", "--server", "x", "--model-name", "taxi", "--examples-file", "sample://trips"],
            "error: server='x': must be host:port",
        ),
        (["predict", "--server", "localhost:8500", "--examples-file", "x"], "error: model_name is empty"),
        (
            [
                *("predict", "--server", "http://localhost:8501", "--model-name", "taxi", "--examples-file", "x"),
                *("--version", "1", "--label", "stable"),
            ],
            "error: version and label exclude each other; give one of them",
        ),
        (
            ["predict", "--server", "http://127.0.0.1:9", "--model-name", "taxi", "--examples-file", "sample://trips"],
            "error: no model server answers at http://127.0.0.1:9",
        ),
        (["predict", "--server", "vertex:123", "--examples-file", "x"], "must be projects/P/locations/L/endpoints/E"),
        (["endpoint", "show", "123"], "must be projects/P/locations/L/endpoints/E"),
        (["manifests", "--model-name", "My_Model", "--model-base-path", "gs://b"], "is not a DNS label"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(arguments, text):
    done = taxi_pipeline(*arguments)

    assert done.returncode == 2
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_the_client_of_2018_has_its_flags():
    command = [sys.executable, "-m", "taxi_pipeline.client", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    for flag in ("--server", "--model_name", "--examples_file", "--num_examples"):
        assert flag in text
