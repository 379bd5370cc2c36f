"""CSV and Parquet files as one table of DuckDB's."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from dateutil.parser import isoparse
from sqlglot import exp

from components.errors import InputError
from components.example_gen.dialect import literal_path, to_duckdb
from components.example_gen.handles import Handle
from components.example_gen.selection import Selection

CONTENT_KEY = "key_of_content"
"""The key of rows that bring none: a hash of all their values."""

_SNIFFED_ROWS = 100
_CSV_TYPES = {
    # Wide enough for every INT64, and shows a fraction instead of rounding it away.
    "INT": "DECIMAL(28,9)",
    "FLOAT": "DOUBLE",
    "BYTES": "VARCHAR",
    "TIMESTAMP": "TIMESTAMP",
}
_CSV_KINDS = {"INT": "FLOAT"}
SHOWN = 5
"""How many bad rows an error shows."""


@dataclass(frozen=True)
class FileTable:
    """Files that DuckDB reads as one table.

    Attributes:
        handle: What named them.
        files: Their paths.
        columns: All columns of the files.
        kinds: ``INT``, ``FLOAT``, ``BYTES``, ``TIMESTAMP`` or ``DATE`` by column that is read; ``OTHER`` if of no use.
        key_column: The column that names a row; `CONTENT_KEY` if it is made of the content.
        sql: A SELECT over the files.
        marks: Size and time of the last change by path.
    """

    handle: Handle
    files: list[Path]
    columns: list[str]
    kinds: dict[str, str]
    key_column: str
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

    def check(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make sure that all rows could be read, and that they are of one state of the files.

        Args:
            connection: The one that read them.

        Raises:
            InputError: A CSV row could not be read, or a file was written, replaced or removed since `open_files`.
        """
        _check_rejects(connection, self.handle)
        for path, mark in self.marks.items():
            if _mark(path) != mark:
                raise InputError(f"{self.handle}: {path} changed while it was read; run again when it is complete")


def open_files(handle: Handle, files: list[Path], columns: Mapping[str, str | None], key_column: str) -> FileTable:
    """Look at the files' columns and types, before any row is read.

    Args:
        handle: What named the files; of kind ``csv`` or ``parquet``.
        files: At least one path.
        columns: The columns that are needed, and the type each must fit; None where any will do.
        key_column: Names a row; where it is empty, or the files lack it, the key is made of the row's content.

    Returns:
        The files as a table.

    Raises:
        InputError: A file cannot be read, or lacks a column.
    """
    marks = {path: _mark(path) for path in files}
    opener = _open_csv if handle.kind == "csv" else _open_parquet
    present, kinds, sql = opener(handle, files, columns, key_column)
    key = key_column if key_column in kinds else CONTENT_KEY
    return FileTable(handle, files, present, kinds, key, sql, marks)


