"""Parquet files, whose types must fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from components.example_generation.query.dialect import path_list, quote_name
from components.example_generation.sources.columns import check_columns
from components.example_generation.sources.handles import Handle
from pipeline_tools.errors import InputError


def open_parquet(
    handle: Handle, files: list[Path], columns: Mapping[str, str | None], key_column: str
) -> tuple[list[str], dict[str, str], str]:
    """Look at the columns of Parquet files.

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
    schemas: dict[Path, pa.Schema] = {}
    rows = 0
    for path in files:
        try:
            with pq.ParquetFile(path) as file:
                schemas[path] = file.schema_arrow
                rows += file.metadata.num_rows
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{handle}: {path} is no whole Parquet file: {error}") from None
        check_columns(columns, key_column, schemas[path].names, handle, path)
    if not rows:
        raise InputError(f"{handle}: {', '.join(map(str, files))} has no rows")
    kinds: dict[str, str] = {}
    reads = []
    for name in dict.fromkeys([*([key_column] if key_column else []), *columns]):
        types = {path: schema.field(name).type for path, schema in schemas.items()}
        kind, read = _parquet_kind(name, next(iter(types.values())))
        other = next((path for path, type_ in types.items() if _parquet_kind(name, type_)[0] != kind), None)
        if other:
            raise InputError(
                f"{handle}: column {name!r} is {types[files[0]]} in {files[0]} and {types[other]} in {other}"
            )
        kinds[name] = kind
        reads.append(f"{read} AS {quote_name(name)}")
    sql = f"SELECT {', '.join(reads)} FROM read_parquet({path_list(files)}, union_by_name = true)"
    return list(dict.fromkeys(name for schema in schemas.values() for name in schema.names)), kinds, sql


def _parquet_kind(name: str, found: pa.DataType) -> tuple[str, str]:
    """Tell a column's kind, and how DuckDB reads it as that."""
    column = quote_name(name)
    if pa.types.is_integer(found) or pa.types.is_boolean(found):
        return "INT", f"CAST({column} AS BIGINT)"
    if pa.types.is_floating(found) or pa.types.is_decimal(found):
        return "FLOAT", f"CAST({column} AS DOUBLE)"
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
