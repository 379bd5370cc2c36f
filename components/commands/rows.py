"""Read trips from a file the way example_gen does, so that a model is asked what it was trained on."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.lib.schema import column_types, load_schema
from pipeline_tools.errors import InputError
from pipeline_tools.extras import require
from taxi_pipeline.schema import DERIVED_COLUMNS, KEY_COLUMN, TIME_COLUMN


def read_trips(examples_file: str, columns: Mapping[str, str], count: int) -> tuple[list[str], list[dict[str, Any]]]:
    """Read the first trips of a file.

    Args:
        examples_file: A CSV or Parquet file, or ``sample://trips``.
        columns: ``INT``, ``FLOAT`` or ``BYTES`` by column that is needed; where empty, all columns of the schema. Those
            in ``schema.DERIVED_COLUMNS`` are computed.
        count: How many trips.

    Returns:
        The trips' keys, and their values by column.

    Raises:
        InputError: The file cannot be read, has no rows, or lacks a column.
    """
    require("duckdb")
    from components.example_generation.dialect import connect
    from components.example_generation.expressions import parse_derived
    from components.example_generation.selection import KEY, Request
    from components.example_generation.sources import Access, open_sources, parse_handles
    from components.example_generation.windows import Window

    if count < 1:
        raise InputError(f"num_examples={count}: must be at least 1")
    types = dict(columns) or column_types(load_schema("taxi_pipeline.schema"))
    derived = {name: text for name, text in DERIVED_COLUMNS.items() if name in types}
    time_column = TIME_COLUMN if derived or TIME_COLUMN in types else ""
    request = Request(types, KEY_COLUMN, parse_derived(derived), time_column, windows={"eval": Window()})
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        handles = parse_handles("", _handle(examples_file), request)
        (source,) = open_sources(handles, request, Access(scratch))
        connection = connect(scratch, threads=1)
        connection.execute("SET preserve_insertion_order = true")
        try:
            sql, parameters = source.table.query(connection, source.selection)
            found = connection.execute(f"SELECT * FROM ({sql}) LIMIT {count:d}", parameters)  # noqa: S608 - our own SQL
            names = [column[0] for column in found.description]
            rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
            source.table.check(connection)
        finally:
            connection.close()
    if not rows:
        raise InputError(f"{examples_file}: no rows in it")
    return [str(row[KEY]) for row in rows], [{name: row[name] for name in types} for row in rows]


def _handle(examples_file: str) -> str:
    if "://" not in examples_file and not Path(examples_file).is_file():
        raise InputError(f"--examples-file {examples_file}: no such file")
    return examples_file
