"""Cost of transform and analysis on engines of this machine: local mode, several processes, and Apache Flink.

python -m benchmarks.engines [--rows 100000 300000 1000000] [--engines local processes-2 …] [--steps transform …]

Rows are made from the bundled trips, two thirds of them to fit the transform graph and one third to judge, each split
in four files. Every step is a process of its own, as in a pipeline; every job on Flink has a fresh cluster. CPU and
memory are those of the step's process and of all of Flink: JobManager, TaskManagers, job server and Python workers. CPU
leaves out the start of the cluster. Memory is the highest sum of proportional set sizes seen: shared pages count once.
Prints a table in Markdown, and what a further row costs between the smallest and the largest size.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.flink.cluster import flink_cluster

SIZES = (100_000, 300_000, 1_000_000)
ENGINES = ("local", "processes-2", "flink-1", "flink-2")
STEPS = ("transform", "analyze")
FILES = 4
RUN = "run-step"
_MODULE, _MODEL = "taxi_pipeline.preprocessing", "taxi_pipeline.model"
_INTERVAL = 0.5  # seconds between two looks at the processes


@dataclass(frozen=True)
class Cost:
    """What a step took."""

    wall: float  # seconds
    cpu: float  # seconds
    memory: float  # bytes, the highest seen


class Watch:
    """Adds up what the descendants of this process use, whether they live or have ended."""

    def __init__(self) -> None:
        self._cpu: dict[tuple[int, float], float] = {}
        self.memory = 0.0

    def look(self) -> None:
        """Take a sample."""
        memory = 0.0
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # it has ended meanwhile
                used = process.cpu_times()
                self._cpu[process.pid, process.create_time()] = used.user + used.system
                memory += process.memory_full_info().pss
        self.memory = max(self.memory, memory)

    @property
    def cpu(self) -> float:
        """Seconds, as far as seen."""
        return sum(self._cpu.values())


def step(name: str, examples: str, output: Path, runner: str, flags: list[str]) -> None:
    """Run one step in this process; without a runner, in local mode."""
    from components.analysis.analyze import analyze
    from components.lib.beam.options import BeamOptions
    from components.training.fit import fit
    from components.training.request import Request
    from components.transform.preprocess import preprocess
    from taxi_pipeline.schema import LABEL_KEY

    options = BeamOptions(mode="cloud", runner=runner, flags=flags) if runner else BeamOptions()
    graph, transformed, model = (str(output / part) for part in ("graph", "transformed", "model"))
    if name == "transform":
        preprocess(examples, _MODULE, transform_graph=graph, transformed_examples=transformed, options=options)
    elif name == "train":
        fit(Request(examples, transformed, graph, _MODEL, LABEL_KEY, train_steps=200), model)
    else:
        config, evaluation = "taxi_pipeline.eval_config", str(output / "evaluation")
        analyze(examples, model, config, label_key=LABEL_KEY, evaluation=evaluation, options=options)


def run_step(name: str, examples: Path, output: Path, runner: str = "", flags: Sequence[str] = ()) -> Cost:
    """Run one step as a process and watch it, and the cluster that it uses."""
    watch = Watch()
    watch.look()
    before, started = watch.cpu, time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.engines", RUN, name, str(examples), str(output), runner, *flags]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        while process.poll() is None:
            watch.look()
            time.sleep(_INTERVAL)
        wall = time.perf_counter() - started
        watch.look()
        if process.returncode:
            log.seek(0)
            sys.exit(f"{name} failed:\n{log.read()[-3000:]}")
    return Cost(wall, watch.cpu - before, watch.memory)


def measure(name: str, engine: str, examples: Path, output: Path) -> Cost:
    """Run one step on an engine."""
    kind, _, workers = engine.partition("-")
    if kind == "flink":
        with flink_cluster(int(workers)) as flags:
            return run_step(name, examples, output, "PortableRunner", flags)
    if kind == "processes":
        flags = ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
        return run_step(name, examples, output, "FnApiRunner", flags)
    return run_step(name, examples, output)


def growth(costs: dict[int, Cost]) -> str:
    """Say what a further row costs, between the smallest and the largest size."""
    small, large = min(costs), max(costs)
    first, last, rows = costs[small], costs[large], large - small
    wall, cpu = (last.wall - first.wall) / rows * 1e6, (last.cpu - first.cpu) / rows * 1e6
    return f"{wall:.0f} µs | {cpu:.0f} µs | {(last.memory - first.memory) / rows:.0f} B"


def main() -> None:
    """Measure every size on every engine, the engines in turn."""
    if sys.argv[1:2] == [RUN]:
        name, examples, output, runner, *flags = sys.argv[2:]
        step(name, examples, Path(output), runner, flags)
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=list(SIZES), help="sizes (default: %(default)s)")
    parser.add_argument(
        "--engines", nargs="+", default=list(ENGINES), help="local; processes-N or flink-N for N workers"
    )
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        for rows in asked.rows:
            make = [sys.executable, "-m", "benchmarks.transform", "make", str(rows), str(home / str(rows)), str(FILES)]
            subprocess.run(make, check=True)
        if "analyze" in asked.steps:  # one model for all sizes: it sees the same columns
            for name in ("transform", "train"):
                run_step(name, home / str(min(asked.rows)) / "examples", home)
        print("| step | engine | rows | wall | CPU | peak memory |\n|---|---|---|---|---|---|", flush=True)
        found: dict[tuple[str, str], dict[int, Cost]] = {}
        for rows, name, engine in itertools.product(sorted(asked.rows), asked.steps, asked.engines):
            cost = measure(name, engine, home / str(rows) / "examples", home)
            found.setdefault((name, engine), {})[rows] = cost
            size = f"{cost.memory / 1e9:.2f} GB"
            print(f"| {name} | {engine} | {rows:,} | {cost.wall:.0f} s | {cost.cpu:.0f} s | {size} |", flush=True)
    if len(asked.rows) > 1:
        print("\n| step | engine | wall a further row | CPU | memory |\n|---|---|---|---|---|")
        for (name, engine), costs in found.items():
            print(f"| {name} | {engine} | {growth(costs)} |")


if __name__ == "__main__":
    main()
