"""Say what a read would do, without doing it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from components.example_gen.request import ReadParameters, make_request
from components.example_gen.sources import Access, open_sources, parse_handles
from components.schema import load_schema


@dataclass(frozen=True)
class PlannedQuery:
    """A query that a read would run.

    Attributes:
        handle: The source, as it was given.
        splits: What it is for.
        sql: The query, in BigQuery's SQL; files are read by the same query in DuckDB's.
        parameters: Its parameters.
        bytes: What BigQuery says that it would scan; None for files.
    """

    handle: str
    splits: tuple[str, ...]
    sql: str
    parameters: Mapping[str, int | datetime]
    bytes: int | None

    def __str__(self) -> str:
        lines = [f"-- {self.handle}: {', '.join(self.splits)}", self.sql + ";"]
        lines += [
            f"-- @{name} = {value.isoformat() if isinstance(value, datetime) else value}"
            for name, value in self.parameters.items()
        ]
        if self.bytes is not None:
            lines.append(f"-- scans {self.bytes:,} bytes")
        return "\n".join(lines)


def plan_read(parameters: ReadParameters) -> list[PlannedQuery]:
    """Check everything that can be checked without reading rows, and write the queries.

    Args:
        parameters: Of the read.

    Returns:
        One query a source. Of a BigQuery table, the bytes that it would scan; asking costs nothing.

    Raises:
        InputError: The read itself would raise it before its first row.
    """
    request = make_request(parameters, load_schema(parameters.schema))
    handles = parse_handles(parameters.input_handle_train, parameters.input_handle_eval, request)
    with tempfile.TemporaryDirectory() as scratch:
        access = Access(Path(scratch), parameters.project, parameters.location)
        return [
            PlannedQuery(
                str(source.table.handle),
                source.selection.splits,
                source.selection.sql,
                source.selection.parameters,
                source.table.estimate(source.selection),
            )
            for source in open_sources(handles, request, access)
        ]
