"""CPU of the command line and of compiling, against what their libraries cost.

`taxi-pipeline --help` and `--version` against ``python -c "import click, rich"``, at most 3 times; `python -m
taxi_pipeline.workflow1` against ``python -c "import kfp"``.

Run with: python -m benchmarks.compile
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 7

BASE = {"--help": "import click, rich", "--version": "import click, rich"}
COMMANDS = {
    "import click, rich": ["-c", "import click, rich"],
    "--help": ["-m", "taxi_pipeline", "--help"],
    "--version": ["-m", "taxi_pipeline", "--version"],
    "import kfp": ["-c", "import kfp"],
    "workflow1": ["-m", "taxi_pipeline.workflow1"],
    "workflow2": ["-m", "taxi_pipeline.workflow2"],
}


def cpu_seconds(command: list[str], cwd: str) -> float:
    """Give the user and system time of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure in turns, so that a busy moment falls on all."""
    with tempfile.TemporaryDirectory() as cwd:
        times: dict[str, list[float]] = {name: [] for name in COMMANDS}
        for _ in range(ROUNDS):
            for name, arguments in COMMANDS.items():
                times[name].append(cpu_seconds([sys.executable, *arguments], cwd))
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    for name, median in medians.items():
        base = BASE.get(name, "import click, rich" if name == "import click, rich" else "import kfp")
        print(f"{name}: {median:.3f} s CPU, {median / medians[base]:.2f} times `{base}` (median of {ROUNDS})")


if __name__ == "__main__":
    main()
