"""Find rows without a time, and times that are something else than seconds since 1970."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

import duckdb
from tensorflow_metadata.proto.v0 import schema_pb2

from components.example_generation.describe.anomalies import Anomaly
from components.example_generation.describe.empty_windows import one_row
from components.example_generation.query.selection import count_times
from components.example_generation.sources.source import Source
from components.example_generation.sources.time_units import likely_unit
from components.lib.schema import bounds

_DATES = (19000101, 21001231)
"""As seconds, dates that are written YYYYMMDD lie in August 1970."""


def find_time_anomalies(
    connection: duckdb.DuckDBPyConnection, source: Source, schema: schema_pb2.Schema
) -> list[Anomaly]:
    """Look at the times of all rows of a source, in its windows or not.

    A BigQuery table is asked under a window only: the query scans its time column.

    Args:
        connection: Any.
        source: What is read.
        schema: Where the time column has an ``int_domain`` with ``max``, its numbers are taken to be meant as they are.

    Returns:
        Anomalies of the time column: rows that lie in no window, for they have no time; and numbers that are no
        seconds, which is fatal.
    """
    windows = [window for window in source.request.windows.values() if not window.open]
    if not source.request.time_column or (source.table.handle.kind == "bigquery" and not windows):
        return []
    ends = count_times(source.request, source.table.table, source.table.kinds)
    first, last, missing = one_row(connection, source, ends)
    found = list(_unit(source, schema, first, last)) if first is not None else []
    if missing and windows:
        message = (
            f"{missing} rows of the source have no {source.request.time_column}, lie in no window, and are left out"
        )
        found.append(Anomaly("ROWS_WITHOUT_TIME", message, fatal=False, count=missing))
    return found


def _unit(source: Source, schema: schema_pb2.Schema, first: datetime, last: datetime) -> Iterator[Anomaly]:
    name = source.request.time_column
    feature = next((feature for feature in schema.feature if feature.name == name), None)
    if feature is not None and bounds(feature)[1] is not None:
        return
    begin, end = (int(time.replace(tzinfo=timezone.utc).timestamp()) for time in (first, last))
    unit = likely_unit(str(end))
    if _DATES[0] <= begin and end <= _DATES[1]:
        unit = "dates written YYYYMMDD; write them as 2016-01-15"
    if unit and source.table.has_numbers(name):
        message = (
            f"its numbers, {begin} to {end}, would be the times {first} to {last} as seconds since 1970; they may be "
            f"{unit}. If they are meant as they are, give the column an int_domain with max in the schema"
        )
        yield Anomaly("NOT_SECONDS", message, fatal=True, count=0)
