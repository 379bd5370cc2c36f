"""How long lowering to an Argo Workflow takes, against KFP's own compile of the same pipeline, and how it grows.

python benchmarks/lowering.py [--sizes 125 250 500 1000]
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

from kfp import dsl

from pipeline_tools.compiler import lower, pipeline_yaml, workflow_yaml
from pipeline_tools.compiler.argo.workflow import manifest_size


def join(left: str, right: str) -> str:
    """Join two texts."""
    return left + right


step = dsl.component(join, base_image="python:3.11", install_kfp_package=False)


def generated(size: int) -> Any:
    """Make a pipeline of this many tasks: chains of ten, each task after the one before it."""

    @dsl.pipeline(name=f"generated-{size}")
    def pipeline(text: str = "t"):
        last = None
        for at in range(size):
            start = text if at % 10 == 0 or last is None else last.output
            last = step(left=start, right=f"-{at}")

    return pipeline


def seconds(function: Callable[[], Any], times: int) -> tuple[float, Any]:
    """Give the best processor time of several calls, and the last result."""
    best, result = float("inf"), None
    for _ in range(times):
        start = time.process_time()
        result = function()
        best = min(best, time.process_time() - start)
    return best, result


def measure(size: int, times: int) -> dict[str, float]:
    """Measure one size."""
    compiling, text = seconds(lambda: pipeline_yaml(generated(size)), times)
    lowering, manifest = seconds(lambda: lower(text), times)
    writing, _ = seconds(lambda: workflow_yaml(manifest), times)
    return {
        "tasks": size,
        "kfp_compile_s": round(compiling, 3),
        "lower_s": round(lowering, 3),
        "write_yaml_s": round(writing, 3),
        "share": round((lowering + writing) / compiling, 3),
        "manifest_bytes": manifest_size(manifest),
    }


def main() -> None:
    """Print one line of JSON for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[62, 125, 250, 500])
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    for size in given.sizes:
        print(json.dumps(measure(size, given.times)), flush=True)


if __name__ == "__main__":
    main()
