"""Find out whether windows of a BigQuery table hold rows, before any is read; the query scans the time column alone.

Files need no such query: `rows` counts what would be read of them, and nobody is billed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from components.example_generation.query.dialect import connect
from components.example_generation.query.selection import Selection, count_times
from components.example_generation.query.windows import Window
from components.example_generation.sources.source import Source
from pipeline_tools.errors import InputError


@dataclass(frozen=True)
class WindowCheck:
    """A query that counts the rows in windows of one table.

    Attributes:
        source: Names the table.
        windows: The split that each is for, and the window.
    """

    source: Source
    windows: tuple[tuple[str, Window], ...]

    @property
    def selection(self) -> Selection:
        """The query."""
        table = self.source.table
        return count_times(self.source.request, table.table, table.kinds, [window for _, window in self.windows])

    def run(self) -> None:
        """Run it.

        Raises:
            InputError: A window holds no row; the message says what range the table has.
        """
        with tempfile.TemporaryDirectory() as scratch, connect(Path(scratch), threads=1) as connection:
            first, last, _, *counts = one_row(connection, self.source, self.selection)
        for (split, window), count in zip(self.windows, counts, strict=True):
            if not count:
                raise InputError(_say(self.source, split, window, first, last))


def plan_checks(sources: Iterable[Source]) -> list[WindowCheck]:
    """Plan one query a BigQuery table, for all windows that are asked of it.

    Args:
        sources: Of one or more reads.

    Returns:
        None for files, and none for tables of which no window is asked.
    """
    of_table: dict[str, Source] = {}
    windows: dict[str, dict[tuple[str, Window], None]] = {}  # in place of a set, to keep their order
    for source in sources:
        if source.table.handle.kind == "bigquery":
            name = source.table.handle.location
            of_table.setdefault(name, source)
            asked = [each for each in source.request.windows.items() if not each[1].open]
            windows.setdefault(name, {}).update(dict.fromkeys(asked))
    return [WindowCheck(source, tuple(windows[name])) for name, source in of_table.items() if windows[name]]


def checks_of_read(sources: Sequence[Source]) -> list[WindowCheck]:
    """Plan the queries that one read starts with.

    Args:
        sources: Of the read.

    Returns:
        As `plan_checks`; none if one split is read, since that query itself shows at once whether it has rows.
    """
    return plan_checks(sources) if sum(len(source.selection.splits) for source in sources) > 1 else []


def describe_empty_window(connection: duckdb.DuckDBPyConnection, source: Source, split: str) -> str:
    """Say of which range a source has rows, none of which is in the window of a split.

    Args:
        connection: Any.
        source: What was read.
        split: Its window is not open.

    Returns:
        The message of an error.
    """
    ends = count_times(source.request, source.table.table, source.table.kinds)
    first, last, _ = one_row(connection, source, ends)
    return _say(source, split, source.request.windows[split], first, last)


def one_row(connection: duckdb.DuckDBPyConnection, source: Source, selection: Selection) -> tuple[Any, ...]:
    """Run a query that gives one row.

    Args:
        connection: Any.
        source: What is read.
        selection: The query.

    Returns:
        The row.
    """
    query, parameters = source.table.query(connection, selection)
    row: tuple[Any, ...] = connection.execute(query, parameters).fetchall()[0]
    return row


def _say(source: Source, split: str, window: Window, first: object, last: object) -> str:
    return (
        f"{source.table.handle}: no {split} row is in the window {window}; {source.request.time_column} goes from "
        f"{first} to {last} (UTC) in this source"
    )
