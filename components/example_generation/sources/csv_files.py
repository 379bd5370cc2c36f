"""CSV files, read strictly: a row or a value that does not fit is an error, with its line."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import duckdb

from components.example_generation.sources import text_values
from components.example_generation.sources.columns import Column, Part, check_columns
from components.example_generation.sources.content import Content
from components.example_generation.sources.csv_kinds import find_kinds
from components.example_generation.sources.csv_text import open_text
from components.example_generation.sources.handles import Handle
from pipeline_tools.errors import InputError

_VALUES: dict[str, Callable[[str], str]] = {
    "INT": text_values.whole_number,
    "FLOAT": text_values.number,
    "TIMESTAMP": text_values.time,
    "TIME": text_values.time_or_seconds,
}


def open_csv(
    handle: Handle, files: Sequence[Content], columns: Mapping[str, str | None], key_column: str
) -> list[Part]:
    """Look at the columns of CSV files.

    Args:
        handle: What named the files.
        files: At least one.
        columns: The columns that are needed, and what each must be: ``INT``, ``FLOAT``, ``BYTES``, ``TIME`` (a time, or
            seconds since 1970), or how it is used; the values then tell its kind.
        key_column: Names a row; empty if rows have no key.

    Returns:
        One part for all files that have the same columns.

    Raises:
        InputError: A file cannot be read, has no rows, or lacks a column.
    """
    alike: dict[tuple[str, ...], dict[Path, Path]] = {}
    for file in files:
        header = _header(handle, file)
        check_columns(columns, key_column, header, handle, file.path)
        alike.setdefault(tuple(header), {})[file.readable] = file.path
    wanted = dict(columns)
    if key_column:
        wanted.setdefault(key_column, "BYTES")
    typed = {name: kind for name, kind in wanted.items() if kind == "BYTES" or kind in _VALUES}
    untyped = {name: use for name, use in wanted.items() if name not in typed}
    kinds = {**typed, **(find_kinds([file.readable for file in files], untyped) if untyped else {})}
    return [
        Part(some, True, header, {name: _column(f"c{header.index(name)}", kinds[name]) for name in wanted})
        for header, some in alike.items()
    ]


def _header(handle: Handle, file: Content) -> list[str]:
    """Read a file's header, and make sure that a row comes after it."""
    try:
        with open_text(file.readable) as text:
            reader = csv.reader(text)
            header = next(reader, [])
            row = next((row for row in reader if row), None)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{handle.of(file.path)} is not UTF-8 ({error.reason}); convert it, for example with iconv"
        ) from None
    except csv.Error as error:
        raise InputError(f"{handle.of(file.path)}, line {reader.line_num}: {error}") from None
    if not any(header):
        raise InputError(f"{handle.of(file.path)} has no header in its first line")
    if row is None:
        raise InputError(f"{handle.of(file.path)} has a header and no rows")
    return header


def _column(raw: str, kind: str) -> Column:
    if kind == "BYTES":
        return Column("BYTES", raw, raw, wanted="BYTES")
    return Column("TIMESTAMP" if kind == "TIME" else kind, raw, _VALUES[kind](raw), checked=True, wanted=kind)


def csv_problem(error: duckdb.Error) -> str:
    """Say in a line what DuckDB's reader of CSV files says in twenty.

    Args:
        error: Of a query that reads CSV files.

    Returns:
        The message, without the advice on DuckDB's own options.
    """
    return str(error).splitlines()[0].partition(": ")[2] or str(error).splitlines()[0]


def rejected_rows(connection: duckdb.DuckDBPyConnection) -> list[tuple[Path, int, str | None, str]]:
    """List the rows that DuckDB could not read as rows.

    Args:
        connection: The one that read the files.

    Returns:
        Path, line, the name of a column if it is about one (``c0`` and so on), and the reason; in order.
    """
    try:
        rows = connection.execute(
            """
            SELECT DISTINCT ON (file_path, line) file_path, line, column_name, CAST(error_type AS VARCHAR),
                   error_message
            FROM reject_errors JOIN reject_scans USING (scan_id, file_id) ORDER BY file_path, line, column_idx
            """
        ).fetchall()
    except duckdb.CatalogException:  # no CSV file was read
        return []
    return [(Path(path), line, column, _reason(kind, message)) for path, line, column, kind, message in rows]


def _reason(kind: str, message: str) -> str:
    if kind == "MISSING COLUMNS":
        return "fewer values than the header has columns"
    if kind == "TOO MANY COLUMNS":
        return "more values than the header has columns"
    if kind == "INVALID ENCODING":
        return "not UTF-8; convert the file, for example with iconv"
    if kind == "UNQUOTED VALUE":
        return "a quote that is not closed, or text after a closing quote"
    if kind == "LINE SIZE OVER MAXIMUM":
        return "longer than 2 MB; a quote may not be closed"
    return message.splitlines()[0]
