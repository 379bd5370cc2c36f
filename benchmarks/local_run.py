"""Wall time of workflow1 under our runner and under kfp.local, side by side.

python benchmarks/local_run.py [--rounds 3] [--param NAME=VALUE …]

Each run is a fresh process of the same package with the same parameters, the two runners in turn, so that what else
the machine does falls on both. Prints a table in Markdown, with the seconds of each step.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KFP_LOCAL = """
import sys, warnings
warnings.simplefilter("ignore")
from kfp import components, local
local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[2])
import json
components.load_component_from_file(sys.argv[1])(**json.loads(sys.argv[3]))
"""


def ours(specification: Path, scratch: Path, arguments: dict[str, object]) -> tuple[float, dict[str, float]]:
    """Run under our runner: wall seconds, and those of each step (steps overlap)."""
    command = [str(Path(sys.executable).with_name("taxi-pipeline")), "run", str(specification), "--json"]
    command += ["--run-dir", str(scratch / "ours")]
    for name, value in arguments.items():
        command += ["--param", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    began = time.monotonic()
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    wall = time.monotonic() - began
    record = json.loads(output)
    steps = {name: step["seconds"] for name, step in record["steps"].items()}
    return wall, {"(imports, once)": sum(record["imports"].values()), **steps}


def kfp_local(specification: Path, scratch: Path, arguments: dict[str, object]) -> tuple[float, dict[str, float]]:
    """Run under kfp.local: wall seconds, and those of each step (one after another: the time between two outputs)."""
    began, clock = time.monotonic(), time.time()
    command = [sys.executable, "-c", KFP_LOCAL, str(specification), str(scratch / "kfp"), json.dumps(arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    wall = time.monotonic() - began
    if done.returncode:
        sys.exit(f"kfp.local failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    outputs = sorted((scratch / "kfp").rglob("executor_output.json"), key=lambda path: path.stat().st_mtime)
    steps = {}
    for path in outputs:
        steps[path.parent.name] = path.stat().st_mtime - clock
        clock = path.stat().st_mtime
    return wall, steps


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

    results: dict[str, list[tuple[float, dict[str, float]]]] = {"ours": [], "kfp.local": []}
    with tempfile.TemporaryDirectory() as place:
        specification = Path(place) / "workflow1.yaml"
        specification.write_text(pipeline_yaml(workflow1), encoding="utf-8")
        for number in range(options.rounds):
            for name, runner in (("ours", ours), ("kfp.local", kfp_local)):
                results[name].append(runner(specification, Path(place) / f"{number}-{name}", arguments))
                print(f"round {number + 1}: {name} {results[name][-1][0]:.1f} s", file=sys.stderr)

    walls = {name: statistics.median(wall for wall, _ in runs) for name, runs in results.items()}
    print(f"\nworkflow1, {os.cpu_count()} CPUs, {options.rounds} rounds, medians, seconds of wall time\n")
    print("| | our runner | kfp.local |\n|---|---|---|")
    steps = dict.fromkeys(step for runs in results.values() for _, of in runs for step in of)
    for step in steps:
        cells = [
            statistics.median([of[step] for _, of in runs]) if step in runs[0][1] else None for runs in results.values()
        ]
        print(f"| {step} | " + " | ".join("" if cell is None else f"{cell:.1f}" for cell in cells) + " |")
    print(f"| **all** | **{walls['ours']:.1f}** | **{walls['kfp.local']:.1f}** |")
    print(f"\nratio {walls['ours'] / walls['kfp.local']:.2f}")


if __name__ == "__main__":
    main()
