"""CSV files, read strictly: a row that does not fit is an error, with its line."""

from __future__ import annotations

import csv
import itertools
import re
import zlib
from collections.abc import Mapping
from pathlib import Path

import duckdb

from components.example_generation.query.dialect import path_list, quote_name, quote_text
from components.example_generation.sources.columns import check_columns
from components.example_generation.sources.csv_kinds import find_kinds
from components.example_generation.sources.csv_text import open_text
from components.example_generation.sources.handles import Handle
from pipeline_tools.errors import InputError

_SNIFFED_ROWS = 100
_CSV_TYPES = {
    # Wide enough for every INT64, and shows a fraction instead of rounding it away.
    "INT": "DECIMAL(28,9)",
    "FLOAT": "DOUBLE",
    "BYTES": "VARCHAR",
    "TIMESTAMP": "TIMESTAMP",
}
_CSV_KINDS = {"INT": "WHOLE"}
SHOWN = 5
"""How many bad rows an error shows."""


def _head(handle: Handle, path: Path) -> tuple[list[str], list[list[str]]]:
    """Read a file's header and its first rows."""
    try:
        with open_text(path) as file:
            reader = csv.reader(file)
            header = next(reader, [])
            rows = list(itertools.islice(reader, _SNIFFED_ROWS))
    except UnicodeDecodeError as error:
        raise InputError(
            f"{handle}: {path} is not UTF-8 ({error.reason}); convert it, for example with iconv"
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{handle}: {path} cannot be read: {error}") from None
    except csv.Error as error:
        raise InputError(f"{handle}: {path}, line {reader.line_num}: {error}") from None
    if not header:
        raise InputError(f"{handle}: {path} has no header in its first line")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InputError(f"{handle}: {path}, line 1: column {twice[0]!r} stands twice in the header")
    if not rows:
        raise InputError(f"{handle}: {path} has a header and no rows")
    return header, rows


def open_csv(
    handle: Handle, files: list[Path], columns: Mapping[str, str | None], key_column: str
) -> tuple[list[str], dict[str, str], str]:
    """Look at the columns of CSV files.

    Args:
        handle: What named the files.
        files: At least one path.
        columns: The columns that are needed, with the type that each must fit, or how it is used.
        key_column: Names a row.

    Returns:
        All columns; the kinds of those that are read; a SELECT in DuckDB's SQL that gives them.

    Raises:
        InputError: A file cannot be read, has no rows, or lacks a column.
    """
    heads = {path: _head(handle, path) for path in files}
    for path, (header, _) in heads.items():
        check_columns(columns, key_column, header, handle, path)
    untyped = {name: use for name, use in columns.items() if use not in _CSV_TYPES}
    typed = {name: kind for name, kind in columns.items() if kind in _CSV_TYPES}
    kinds = {**typed, **(find_kinds(files, untyped) if untyped else {})}
    if key_column:
        kinds.setdefault(key_column, "BYTES")
    selects = []
    headers: list[list[str]] = []
    for header, _ in heads.values():
        if header in headers:
            continue
        headers.append(header)
        same = [path for path in files if heads[path][0] == header]
        types = ", ".join(f"{quote_text(name)}: {quote_text(_CSV_TYPES[kinds.get(name, 'BYTES')])}" for name in header)
        names = [quote_name(name) for name in kinds]
        selects.append(
            f"SELECT {', '.join(names)} FROM read_csv({path_list(same)}, columns = {{{types}}}, header = true, "
            "auto_detect = false, delim = ',', quote = '\"', escape = '\"', store_rejects = true)"
        )
    seen = {name: _CSV_KINDS.get(kind, kind) for name, kind in kinds.items()}
    present = list(dict.fromkeys(name for header, _ in heads.values() for name in header))
    return present, seen, " UNION ALL BY NAME ".join(selects)


def check_rejects(connection: duckdb.DuckDBPyConnection, handle: Handle) -> None:
    """Make an error of the rows that DuckDB could not read.

    Args:
        connection: The one that read the files.
        handle: What named them.

    Raises:
        InputError: There are such rows; the message shows the first with file, line, column and reason.
    """
    try:
        [(count,)] = connection.execute("SELECT count(DISTINCT (file_id, scan_id, line)) FROM reject_errors").fetchall()
    except duckdb.CatalogException:  # no CSV file was read
        return
    if not count:
        return
    rows = connection.execute(
        """
        SELECT file_path, line, arg_min(column_name, column_idx), arg_min(CAST(error_type AS VARCHAR), column_idx),
               arg_min(error_message, column_idx)
        FROM reject_errors JOIN reject_scans USING (scan_id, file_id)
        GROUP BY file_path, line ORDER BY file_path, line LIMIT ?
        """,
        [SHOWN],
    ).fetchall()
    told = "\n".join(
        f"  {path}, line {line}: {_reason(kind, column, message)}" for path, line, column, kind, message in rows
    )
    more = f"\n  and {count - len(rows)} more" if count > len(rows) else ""
    raise InputError(f"{handle}: {count} row{'s' * (count > 1)} cannot be read:\n{told}{more}\nMend or remove them.")


def _reason(kind: str, column: str | None, message: str) -> str:
    if kind == "CAST":
        found = re.search(r'Could not convert string "(.*)" to', message, re.DOTALL)
        return f"column {column!r}: {found.group(1)!r} does not fit the column's type" if found else message
    if kind in {"MISSING COLUMNS", "TOO MANY COLUMNS"}:
        found = re.search(r"Expected Number of Columns: (\d+)", message)
        few = "fewer" if kind == "MISSING COLUMNS" else "more"
        return f"{few} values than the header has columns" + (f" ({found.group(1)})" if found else "")
    if kind == "INVALID ENCODING":
        return f"column {column!r}: not UTF-8; convert the file, for example with iconv"
    return f"column {column!r}: {message}"
