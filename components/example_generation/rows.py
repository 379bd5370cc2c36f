"""Run a source's query, and say what was wrong if it fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from components.example_generation.describe.empty_windows import describe_empty_window
from components.example_generation.query.dialect import connect, failing_rows, one_column, quote_name
from components.example_generation.query.selection import NO_GROUP, SPLIT
from components.example_generation.sources.files import FileTable
from components.example_generation.sources.locate import SHOWN, show
from components.example_generation.sources.source import Source
from components.example_generation.write import write_splits
from pipeline_tools.errors import InputError

Run = Callable[[duckdb.DuckDBPyConnection], dict[str, int]]


def write_rows(source: Source, scratch: Path, examples: Path) -> dict[str, int]:
    """Write a source's rows.

    Args:
        source: What to read.
        scratch: Where DuckDB may sort.
        examples: Where a directory a split is made.

    Returns:
        Rows by split, none of them 0.

    Raises:
        InputError: A row cannot be read, the source changes meanwhile, or a split has no row.
    """

    def write(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
        if source.by_beam:
            from components.example_generation.sources.beam_read import write_splits_by_beam
            from components.example_generation.sources.bigquery import BigQueryTable

            assert isinstance(source.table, BigQueryTable)  # parse_handles lets no other through
            return write_splits_by_beam(source.table, source.selection, source.request.types, examples, source.by_beam)
        query, parameters = source.table.query(connection, source.selection)
        return write_splits(connection, query, parameters, source.request.types, examples, source.selection.splits)

    return _run(source, scratch, write)


def count_rows(source: Source, scratch: Path) -> dict[str, int]:
    """Count a source's rows.

    Args:
        source: What to read.
        scratch: Where DuckDB may sort.

    Returns:
        Rows by split, none of them 0.

    Raises:
        InputError: As `write_rows`.
    """

    def count(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
        query, parameters = source.table.query(connection, source.selection)
        found = connection.execute(f"SELECT {SPLIT}, count(*) FROM ({query}) GROUP BY ALL", parameters).fetchall()
        return {**dict.fromkeys(source.selection.splits, 0), **dict(found)}

    return _run(source, scratch, count)


def _run(source: Source, scratch: Path, run: Run) -> dict[str, int]:
    with connect(scratch) as connection, reading(source, connection):
        rows = run(connection)
        for split, count in rows.items():
            if not count:
                source.table.check(connection)
                raise InputError(_empty(connection, source, split))
    return rows


@contextmanager
def reading(source: Source, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Make sure that a source's rows are read whole, and name what cannot be read.

    Args:
        source: What is read.
        connection: The one that reads it.

    Yields:
        Nothing.

    Raises:
        InputError: A row or a value cannot be read, or the source changes meanwhile.
    """
    try:
        yield
        source.table.check(connection)
    except duckdb.Error as error:
        source.table.check(connection)  # says it better, if this is why
        source.table.check_values()
        raise InputError(f"{source.table.handle}: {_explain(connection, source, error)}") from error


def _empty(connection: duckdb.DuckDBPyConnection, source: Source, split: str) -> str:
    window = source.request.windows[split]
    if window.open:
        few = " (the key's hash sends a third of them there; this source has too few)" if source.fold else ""
        return f"{source.table.handle}: no row for the split {split!r}{few}"
    return describe_empty_window(connection, source, split)


def _explain(connection: duckdb.DuckDBPyConnection, source: Source, error: duckdb.Error) -> str:
    """Say what DuckDB said, and where, if it was about a value in a file."""
    message = str(error).splitlines()[0]
    large = re.search(r"DOUBLE with value (\S+) can't be cast .* FLOAT when casting from source column (.+)", message)
    if large:
        return f"column {large.group(2)!r}: {large.group(1)} is too large for a 32-bit float"
    group = re.search(rf"column '(.+)': {NO_GROUP}", message)
    if group:
        return f"{group.group(0)}; fill it, or leave group_column empty"
    return _explain_derived(connection, source) or message


def _explain_derived(connection: duckdb.DuckDBPyConnection, source: Source) -> str:
    """Say which derived column of files cannot be computed, of which rows, and why."""
    if not isinstance(source.table, FileTable):
        return ""
    for name, expression in source.request.derived.items():
        query, parameters = source.table.query(connection, failing_rows(source.selection, name))
        try:
            keys = connection.execute(f"{query} LIMIT {SHOWN}", parameters).fetchall()
        except duckdb.Error:  # the rows cannot be read at all, which the first error says
            return ""
        if not keys:
            continue
        query, parameters = source.table.query(connection, one_column(source.selection, name))
        try:
            connection.execute(f"SELECT count({quote_name(name)}) FROM ({query})", parameters)
        except duckdb.Error as error:
            reason = re.sub(r"^.*executing the UDF: \w+: ", "", str(error).splitlines()[0])
            rows = f"row{'s' * (len(keys) > 1)} with key {', '.join(repr(key) for (key,) in keys)}"
            return f"derived_columns[{name!r}]={expression.sql(dialect='bigquery')!r}: {reason} ({rows})"
    return ""


def describe_locations(source: Source, column: str, values: Sequence[Any]) -> str:
    """Say in which rows of a source's files some values are.

    Args:
        source: What was read.
        column: Of the examples.
        values: What to look for.

    Returns:
        A line a row, each after a line break; nothing if the source has no such rows.
    """
    if not isinstance(source.table, FileTable) or column in source.request.derived:
        return ""
    locations = source.table.locate(column, values)
    return show(source.table.handle, locations, len(locations))
