"""Read rows from a file the way example_gen does, so that a model gets rows like those it was trained on."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.lib.schema import column_types, load_schema
from components.lib.table import GROUP, RegisteredTable
from pipeline_tools import registry
from pipeline_tools.errors import InputError


def find_table(name: str, columns: Mapping[str, str]) -> RegisteredTable:
    """Find the registered table whose rows a model takes.

    Args:
        name: Of a registered table; empty finds the one whose schema has all the model's columns, with their types.
        columns: ``INT``, ``FLOAT`` or ``BYTES`` by column that the model takes; empty if that is not known.

    Returns:
        The table. Where none is registered for these columns, one without key, time and derived columns.

    Raises:
        InputError: No table of that name, or several fit, or the columns are not known and no table is named.
    """
    registered = registry.entry_points(GROUP)
    if name and name not in registered:
        raise InputError(f"--table {name}: not registered; the tables are {', '.join(registered) or 'none'}")
    if not name and not columns:
        raise InputError(
            "the server does not say which columns the model takes; name the table that it was trained on by --table: "
            f"{', '.join(registered) or 'none is registered'}"
        )
    names = [name] if name else list(registered)
    tables: dict[str, RegisteredTable] = {each: registered[each].load() for each in names}
    if name:
        return tables[name]
    fitting = {
        each: table
        for each, table in tables.items()
        if columns.items() <= column_types(load_schema(table.schema)).items()
    }
    if len(fitting) > 1:
        raise InputError(f"the model's columns are in several tables; choose one by --table: {', '.join(fitting)}")
    return next(iter(fitting.values()), RegisteredTable(""))


def read_rows(
    examples_file: str, columns: Mapping[str, str], count: int, table: RegisteredTable
) -> tuple[list[str], list[dict[str, Any]]]:
    """Read the first rows of a file.

    Args:
        examples_file: A CSV or Parquet file, or a sample such as ``sample://trips``.
        columns: ``INT``, ``FLOAT`` or ``BYTES`` by column that is needed; where empty, all columns of the table's
            schema. The table's derived columns are computed.
        count: How many rows.
        table: How the rows are read.

    Returns:
        The rows' keys, and their values by column. Where the file lacks the table's key column, a row's key is its
        number in the file, from 1.

    Raises:
        InputError: The file cannot be read, has no rows, or lacks a column.
    """
    from components.example_generation.query.dialect import connect
    from components.example_generation.query.expressions import parse_derived
    from components.example_generation.query.selection import KEY, RowRequest
    from components.example_generation.query.windows import Window
    from components.example_generation.rows import reading
    from components.example_generation.sources.source import SourceAccess, open_sources, parse_handles

    if count < 1:
        raise InputError(f"--num-examples {count}: must be at least 1")
    types = dict(columns) or column_types(load_schema(table.schema))
    derived = {name: text for name, text in table.derived_columns.items() if name in types}
    time_column = table.time_column if derived or table.time_column in types else ""
    windows = {"eval": Window()}
    request = RowRequest(types, "", parse_derived(derived), time_column, windows=windows, without_keys=True)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        handles = parse_handles("", _handle(examples_file), request)
        (source,) = open_sources(handles, request, SourceAccess(scratch))
        keyed = table.key_column in source.table.columns
        if keyed:
            (source,) = open_sources(handles, replace(request, key_column=table.key_column), SourceAccess(scratch))
        with connect(scratch, threads=1) as connection, reading(source, connection):
            connection.execute("SET preserve_insertion_order = true")
            sql, parameters = source.table.query(connection, source.selection)
            found = connection.execute(f"SELECT * FROM ({sql}) LIMIT {count:d}", parameters)  # noqa: S608 - our own SQL
            names = [column[0] for column in found.description]
            rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    if not rows:
        raise InputError(f"{examples_file}: the file has no rows")
    keys = [str(row[KEY]) if keyed else str(number) for number, row in enumerate(rows, start=1)]
    return keys, [{name: row[name] for name in types} for row in rows]


def _handle(examples_file: str) -> str:
    if "://" not in examples_file and not Path(examples_file).is_file():
        raise InputError(f"--examples-file {examples_file}: no such file")
    return examples_file
