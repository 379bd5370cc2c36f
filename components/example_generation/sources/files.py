"""CSV and Parquet files as one table of DuckDB's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from sqlglot import exp

from components.example_generation.query.dialect import to_duckdb
from components.example_generation.query.selection import Selection
from components.example_generation.sources.columns import Part
from components.example_generation.sources.content import look_into
from components.example_generation.sources.csv_files import open_csv, rejected_rows
from components.example_generation.sources.handles import Handle
from components.example_generation.sources.locate import Location, all_numbers, find_unreadable, find_values, show
from components.example_generation.sources.parquet_files import open_parquet
from pipeline_tools.errors import InputError


@dataclass(frozen=True)
class FileTable:
    """Files that DuckDB reads as one table.

    Attributes:
        handle: What named them.
        parts: How they are read.
        marks: Size and time of the last change by path.
    """

    handle: Handle
    parts: list[Part]
    marks: dict[Path, tuple[int, int]]

    @property
    def columns(self) -> list[str]:
        """All columns of the files."""
        return list(dict.fromkeys(name for part in self.parts for name in part.header))

    @property
    def kinds(self) -> dict[str, str]:
        """As `selection.select` takes them, by column that is read."""
        return {name: column.kind for name, column in self.parts[0].columns.items()}

    @property
    def table(self) -> exp.Table:
        """What stands for the files in a query."""
        return exp.to_table(f"rows_of_{self.handle.parameter}")

    def query(self, connection: duckdb.DuckDBPyConnection, selection: Selection) -> tuple[str, dict[str, Any]]:
        """Make a selection from these files.

        Args:
            connection: Where it will run.
            selection: Of `table`.

        Returns:
            DuckDB's SQL and parameters.
        """
        sql = " UNION ALL BY NAME ".join(part.sql for part in self.parts)
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {self.table.name} AS {sql}")
        return to_duckdb(selection)

    def estimate(self, selection: Selection) -> None:
        """Say what a selection is billed for: nothing.

        Args:
            selection: Of `table`.
        """

    def check(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make sure that all rows could be read, and that they are of one state of the files.

        Args:
            connection: The one that read them.

        Raises:
            InputError: A CSV row could not be read, or a file was written, replaced or removed since `open_files`.
        """
        for path, mark in self.marks.items():
            if _mark(path) != mark:
                raise InputError(f"{self.handle.of(path)} changed while it was read; run again when it is complete")
        if rejected_rows(connection):
            self.check_values()

    def check_values(self) -> None:
        """Look at every value again, once a query stopped at one: which cannot be read, and where?

        Raises:
            InputError: Some cannot; the message shows the first with file, line or row, column and reason.
        """
        count, locations = find_unreadable(self.parts)
        if count:
            raise InputError(
                f"{self.handle}: {count} row{'s' * (count > 1)} cannot be read:{show(self.handle, locations, count)}\n"
                "Correct or remove them."
            )

    def has_numbers(self, column: str) -> bool:
        """Say whether all values of a column that is read are numbers, in the files themselves.

        Args:
            column: Its name.
        """
        return all_numbers(self.parts, column)

    def locate(self, column: str, values: Sequence[Any]) -> list[Location]:
        """Find the first rows that have one of some values in a column.

        Args:
            column: One that is read.
            values: As the examples hold them.

        Returns:
            At most `locate.SHOWN`.
        """
        return find_values(self.parts, column, values)


def open_files(
    handle: Handle, files: list[Path], columns: Mapping[str, str | None], key_column: str, scratch: Path
) -> FileTable:
    """Look at the files' columns and types, before any row is read.

    Args:
        handle: What named the files; of kind ``csv`` or ``parquet``.
        files: At least one path.
        columns: The columns that are needed, and what each must be: ``INT``, ``FLOAT``, ``BYTES``, ``TIME``, or None
            where anything will do.
        key_column: Names a row; empty if rows have no key.
        scratch: Where copies of files may be that DuckDB cannot read as they are.

    Returns:
        The files as a table.

    Raises:
        InputError: A file cannot be read, or lacks a column; or some are CSV and some are Parquet.
    """
    marks = {path: _mark(path) for path in files}
    contents = [look_into(handle, path, scratch) for path in files]
    kinds = {content.kind: content.path for content in contents}
    if len(kinds) > 1:
        raise InputError(f"{handle}: {kinds['csv']} is text and {kinds['parquet']} is Parquet; read them one by one")
    if "csv" in kinds:
        return FileTable(handle, open_csv(handle, contents, columns, key_column), marks)
    return FileTable(handle, open_parquet(handle, contents, columns, key_column, scratch), marks)


def _mark(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return (-1, -1)
    return stat.st_size, stat.st_mtime_ns
