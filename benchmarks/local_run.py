"""Wall time of workflow1 under our runner and under kfp.local, side by side.

python -m benchmarks.local_run [--rounds 3] [--param NAME=VALUE …]

Each run is a fresh process of the same package with the same parameters. What the steps import is read into memory
first, so that nobody pays for a cold disk; then the two runners run in turn, and who begins changes with every round.

Prints a table in Markdown: when each step began and ended in our run, what CPU time it took, and its seconds under
kfp.local; wall and CPU time with their ranges; and how busy other processes kept the machine meanwhile (Linux), without
which nobody can tell a slow runner from a busy machine. All numbers but ranges are medians of the rounds.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
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
    """Seconds that a run took.

    Attributes:
        wall: From its start to its end.
        cpu: Of its processes.
        others: CPU seconds of all other processes meanwhile; not a number where the machine does not tell.
        steps: Of each step; under kfp.local from one output to the next.
        spans: When each step began and ended, counted from the start of the run; of our runner.
        step_cpu: CPU seconds of each step; of our runner.
    """

    wall: float
    cpu: float
    others: float
    steps: dict[str, float]
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)
    step_cpu: dict[str, float] = field(default_factory=dict)


WALL, CPU, OTHERS = map(attrgetter, ("wall", "cpu", "others"))


def busy_seconds() -> float:
    """CPU seconds that the whole machine has worked since it started."""
    try:
        user, nice, system, _idle, _wait, irq, soft = map(int, Path("/proc/stat").read_text().split()[1:8])
    except OSError:
        return math.nan
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def timed(command: list[str]) -> tuple[float, float, float, subprocess.CompletedProcess[str]]:
    """Run a command: wall seconds, CPU seconds of it and all its children, of all others, and what it printed."""
    before, busy, began = resource.getrusage(resource.RUSAGE_CHILDREN), busy_seconds(), time.monotonic()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, max(0.0, busy_seconds() - busy - cpu), done


def ours(specification: Path, scratch: Path, arguments: dict[str, object]) -> Took:
    """Run under our runner; its steps overlap."""
    command = [str(Path(sys.executable).with_name("taxi-pipeline")), "run", str(specification), "--json"]
    command += ["--run-dir", str(scratch / "ours")]
    for name, value in arguments.items():
        command += ["--param", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    wall, cpu, others, done = timed(command)
    record = json.loads(done.stdout)
    began = datetime.fromisoformat(record["started"])
    ran = {name: step for name, step in record["steps"].items() if step["seconds"] is not None}
    steps = {name: step["seconds"] for name, step in ran.items()}
    starts = {name: (datetime.fromisoformat(step["started"]) - began).total_seconds() for name, step in ran.items()}
    return Took(
        wall,
        cpu,
        others,
        {"(imports, once)": sum(record["imports"].values()), **steps},
        {name: (start, start + steps[name]) for name, start in starts.items()},
        {name: step["cpu_seconds"] for name, step in ran.items()},
    )


def kfp_local(specification: Path, scratch: Path, arguments: dict[str, object]) -> Took:
    """Run under kfp.local, which runs one step after another: each takes the time between two outputs."""
    clock = time.time()
    command = [sys.executable, "-c", KFP_LOCAL, str(specification), str(scratch / "kfp"), json.dumps(arguments)]
    wall, cpu, others, _ = timed(command)
    outputs = sorted((scratch / "kfp").rglob("executor_output.json"), key=lambda path: path.stat().st_mtime)
    steps = {}
    for path in outputs:
        steps[path.parent.name] = path.stat().st_mtime - clock
        clock = path.stat().st_mtime
    return Took(wall, cpu, others, steps)


def warm() -> None:
    """Read into memory what the steps import."""
    modules = [
        "kfp",
        "components.example_generation.read",
        "components.transform.preprocess",
        "components.training.fit",
    ]
    modules += ["components.analysis.analyze", "components.comparison.compare"]
    subprocess.run([sys.executable, "-c", f"import {', '.join(modules)}"], check=True, capture_output=True)


def middle(values: Sequence[float | None]) -> str:
    """Write the median of what is there."""
    known = [value for value in values if value is not None]
    return f"{statistics.median(known):.1f}" if known else ""


def spread(runs: Sequence[Took], of: Callable[[Took], float]) -> str:
    """Write the median of a number of runs, and its range."""
    values = [of(took) for took in runs]
    return f"**{statistics.median(values):.1f}** ({min(values):.1f} to {max(values):.1f})"


def main() -> None:
    """Run both in turn and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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

    from pipeline_tools.compiler import pipeline_yaml
    from taxi_pipeline.workflow1 import workflow1

    results: dict[str, list[Took]] = {"ours": [], "kfp.local": []}
    with tempfile.TemporaryDirectory() as place:
        specification = Path(place) / "workflow1.yaml"
        specification.write_text(pipeline_yaml(workflow1), encoding="utf-8")
        warm()
        for number in range(options.rounds):
            pair = [("ours", ours), ("kfp.local", kfp_local)]
            for name, runner in pair if number % 2 == 0 else reversed(pair):
                took = runner(specification, Path(place) / f"{number}-{name}", arguments)
                results[name].append(took)
                told = f"wall {took.wall:.1f} s, CPU {took.cpu:.1f} s, others' CPU {took.others:.1f} s"
                print(f"round {number + 1}: {name}: {told}", file=sys.stderr, flush=True)
    report(results["ours"], results["kfp.local"])


def report(own: Sequence[Took], other: Sequence[Took]) -> None:
    """Print the table."""
    print(f"\nworkflow1, {os.cpu_count()} CPUs, rounds: {len(own)}; seconds, medians\n")
    print("| | our runner: from - to | CPU | kfp.local |\n|---|---|---|---|")
    for step in dict.fromkeys(step for took in (*own, *other) for step in took.steps):
        spans = [[took.spans[step][end] for took in own if step in took.spans] for end in (0, 1)]
        ours_ = " - ".join(map(middle, spans)) if spans[0] else middle([took.steps.get(step) for took in own])
        cpu = middle([took.step_cpu.get(step) for took in own])
        print(f"| {step} | {ours_} | {cpu} | {middle([took.steps.get(step) for took in other])} |")
    for name, of in (("wall time", WALL), ("CPU time", CPU), ("CPU time of other processes", OTHERS)):
        print(f"| {name} | {spread(own, of)} | | {spread(other, of)} |")
    for name, of in (("wall time", WALL), ("CPU time", CPU)):
        ratios = [of(a) / of(b) for a, b in zip(own, other, strict=True)]
        told = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"\nratio of {name}, by round: {told}; median {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
