"""Wall time of workflow1 under our runner and under kfp.local, side by side.

python -m benchmarks.local_run [--rounds 3] [--param NAME=VALUE …]

Each run is a fresh process of the same package with the same parameters, the two runners in turn, so that what else
the machine does falls on both. Prints a table in Markdown: the seconds of each step, the wall time, and the CPU time,
which says how much work was saved where a busy machine leaves no second CPU to run steps at the same time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

KFP_LOCAL = """
import sys, warnings
warnings.simplefilter("ignore")
from kfp import components, local
local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[2])
import json
components.load_component_from_file(sys.argv[1])(**json.loads(sys.argv[3]))
"""


@dataclass(frozen=True)
class Took:
    """Seconds that a run took."""

    wall: float
    cpu: float
    steps: dict[str, float]


def timed(command: list[str]) -> tuple[float, float, subprocess.CompletedProcess[str]]:
    """Run a command: wall seconds, CPU seconds of it and all its children, and what it printed."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done


def ours(specification: Path, scratch: Path, arguments: dict[str, object]) -> Took:
    """Run under our runner; its steps overlap."""
    command = [str(Path(sys.executable).with_name("taxi-pipeline")), "run", str(specification), "--json"]
    command += ["--run-dir", str(scratch / "ours")]
    for name, value in arguments.items():
        command += ["--param", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    wall, cpu, done = timed(command)
    record = json.loads(done.stdout)
    steps = {name: step["seconds"] for name, step in record["steps"].items()}
    return Took(wall, cpu, {"(imports, once)": sum(record["imports"].values()), **steps})


def kfp_local(specification: Path, scratch: Path, arguments: dict[str, object]) -> Took:
    """Run under kfp.local, which runs one step after another: each takes the time between two outputs."""
    clock = time.time()
    command = [sys.executable, "-c", KFP_LOCAL, str(specification), str(scratch / "kfp"), json.dumps(arguments)]
    wall, cpu, _ = timed(command)
    outputs = sorted((scratch / "kfp").rglob("executor_output.json"), key=lambda path: path.stat().st_mtime)
    steps = {}
    for path in outputs:
        steps[path.parent.name] = path.stat().st_mtime - clock
        clock = path.stat().st_mtime
    return Took(wall, cpu, steps)


def main() -> None:
    """Run both in turn and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="JSON, or text")
    options = parser.parse_args()
    arguments: dict[str, object] = {}
    for pair in options.param:
        name, _, text = pair.partition("=")
        try:
            arguments[name] = json.loads(text)
        except ValueError:
            arguments[name] = text
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # without bytecode every import is two to three times dearer

    from taxi_pipeline.compiler import pipeline_yaml
    from taxi_pipeline.workflow1 import workflow1

    results: dict[str, list[Took]] = {"ours": [], "kfp.local": []}
    with tempfile.TemporaryDirectory() as place:
        specification = Path(place) / "workflow1.yaml"
        specification.write_text(pipeline_yaml(workflow1), encoding="utf-8")
        for number in range(options.rounds):
            for name, runner in (("ours", ours), ("kfp.local", kfp_local)):
                took = runner(specification, Path(place) / f"{number}-{name}", arguments)
                results[name].append(took)
                print(f"round {number + 1}: {name} {took.wall:.1f} s, CPU {took.cpu:.1f} s", file=sys.stderr)

    def median(of: Callable[[Took], float]) -> list[float]:
        return [statistics.median(of(took) for took in runs) for runs in results.values()]

    print(f"\nworkflow1, {os.cpu_count()} CPUs, {options.rounds} rounds, medians, seconds\n")
    print("| | our runner | kfp.local |\n|---|---|---|")
    for step in dict.fromkeys(step for runs in results.values() for step in runs[0].steps):
        cells = [
            f"{seconds:.1f}" if seconds else "" for seconds in median(lambda took, step=step: took.steps.get(step, 0))
        ]
        print(f"| {step} | {' | '.join(cells)} |")
    for name, seconds in (("wall time", median(lambda took: took.wall)), ("CPU time", median(lambda took: took.cpu))):
        print(f"| **{name}** | **{seconds[0]:.1f}** | **{seconds[1]:.1f}** (ratio {seconds[0] / seconds[1]:.2f}) |")


if __name__ == "__main__":
    main()
