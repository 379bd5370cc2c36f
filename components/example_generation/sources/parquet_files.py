"""Parquet files, whose types must fit, and whose values must fit exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from components.example_generation.sources import text_values
from components.example_generation.sources.columns import Column, Part, check_columns
from components.example_generation.sources.content import Content
from components.example_generation.sources.handles import Handle
from pipeline_tools.errors import InputError

_NUMBERS = {"INT", "FLOAT"}


def open_parquet(
    handle: Handle, files: Sequence[Content], columns: Mapping[str, str | None], key_column: str, scratch: Path
) -> list[Part]:
    """Look at the columns of Parquet files.

    Args:
        handle: What named the files.
        files: At least one.
        columns: The columns that are needed, and what each must be; as in `open_csv`.
        key_column: Names a row; empty if rows have no key.
        scratch: Where a copy may be.

    Returns:
        One part for all files that have the same columns of the same types.

    Raises:
        InputError: A file cannot be read, lacks a column, or none has rows.
    """
    wanted = dict(columns)
    if key_column:
        wanted.setdefault(key_column, None)
    schemas: dict[Path, pa.Schema] = {}
    alike: dict[tuple[object, ...], dict[Path, Path]] = {}
    rows = 0
    for file in files:
        schema, count = _look(handle, file)
        check_columns(columns, key_column, schema.names, handle, file.path)
        rows += count
        wide = [name for name in wanted if pa.types.is_decimal256(schema.field(name).type)]
        readable = _narrow(handle, file, wide, scratch) if wide else file.readable
        schemas[file.path] = schema
        # DuckDB finds the columns of a further file by names in which it does not tell capitals.
        alone = len({name.casefold() for name in schema.names}) < len(schema.names)
        same = (*schema.names, *map(str, schema.types), readable if alone else None)
        alike.setdefault(same, {})[readable] = file.path
    if not rows:
        raise InputError(f"{handle}: {', '.join(str(file.path) for file in files)} has no rows")
    kinds = {name: _kind(handle, name, schemas, want) for name, want in wanted.items()}
    parts = []
    for some in alike.values():
        schema = schemas[next(iter(some.values()))]
        reads = {
            name: _column(f"c{schema.names.index(name)}", schema.field(name).type, kinds[name], want)
            for name, want in wanted.items()
        }
        parts.append(Part(some, False, schema.names, reads))
    return parts


def _look(handle: Handle, file: Content) -> tuple[pa.Schema, int]:
    try:
        with pq.ParquetFile(file.readable) as parquet:
            return parquet.schema_arrow, parquet.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        reason = str(error).partition(". ")[0].replace(str(file.readable), "it")
        raise InputError(f"{handle.of(file.path)} is not a complete Parquet file: {reason}") from None


def _narrow(handle: Handle, file: Content, columns: Sequence[str], scratch: Path) -> Path:
    """Copy a file with decimals of more than 38 digits, which DuckDB reads wrong, as one with 38."""
    target = scratch / f"narrow-{len(list(scratch.iterdir()))}.parquet"
    with pq.ParquetFile(file.readable) as source:
        schema = source.schema_arrow
        for name in columns:
            kind = pa.decimal128(38, schema.field(name).type.scale)
            schema = schema.set(schema.get_field_index(name), schema.field(name).with_type(kind))
        try:
            with pq.ParquetWriter(target, schema) as writer:
                for batch in source.iter_batches():
                    writer.write_table(pa.Table.from_batches([batch]).cast(schema))
        except pa.ArrowInvalid as error:
            raise InputError(
                f"{handle.of(file.path)}: column{'s' * (len(columns) > 1)} {', '.join(map(repr, columns))}: a decimal "
                f"has more than 38 digits ({error})"
            ) from None
    return target


def _kind(handle: Handle, name: str, schemas: Mapping[Path, pa.Schema], want: str | None) -> str:
    """Tell the kind of a column over all files. A file in which it has no value at all fits any."""
    found = {path: _kind_of(schema.field(name).type) for path, schema in schemas.items()}
    kinds = {kind for kind in found.values() if kind != "NULL"}
    if want in _NUMBERS and kinds <= _NUMBERS and kinds:
        return str(want)
    if len(kinds) > 1:
        first, other = (next(path for path, kind in found.items() if kind == each) for each in sorted(kinds)[:2])
        types = [schemas[path].field(name).type for path in (first, other)]
        raise InputError(f"{handle}: column {name!r} is {types[0]} in {first} and {types[1]} in {other}")
    if kinds:
        return kinds.pop()
    return {"TIME": "TIMESTAMP", None: "BYTES"}.get(want, str(want))


def _kind_of(found: pa.DataType) -> str:
    if pa.types.is_null(found):
        return "NULL"
    if pa.types.is_integer(found) or pa.types.is_boolean(found):
        return "INT"
    if pa.types.is_floating(found) or pa.types.is_decimal(found):
        return "FLOAT"
    if pa.types.is_timestamp(found):
        return "TIMESTAMP"
    if pa.types.is_date(found):
        return "DATE"
    if pa.types.is_dictionary(found):
        found = found.value_type
    if pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found):
        return "BYTES"
    return "OTHER"


_DUCKDB = {"INT": "BIGINT", "FLOAT": "DOUBLE", "BYTES": "VARCHAR", "TIMESTAMP": "TIMESTAMP", "DATE": "DATE"}


def _column(raw: str, found: pa.DataType, kind: str, want: str | None) -> Column:
    """Say how DuckDB reads a column of one type as that of a kind."""
    column = Column(kind, raw, raw, wanted=want)
    if pa.types.is_null(found):
        return replace(column, value=f"CAST(NULL AS {_DUCKDB[kind]})")
    if kind == "TIMESTAMP":
        # Through microseconds since the epoch, whatever zone the file names.
        return replace(column, value=f"make_timestamp(epoch_us({raw}))")
    if kind == "INT" and _kind_of(found) == "FLOAT":
        value = f"CASE WHEN {raw} = trunc({raw}) THEN TRY_CAST({raw} AS BIGINT) END"
        return replace(column, value=value, checked=True)
    if kind == "INT":
        column = replace(column, value=f"TRY_CAST({raw} AS BIGINT)", checked=pa.types.is_uint64(found))
        if want == "TIME":
            return replace(column, kind="TIMESTAMP", value=text_values.from_seconds(column.value), checked=True)
        return column
    return replace(column, value=f"CAST({raw} AS {_DUCKDB[kind]})") if kind in _DUCKDB else column