def _mark(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return (-1, -1)
    return stat.st_size, stat.st_mtime_ns


def _name(column: str) -> str:
    return exp.to_identifier(column, quoted=True).sql(dialect="duckdb")


def _text(value: str) -> str:
    return exp.Literal.string(value).sql(dialect="duckdb")


def _list(paths: list[Path]) -> str:
    return "[" + ", ".join(_text(literal_path(path)) for path in paths) + "]"


def _content_key(columns: list[str]) -> str:
    """Hash all values of a row; a missing one differs from an empty text, and columns may stand in any order."""
    values = ", ".join(f"{_name(column)} := {_name(column)}" for column in sorted(columns))
    return f"sha256(CAST(struct_pack({values}) AS VARCHAR)) AS {_name(CONTENT_KEY)}"


def _need(columns: Mapping[str, str | None], present: list[str], handle: Handle, path: Path) -> None:
    missing = [name for name in columns if name not in present]
    if missing:
        hint = ""
        if len(present) == 1 and re.search(r"[;\t|]", present[0]):
            hint = ". The values seem to be separated by something else than commas; write them with commas"
        raise InputError(
            f"{handle}: {path} lacks column{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))}; "
            f"it has {', '.join(map(repr, present))}{hint}"
        )


# --- CSV -------------------------------------------------------------------------------------------------------------


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a CSV file, gzipped or not.

    Args:
        path: The file.

    Yields:
        Its text, without a byte order mark, line ends as they are.
    """
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
        yield file


def _head(handle: Handle, path: Path) -> tuple[list[str], list[list[str]]]:
    """Read a file's header and its first rows."""
    try:
        with open_text(path) as file:
            reader = csv.reader(file)
            header = next(reader, [])
            rows = [row for row, _ in zip(reader, range(_SNIFFED_ROWS))]
    except UnicodeDecodeError as error:
        raise InputError(
            f"{handle}: {path} is not UTF-8 ({error.reason}); convert it, for example with iconv"
        ) from None
    except (gzip.BadGzipFile, EOFError, OSError) as error:
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


def _open_csv(
    handle: Handle, files: list[Path], columns: Mapping[str, str | None], key_column: str
) -> tuple[list[str], dict[str, str], str]:
    heads = {path: _head(handle, path) for path in files}
    for path, (header, _) in heads.items():
        _need(columns, header, handle, path)
    keyed = all(key_column in header for header, _ in heads.values())
    kinds = {
        name: kind or _sniff([rows for _, rows in heads.values()], [header for header, _ in heads.values()], name)
        for name, kind in columns.items()
    }
    kinds = {**({key_column: "BYTES"} if keyed else {}), **kinds}
    selects = []
    for header in {tuple(header): None for header, _ in heads.values()}:
        same = [path for path in files if tuple(heads[path][0]) == header]
        types = ", ".join(f"{_text(name)}: {_text(_CSV_TYPES[kinds.get(name, 'BYTES')])}" for name in header)
        names = [_name(name) for name in kinds]
        if not keyed:
            names.append(_content_key(list(header)))
        selects.append(
            f"SELECT {', '.join(names)} FROM read_csv({_list(same)}, columns = {{{types}}}, header = true, "
            "auto_detect = false, delim = ',', quote = '\"', escape = '\"', store_rejects = true)"
        )
    seen = {name: _CSV_KINDS.get(kind, kind) for name, kind in kinds.items()}
    if not keyed:
        seen[CONTENT_KEY] = "BYTES"
    present = list(dict.fromkeys(name for header, _ in heads.values() for name in header))
    return present, seen, " UNION ALL BY NAME ".join(selects)


def _sniff(rows: list[list[list[str]]], headers: list[list[str]], name: str) -> str:
    """Tell the type of a column that no schema types, from its first values."""
    values = [
        row[header.index(name)]
        for some, header in zip(rows, headers, strict=True)
        for row in some
        if len(row) == len(header) and row[header.index(name)]
    ]
    for kind, parse in (("INT", int), ("FLOAT", float), ("TIMESTAMP", isoparse)):
        try:
            for value in values:
                parse(value.strip().replace(" ", "T", 1))
        except ValueError:
            continue
        return kind if values else "BYTES"
    return "BYTES"


def _check_rejects(connection: duckdb.DuckDBPyConnection, handle: Handle) -> None:
    try:
        count = connection.execute("SELECT count(DISTINCT (file_id, scan_id, line)) FROM reject_errors").fetchall()[0][
            0
        ]
    except duckdb.CatalogException:  # no CSV file was read
        return
    if not count:
        return
    rows = connection.execute(
        """
        SELECT file_path, line, arg_min(column_name, column_idx), arg_min(CAST(error_type AS VARCHAR), column_idx),
               arg_min(error_message, column_idx), any_value(csv_line)
        FROM reject_errors JOIN reject_scans USING (scan_id, file_id)
        GROUP BY file_path, line ORDER BY file_path, line LIMIT ?
        """,
        [SHOWN],
    ).fetchall()
    told = "\n".join(
        f"  {path}, line {line}: {_reason(kind, column, message)}" for path, line, column, kind, message, _ in rows
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


# --- Parquet ---------------------------------------------------------------------------------------------------------


def _open_parquet(
    handle: Handle, files: list[Path], columns: Mapping[str, str | None], key_column: str
) -> tuple[list[str], dict[str, str], str]:
    schemas: dict[Path, pa.Schema] = {}
    rows = 0
    for path in files:
        try:
            with pq.ParquetFile(path) as file:
                schemas[path] = file.schema_arrow
                rows += file.metadata.num_rows
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{handle}: {path} is no whole Parquet file: {error}") from None
        _need(columns, schemas[path].names, handle, path)
    if not rows:
        raise InputError(f"{handle}: {', '.join(map(str, files[:SHOWN]))} has no rows")
    keyed = all(key_column in schema.names for schema in schemas.values())
    kinds: dict[str, str] = {}
    reads = []
    for name in dict.fromkeys([*([key_column] if keyed else []), *columns]):
        types = {path: schema.field(name).type for path, schema in schemas.items()}
        kind, read = _parquet_kind(name, next(iter(types.values())))
        other = next((path for path, type_ in types.items() if _parquet_kind(name, type_)[0] != kind), None)
        if other:
            raise InputError(
                f"{handle}: column {name!r} is {types[files[0]]} in {files[0]} and {types[other]} in {other}"
            )
        kinds[name] = kind
        reads.append(f"{read} AS {_name(name)}")
    if not keyed:
        kinds[CONTENT_KEY] = "BYTES"
        reads.append(_content_key(schemas[files[0]].names))
    sql = f"SELECT {', '.join(reads)} FROM read_parquet({_list(files)}, union_by_name = true)"
    return list(dict.fromkeys(name for schema in schemas.values() for name in schema.names)), kinds, sql


def _parquet_kind(name: str, found: pa.DataType) -> tuple[str, str]:
    """Tell a column's kind, and how DuckDB reads it as that."""
    column = _name(name)
    if pa.types.is_integer(found) or pa.types.is_boolean(found):
        return "INT", f"CAST({column} AS BIGINT)"
    if pa.types.is_floating(found) or pa.types.is_decimal(found):
        return "FLOAT", column
    if pa.types.is_timestamp(found):
        # Through microseconds since the epoch, whatever zone the file names.
        return "TIMESTAMP", f"make_timestamp(epoch_us({column}))"
    if pa.types.is_date(found):
        return "DATE", column
    if pa.types.is_dictionary(found):
        found = found.value_type
    if pa.types.is_string(found) or pa.types.is_large_string(found):
        return "BYTES", f"CAST({column} AS VARCHAR)"
    return "OTHER", column
