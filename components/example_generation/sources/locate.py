"""Find bad values in the files they came from. Only an error needs this, so it may take its time."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import duckdb
import numpy as np

from components.example_generation.query.dialect import literal_path, quote_name
from components.example_generation.sources.csv_text import open_text
from components.example_generation.sources.files import FileTable

SHOWN = 5


def locate(
    connection: duckdb.DuckDBPyConnection, table: FileTable, column: str, values: Sequence[Any] | None
) -> list[str]:
    """Find the first rows that have one of some values in a column.

    Args:
        connection: Any.
        table: The files.
        column: A column of theirs.
        values: What to look for; None looks for numbers with a fraction.

    Returns:
        At most `SHOWN` places, as ``trips.csv, line 17`` or ``trips.parquet, row 16`` (rows count from 1).
    """
    return (_in_csv if table.handle.kind == "csv" else _in_parquet)(connection, table, column, values)


def _in_csv(_: duckdb.DuckDBPyConnection, table: FileTable, column: str, values: Sequence[Any] | None) -> list[str]:
    bad = _has_fraction if values is None else _among(values)
    places = []
    for path in table.files:
        with open_text(path) as file:
            reader = csv.reader(file)
            index = next(reader).index(column)
            end = reader.line_num
            for row in reader:
                begin, end = end + 1, reader.line_num
                if len(row) > index and bad(row[index]):
                    places.append(f"{path}, line {begin}")
                    if len(places) == SHOWN:
                        return places
    return places


def _in_parquet(
    connection: duckdb.DuckDBPyConnection, table: FileTable, column: str, values: Sequence[Any] | None
) -> list[str]:
    name = quote_name(column)
    places: list[str] = []
    for path in table.files:
        condition = (
            f"{name} <> trunc({name})" if values is None else f"CAST({name} AS FLOAT) IN (SELECT unnest($values))"
        )
        if values is not None and not all(isinstance(value, float) for value in values):
            condition = f"{name} IN (SELECT unnest($values))"
        rows = connection.execute(
            f"SELECT file_row_number + 1 FROM read_parquet($path, file_row_number = true) WHERE {condition} "
            f"ORDER BY 1 LIMIT {SHOWN - len(places)}",
            {"path": literal_path(path)} | ({} if values is None else {"values": list(values)}),
        ).fetchall()
        places += [f"{path}, row {row}" for (row,) in rows]
        if len(places) == SHOWN:
            break
    return places


def _has_fraction(text: str) -> bool:
    try:
        return Decimal(text.strip() or "0") % 1 != 0
    except InvalidOperation:
        return False


def _among(values: Sequence[Any]) -> Callable[[str], bool]:
    wanted = set(map(_plain, values))
    like = type(values[0])
    if like is str:
        return wanted.__contains__

    def bad(text: str) -> bool:
        try:
            return _plain(float(text) if like is float else int(Decimal(text))) in wanted
        except (ArithmeticError, ValueError):
            return False

    return bad


def _plain(value: Any) -> str:
    """Give equal texts to equal values; a fraction counts as the 32-bit float that the examples hold."""
    if isinstance(value, float):
        with np.errstate(over="ignore"):
            return repr(float(np.float32(value)))
    return str(value)
