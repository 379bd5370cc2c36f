"""Cost of the transform a further row, between 200,000 and 1,000,000 rows made from the bundled trips.

Run with: python -m benchmarks.transform [SMALL LARGE]

Each size runs in a process of its own; the difference of their CPU times, over the difference of their rows, leaves
imports and graph tracing out.
"""

from __future__ import annotations

import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SIZES = (200_000, 1_000_000)


def make_examples(rows: int, directory: Path, files: int = 1) -> None:
    """Write examples of many trips: the bundled ones again and again, each with a key and a fare of its own."""
    from components.example_generation.read import read_examples
    from components.example_generation.request import ReadParameters
    from taxi_pipeline.data import SAMPLE
    from taxi_pipeline.schema import DERIVED_COLUMNS, KEY_COLUMN, TIME_COLUMN

    base = directory / "base"
    parameters = ReadParameters(
        input_handle_train=SAMPLE,
        input_handle_eval=SAMPLE,
        schema="taxi_pipeline.schema",
        key_column=KEY_COLUMN,
        derived_columns=DERIVED_COLUMNS,
        time_column=TIME_COLUMN,
    )
    read_examples(parameters, examples=base, statistics=directory / "s", anomalies=directory / "a")
    random = np.random.default_rng(0)
    target = directory / "examples"
    for split, share in (("train", 2 / 3), ("eval", 1 / 3)):
        (target / split).mkdir(parents=True)
        table = pq.read_table(sorted((base / split).iterdir()))
        bounds = [round(rows * share * part / files) for part in range(files + 1)]
        for number, (begin, end) in enumerate(itertools.pairwise(bounds)):
            path = target / split / f"data-{number:05}-of-{files:05}.parquet"
            with pq.ParquetWriter(path, table.schema) as writer:
                for start in range(begin, end, 50_000):
                    size = min(50_000, end - start)
                    part = table.take(random.integers(table.num_rows, size=size))
                    fares = part["fare"].to_numpy() * random.uniform(0.8, 1.2, size)
                    part = part.set_column(part.schema.get_field_index("fare"), "fare", pa.array(fares, pa.float32()))
                    keys = pa.array([f"{split}{start + at}" for at in range(size)])
                    at = part.schema.get_field_index("example_key")
                    writer.write_table(part.set_column(at, "example_key", keys))
    (target / "schema.pbtxt").write_text((base / "schema.pbtxt").read_text())


def measure(rows: int, module: str) -> dict[str, float]:
    """Transform in this process and tell what it cost."""
    from components.transform.preprocess import preprocess

    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        made = subprocess.run([sys.executable, "-m", "benchmarks.transform", "make", str(rows), name], check=True)
        assert made.returncode == 0
        before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        preprocess(
            str(directory / "examples"),
            module,
            transform_graph=str(directory / "graph"),
            transformed_examples=str(directory / "transformed"),
        )
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {"cpu": cpu, "wall": time.perf_counter() - started, "memory": after.ru_maxrss * 1024}


def main() -> None:
    """Measure both sizes for both variants."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["make"]:
        make_examples(int(arguments[1]), Path(arguments[2]), *map(int, arguments[3:]))
        return
    if arguments[:1] == ["measure"]:
        print(json.dumps(measure(int(arguments[1]), arguments[2])))
        return
    small, large = (int(size) for size in arguments) if arguments else SIZES
    for module in ("taxi_pipeline.preprocessing", "taxi_pipeline.preprocessing2"):
        found = {}
        for rows in (small, large):
            command = [sys.executable, "-m", "benchmarks.transform", "measure", str(rows), module]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            found[rows] = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{module}, {rows:,} rows: {found[rows]['cpu']:.1f} s CPU, {found[rows]['wall']:.1f} s wall, "
                f"peak {found[rows]['memory'] / 1e9:.2f} GB"
            )
        each = (found[large]["cpu"] - found[small]["cpu"]) / (large - small)
        print(f"{module}: {each * 1e6:.1f} microseconds of CPU a further row")


if __name__ == "__main__":
    main()
