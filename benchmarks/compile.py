"""CPU of `python -m taxi_pipeline.workflow1` against `python -c "import kfp"`.

Run with: python -m benchmarks.compile
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 7


def cpu_seconds(command: list[str], cwd: str) -> float:
    """Give the user and system time of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure in turns, so that a busy moment falls on both."""
    commands = {
        "import kfp": [sys.executable, "-c", "import kfp"],
        "workflow1": [sys.executable, "-m", "taxi_pipeline.workflow1"],
        "workflow2": [sys.executable, "-m", "taxi_pipeline.workflow2"],
    }
    with tempfile.TemporaryDirectory() as cwd:
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                times[name].append(cpu_seconds(command, cwd))
    base = statistics.median(times["import kfp"])
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{name}: {median:.2f} s CPU, {median / base:.2f} times `import kfp` (median of {ROUNDS})")


if __name__ == "__main__":
    main()
