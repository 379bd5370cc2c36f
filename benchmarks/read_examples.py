"""Cost of reading and selecting two windows of a million trips, beside DuckDB alone doing the same.

Run with: python -m benchmarks.read_examples [ROWS]

The trips are the bundled ones again and again, each copy with a key and a start time of its own. Every measurement is
a process of its own; its CPU counts from after the imports. "DuckDB alone" runs the same selection, sort and Parquet
file as one COPY statement, with DuckDB's own hash in place of FARM_FINGERPRINT, which it does not have.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS = 1_000_000
WINDOWS = (("2013-01-01", "2017-01-01"), ("2015-07-01", "2017-01-01"))
EVAL = ("2016-07-01", "2017-01-01")
WAYS = ("example_gen", "example_gen with statistics", "DuckDB alone")


def make_trips(rows: int, path: Path) -> None:
    """Write many trips into one Parquet file."""
    import duckdb

    from taxi_pipeline.data import TRIPS

    with duckdb.connect() as connection:
        connection.execute(
            """
            COPY (
                SELECT trips.* REPLACE (
                    left(sha256(unique_key || copy), 40) AS unique_key,
                    trip_start_timestamp + to_seconds(61 * copy) AS trip_start_timestamp
                )
                FROM read_parquet($trips) AS trips, range(1 + $rows // 15000) AS copies(copy)
                LIMIT $rows
            ) TO $path (FORMAT parquet, COMPRESSION zstd)
            """,
            {"trips": str(TRIPS), "rows": rows, "path": str(path)},
        )


def with_example_gen(trips: Path, out: Path, *, statistics: bool) -> int:
    """Read both windows as example_gen does; without statistics, only rows are written. Gives the rows."""
    from components.example_generation.read import read_examples
    from components.example_generation.request import ReadParameters, make_request
    from components.example_generation.rows import write_rows
    from components.example_generation.sources.source import Access, open_sources, parse_handles
    from components.lib.schema import load_schema
    from taxi_pipeline.schema import DERIVED_COLUMNS, KEY_COLUMN, TIME_COLUMN

    written = 0
    for number, (ts1, ts2) in enumerate(WINDOWS):
        parameters = ReadParameters(
            input_handle_train=str(trips),
            input_handle_eval=str(trips),
            schema="taxi_pipeline.schema",
            key_column=KEY_COLUMN,
            derived_columns=DERIVED_COLUMNS,
            time_column=TIME_COLUMN,
            ts1=ts1,
            ts2=ts2,
            eval_ts1=EVAL[0],
            eval_ts2=EVAL[1],
        )
        if statistics:
            places = {name: out / f"{name}{number}" for name in ("examples", "statistics", "anomalies")}
            recorded = read_examples(parameters, **places)
            written += recorded["rows_train"] + recorded["rows_eval"]
            continue
        request = make_request(parameters, load_schema(parameters.schema))
        handles = parse_handles(parameters.input_handle_train, parameters.input_handle_eval, request)
        (out / f"{number}").mkdir()
        for source in open_sources(handles, request, Access(out)):
            written += sum(write_rows(source, out, out / f"{number}").values())
    return written


def with_duckdb(trips: Path, out: Path) -> int:
    """Select, sort and write both windows with one statement each. Gives the rows."""
    import duckdb

    written = 0
    with duckdb.connect(config={"memory_limit": "512MB", "temp_directory": str(out)}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for number, window in enumerate(WINDOWS):
            written += connection.execute(
                """
                COPY (
                    SELECT * EXCLUDE (unique_key, trip_start_timestamp), epoch(trip_start_timestamp)::BIGINT AS start,
                           month(trip_start_timestamp) AS month, hour(trip_start_timestamp) AS hour,
                           dayofweek(trip_start_timestamp) + 1 AS day, unique_key, hash(unique_key) % 3 > 0 AS train
                    FROM read_parquet($trips)
                    WHERE (train AND trip_start_timestamp >= $ts1 AND trip_start_timestamp < $ts2)
                       OR (NOT train AND trip_start_timestamp >= $eval_ts1 AND trip_start_timestamp < $eval_ts2)
                    ORDER BY hash('sample:' || unique_key)
                ) TO $path (FORMAT parquet)
                """,
                {
                    "trips": str(trips),
                    "ts1": window[0],
                    "ts2": window[1],
                    "eval_ts1": EVAL[0],
                    "eval_ts2": EVAL[1],
                    "path": str(out / f"{number}.parquet"),
                },
            ).fetchall()[0][0]
    return written


def measure(way: str, trips: Path) -> dict[str, float]:
    """Read both windows once, in this process."""
    import components.example_generation.read  # noqa: F401 - so that imports do not count

    with tempfile.TemporaryDirectory(dir=trips.parent) as out:
        cpu, wall = time.process_time(), time.monotonic()
        if way == "DuckDB alone":
            written = with_duckdb(trips, Path(out))
        else:
            written = with_example_gen(trips, Path(out), statistics=way.endswith("statistics"))
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu": cpu, "wall": wall, "megabytes": peak, "written": written}


def main() -> None:
    """Measure each way in a process of its own, and print a table."""
    if len(sys.argv) == 4 and sys.argv[1] == "--measure":
        print(json.dumps(measure(sys.argv[2], Path(sys.argv[3]))))
        return
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as directory:
        trips = Path(directory) / "trips.parquet"
        make_trips(rows, trips)
        print(f"{rows:,} trips, {trips.stat().st_size / 1e6:.0f} MB; two windows of them\n")
        print("| way | CPU µs a row | wall s | peak MB | rows written |\n|---|---|---|---|---|")
        for way in WAYS:
            command = [sys.executable, "-m", "benchmarks.read_examples", "--measure", way, str(trips)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            took = json.loads(done.stdout)
            cells = (took["cpu"] / rows * 1e6, took["wall"], took["megabytes"], took["written"])
            print("| {} | {:.2f} | {:.1f} | {:.0f} | {:,} |".format(way, *cells))


if __name__ == "__main__":
    main()
