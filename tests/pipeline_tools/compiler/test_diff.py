"""`taxi-pipeline diff`: what changed, in words, with diff's exit codes."""

import pytest
from click.testing import CliRunner
from kfp import dsl

from pipeline_tools.cli.diff import diff_command
from pipeline_tools.compiler import compile_package
from pipeline_tools.compiler.diff import differences
from pipeline_tools.compiler.package import read_documents
from pipeline_tools.errors import InputError

# kfp-kubernetes wants a protobuf that TensorFlow's metadata refuses on Python 3.10, so that it is not installed there.
kubernetes = pytest.importorskip("kfp.kubernetes", reason="kfp-kubernetes is not installed")


def step(text: str) -> str:
    return text


def other_step(text: str) -> str:
    return text * 2


def component(function, image="python:3.11"):
    return dsl.component(function, base_image=image, install_kfp_package=False)


@dsl.pipeline(name="trips")
def before(rows: int = 10, city: str = "Chicago"):
    first = component(step)(text=city)
    component(step)(text=first.output)


@dsl.pipeline(name="trips")
def after(rows: int = 20, month: str = "May"):
    first = component(step, "python:3.12")(text=month).set_cpu_limit("2").set_retry(3)
    second = component(step)(text="x").after(first)
    third = component(other_step)(text=second.output).set_env_variable("LEVEL", "debug")
    kubernetes.add_node_selector(third, "disk", "ssd")


@dsl.pipeline(name="trips")
def other_code(rows: int = 10, city: str = "Chicago"):
    changed = component(other_step)
    first = component(step)(text=city)
    changed(text=first.output)


def test_changes_in_words():
    lines = differences(read_documents(before), read_documents(after))
    assert lines == [
        "parameter city removed",
        "parameter month added",
        "parameter rows: default changed from 10 to 20",
        "task other-step added",
        "task step: cpu limit added (2)",
        "task step: image changed from python:3.11 to python:3.12",
        "task step: input text changed from parameter city to parameter month",
        "task step: retry backoffDuration added (0s)",
        "task step: retry backoffFactor added (2)",
        "task step: retry backoffMaxDuration added (3600s)",
        "task step: retry maxRetryCount added (3)",
        "task step-2: input text changed from step.Output to x",
        "edge step-2 -> other-step added",
    ]


def test_settings_of_a_task_that_stays():
    @dsl.pipeline(name="trips")
    def with_settings(rows: int = 10, city: str = "Chicago"):
        first = component(step)(text=city).set_env_variable("LEVEL", "debug").set_caching_options(False)
        second = component(step)(text=first.output)
        kubernetes.add_node_selector(second, "disk", "ssd")

    assert differences(read_documents(before), read_documents(with_settings)) == [
        "task step: caching changed from on to off",
        "task step: environment LEVEL added (debug)",
        'task step-2: kubernetes nodeSelector added ({"labels": {"disk": "ssd"}})',
    ]


@pytest.mark.parametrize(("new", "code"), [(before, 0), (after, 1)])
def test_exit_code_is_that_of_diff(new, code, tmp_path):
    old = compile_package(before, tmp_path / "old.tar.gz")
    done = CliRunner().invoke(diff_command, [str(old), str(compile_package(new, tmp_path / "new.tar.gz"))])
    assert done.exit_code == code
    assert bool(done.output) == bool(code)


def test_trouble_names_the_package(tmp_path):
    package = compile_package(before, tmp_path / "argo.tar.gz", format="argo")
    with pytest.raises(InputError, match=r"argo\.tar\.gz.*an Argo Workflow; give a package that holds"):
        read_documents(package)
