"""What lowering costs: a share of KFP's own compile, growing with the pipeline and no faster."""

import cProfile
import pstats
import time

import pytest
from kfp import dsl

from pipeline_tools.compiler import lower, pipeline_yaml
from pipeline_tools.compiler.argo.workflow import manifest_size
from tests.pipeline_tools.compiler.argo.pipelines import component


@component
def join(left: str, right: str) -> str:
    return left + right


def chain(size: int):
    @dsl.pipeline(name=f"generated-{size}")
    def generated(text: str = "t"):
        last = None
        for at in range(size):
            last = join(left=text if last is None else last.output, right=f"-{at}")

    return generated


def calls(text: str) -> int:
    """Count the calls that lowering makes: the same every time, however busy the machine is."""
    profile = cProfile.Profile()
    profile.runcall(lower, text)
    return pstats.Stats(profile).total_calls


def test_work_and_size_grow_no_faster_than_the_pipeline():
    small, large = pipeline_yaml(chain(50)), pipeline_yaml(chain(200))
    calls(small)  # the first call imports what it needs
    assert calls(large) < 4.2 * calls(small)
    assert manifest_size(lower(large)) < 4 * manifest_size(lower(small))


@pytest.mark.e2e
def test_lowering_takes_less_than_half_of_kfps_compile():
    def best(function):
        times = []
        for _ in range(3):
            start = time.process_time()
            result = function()
            times.append(time.process_time() - start)
        return min(times), result

    compiling, text = best(lambda: pipeline_yaml(chain(500)))
    lowering, _ = best(lambda: lower(text))
    assert lowering < compiling / 2
