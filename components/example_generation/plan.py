"""Say what a read would do, without doing it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from components.example_generation.describe.disjointness import check_by_rule
from components.example_generation.describe.empty_windows import WindowCheck, checks_of_read
from components.example_generation.request import ReadParameters, make_request
from components.example_generation.rows import count_rows
from components.example_generation.sources.gcs import naming_objects
from components.example_generation.sources.source import Source, SourceAccess, open_sources, parse_handles
from components.lib.schema import load_schema


@dataclass(frozen=True)
class PlannedQuery:
    """A query that a read would run.

    Attributes:
        handle: The source, as it was given.
        purpose: What it is for.
        sql: The query, in BigQuery's SQL; files are read by the same query in DuckDB's.
        parameters: Its parameters.
        rows: What it would read, by split; None for BigQuery, which bills for counting.
        bytes: What BigQuery says that it would scan; None for files.
    """

    handle: str
    purpose: str
    sql: str
    parameters: Mapping[str, int | datetime]
    rows: Mapping[str, int] | None
    bytes: int | None

    def __str__(self) -> str:
        lines = [f"-- {self.handle}: {self.purpose}", self.sql + ";"]
        lines += [
            f"-- @{name} = {value.isoformat() if isinstance(value, datetime) else value}"
            for name, value in self.parameters.items()
        ]
        if self.bytes is not None:
            lines.append(f"-- would scan {self.bytes:,} bytes")
        if self.rows is not None:
            lines.append(
                "-- would read " + " and ".join(f"{count:,} {split} rows" for split, count in self.rows.items())
            )
        return "\n".join(lines)


@dataclass(frozen=True)
class ReadPlan:
    """What a read would do.

    Attributes:
        queries: One a source; before them, for BigQuery, one a table that finds empty windows, if two splits are read.
        disjoint: Why no eval row can be a train row; None if reading must show it, by comparing rows.
        sources: What would be read.
    """

    queries: list[PlannedQuery]
    disjoint: str | None
    sources: list[Source]

    def __str__(self) -> str:
        disjoint = self.disjoint or "checked when rows are read"
        return "\n\n".join([*map(str, self.queries), f"-- train and eval are disjoint: {disjoint}"])


def plan_read(parameters: ReadParameters) -> ReadPlan:
    """Check what can be checked without writing and without cost: files' rows are counted, tables only looked at.

    Whether values fit the schema shows when they are read.

    Args:
        parameters: Of the read.

    Returns:
        The queries. Of a BigQuery table, the bytes that it would scan; of files, the rows in each split.

    Raises:
        InputError: A parameter or a source is wrong, or a window is empty.
    """
    request = make_request(parameters, load_schema(parameters.schema))
    handles = parse_handles(parameters.input_handle_train, parameters.input_handle_eval, request, parameters.read_mode)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        with naming_objects(scratch):
            sources = open_sources(
                handles, request, SourceAccess(scratch, parameters.project, parameters.location, parameters.by_beam)
            )
            checks = [plan_check(check) for check in checks_of_read(sources)]
            return ReadPlan([*checks, *(_plan(source, scratch) for source in sources)], check_by_rule(sources), sources)


def plan_check(check: WindowCheck) -> PlannedQuery:
    """Say what a count of the rows in windows would do, without doing it.

    Args:
        check: The count.

    Returns:
        The query, and the bytes that it would scan.
    """
    table, selection = check.source.table, check.selection
    size = table.estimate(selection)
    return PlannedQuery(str(table.handle), "are the windows empty?", selection.sql, selection.parameters, None, size)


def _plan(source: Source, scratch: Path) -> PlannedQuery:
    selection, size = source.selection, source.table.estimate(source.selection)
    rows = count_rows(source, scratch) if size is None else None
    purpose = ", ".join(selection.splits)
    return PlannedQuery(str(source.table.handle), purpose, selection.sql, selection.parameters, rows, size)
