"""CSV and Parquet files as one table of DuckDB's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from sqlglot import exp

from components.example_generation.query.dialect import to_duckdb
from components.example_generation.query.selection import Selection
from components.example_generation.sources.csv_files import check_rejects, open_csv
from components.example_generation.sources.handles import Handle
from components.example_generation.sources.parquet_files import open_parquet
from pipeline_tools.errors import InputError


@dataclass(frozen=True)
class FileTable:
    """Files that DuckDB reads as one table.

    Attributes:
        handle: What named them.
        files: Their paths.
        columns: All columns of the files.
        kinds: As `selection.select` takes them, by column that is read.
        sql: A SELECT over the files.
        marks: Size and time of the last change by path.
    """

    handle: Handle
    files: list[Path]
    columns: list[str]
    kinds: dict[str, str]
    sql: str
    marks: dict[Path, tuple[int, int]]

    @property
    def table(self) -> exp.Table:
        """What stands for the files in a query."""
        return exp.to_table(f"rows_of_{self.handle.parameter}")

    def query(self, connection: duckdb.DuckDBPyConnection, selection: Selection) -> tuple[str, dict[str, Any]]:
        """Make a selection from these files.

        Args:
            connection: Where it shall run.
            selection: Of `table`.

        Returns:
            DuckDB's SQL and parameters.
        """
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {self.table.name} AS {self.sql}")
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
        check_rejects(connection, self.handle)
        for path, mark in self.marks.items():
            if _mark(path) != mark:
                raise InputError(f"{self.handle}: {path} changed while it was read; run again when it is complete")


def open_files(handle: Handle, files: list[Path], columns: Mapping[str, str | None], key_column: str) -> FileTable:
    """Look at the files' columns and types, before any row is read.

    Args:
        handle: What named the files; of kind ``csv`` or ``parquet``.
        files: At least one path.
        columns: The columns that are needed, with the type that each must fit, or how it is used.
        key_column: Names a row; empty if rows have no key.

    Returns:
        The files as a table.

    Raises:
        InputError: A file cannot be read, or lacks a column.
    """
    marks = {path: _mark(path) for path in files}
    opener = open_csv if handle.kind == "csv" else open_parquet
    present, kinds, sql = opener(handle, files, columns, key_column)
    return FileTable(handle, files, present, kinds, sql, marks)


def _mark(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return (-1, -1)
    return stat.st_size, stat.st_mtime_ns
