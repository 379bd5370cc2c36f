"""Find bad values in the files they came from. Only an error needs this, so it may take its time."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from components.example_generation.query.dialect import connect
from components.example_generation.sources.columns import Column, Part
from components.example_generation.sources.csv_files import csv_problem, rejected_rows
from components.example_generation.sources.csv_text import open_text
from components.example_generation.sources.handles import Handle
from components.example_generation.sources.time_units import likely_unit
from pipeline_tools.errors import InputError

SHOWN = 5
_TEXTS = 10_000
"""How many different bad texts of a column are looked for."""


class Location(NamedTuple):
    """A row of a file, counted from 1: of text the line in which it begins."""

    path: Path
    row: int
    text: bool
    reason: str = ""

    def __str__(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.path}, {'line' if self.text else 'row'} {self.row}{reason}"


def show(handle: Handle, locations: Sequence[Location], count: int) -> str:
    """Write locations as the lines of a message that begins with a handle.

    Args:
        handle: Where a file is the only one that it names, its folder is not repeated.
        locations: The first.
        count: How many there are.

    Returns:
        A line each, after a line break, and how many more there are.
    """
    more = f"\n  and {count - len(locations)} more" if count > len(locations) else ""
    alone = [
        location._replace(path=Path(location.path.name)) if str(location.path) == handle.location else location
        for location in locations
    ]
    return "".join(f"\n  {location}" for location in alone) + more


def find_unreadable(parts: Sequence[Part]) -> tuple[int, list[Location]]:
    """Find the rows of files that cannot be read, or have a value that cannot.

    Args:
        parts: The files.

    Returns:
        How many there are; the first `SHOWN`.
    """
    count, locations = 0, []
    with tempfile.TemporaryDirectory() as scratch:
        for part in parts:
            with connect(Path(scratch)) as connection:
                conditions = {name: column.bad for name, column in part.columns.items() if column.bad}
                found, some = _find(connection, part, conditions, {})
                rejected = rejected_rows(connection)
            count += found + len(rejected)
            locations += some
            locations += [
                Location(part.files[path], line, text=True, reason=_about(part, column, reason))
                for path, line, column, reason in rejected[:SHOWN]
            ]
    return count, sorted(locations)[:SHOWN]


def find_values(parts: Sequence[Part], name: str, values: Sequence[Any]) -> list[Location]:
    """Find the first rows of files that have one of some values in a column.

    Args:
        parts: The files.
        name: Of the column.
        values: As examples hold them.

    Returns:
        At most `SHOWN`.
    """
    locations: list[Location] = []
    single = all(isinstance(value, float) for value in values)
    with tempfile.TemporaryDirectory() as scratch, connect(Path(scratch)) as connection:
        for part in parts:
            column = part.columns[name]
            value = f"CAST(floor(epoch({column.value})) AS BIGINT)" if column.kind == "TIMESTAMP" else column.value
            value = f"TRY_CAST({value} AS FLOAT)" if single else value
            condition = f"list_contains($values, {value})"
            if any(value != value for value in values):
                condition += f" OR isnan({value})"
            locations += _find(connection, part, {name: condition}, {"values": list(values)})[1]
    return [location._replace(reason="") for location in sorted(locations)[:SHOWN]]


def all_numbers(parts: Sequence[Part], name: str) -> bool:
    """Say whether all values of a column are numbers, as the files hold them.

    Args:
        parts: The files.
        name: Of the column.
    """
    with tempfile.TemporaryDirectory() as scratch, connect(Path(scratch)) as connection:
        for part in parts:
            text = f"CAST({part.columns[name].raw} AS VARCHAR)"
            condition = f"NOT regexp_full_match({text}, '[-+0-9.eE ]+') OR regexp_full_match({text}, '.*[0-9]-.*')"
            [(count,)] = connection.execute(f"SELECT count(*) FROM {part.relation} WHERE {condition}").fetchall()
            if count:
                return False
    return True


def _find(
    connection: duckdb.DuckDBPyConnection, part: Part, conditions: Mapping[str, str], parameters: Mapping[str, Any]
) -> tuple[int, list[Location]]:
    """Count the rows that meet one of some conditions on columns, and find the first."""
    if not conditions:
        conditions = {next(iter(part.columns)): "false"}  # reading finds what is rejected
    some = " OR ".join(conditions.values())
    try:
        # What is not read is not looked at either: bytes that are no UTF-8 show in their own column only.
        read = ", ".join(f"count({column.raw})" for column in part.columns.values())
        [(count, *_)] = connection.execute(
            f"SELECT count(*) FILTER (WHERE {some}), {read} FROM {part.relation}", dict(parameters)
        ).fetchall()
        if not count:
            return 0, []
        return count, (_in_text if part.text else _in_parquet)(connection, part, conditions, parameters)
    except duckdb.Error as error:
        raise InputError(f"{', '.join(map(str, part.files.values()))}: {csv_problem(error)}") from None


def _in_text(
    connection: duckdb.DuckDBPyConnection, part: Part, conditions: Mapping[str, str], parameters: Mapping[str, Any]
) -> list[Location]:
    """Let DuckDB say which texts it is, and Python in which lines they are."""
    texts: dict[int, tuple[str, set[str]]] = {}
    for name, condition in conditions.items():
        raw = part.columns[name].raw
        rows = connection.execute(
            f"SELECT DISTINCT {raw} FROM {part.relation} WHERE {condition} LIMIT {_TEXTS}", dict(parameters)
        ).fetchall()
        if rows:
            texts[part.header.index(name)] = name, {text for (text,) in rows}
    locations: list[Location] = []
    for readable, path in sorted(part.files.items(), key=lambda pair: pair[1]):
        with open_text(readable) as file:
            reader = csv.reader(file)
            next(reader)
            end = reader.line_num
            for row in reader:
                begin, end = end + 1, reader.line_num
                for index, (name, bad) in texts.items():
                    if len(row) > index and row[index] in bad:
                        reason = _why(name, part.columns[name], row[index])
                        locations.append(Location(path, begin, text=True, reason=reason))
                        break
                if len(locations) == SHOWN:
                    return locations
    return locations


def _in_parquet(
    connection: duckdb.DuckDBPyConnection, part: Part, conditions: Mapping[str, str], parameters: Mapping[str, Any]
) -> list[Location]:
    locations = []
    for name, condition in conditions.items():
        rows = connection.execute(
            f"SELECT filename, number + 1, CAST({part.columns[name].raw} AS VARCHAR) FROM {part.numbered} "
            f"WHERE {condition} ORDER BY ALL LIMIT {SHOWN}",
            dict(parameters),
        ).fetchall()
        for path, row, text in rows:
            reason = _why(name, part.columns[name], text)
            locations.append(Location(part.files[Path(path)], row, text=False, reason=reason))
    return sorted(locations)[:SHOWN]


def _about(part: Part, column: str | None, reason: str) -> str:
    if column is None or reason.startswith(("fewer", "more")) or not re.fullmatch(r"c\d+", column):
        return reason
    return f"column {part.header[int(column[1:])]!r}: {reason}"


def _is_whole(text: str) -> bool:
    """Tell whether a text is a whole number of any size, also with an exponent, as a double is shown."""
    if not re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", text):
        return False
    number = Decimal(text.strip())
    return number == number.to_integral_value()


def _why(name: str, column: Column, text: str | None) -> str:
    if column.wanted in {"TIME", "TIMESTAMP"}:
        unit = likely_unit(text or "")
        reason = f"is not a time in seconds; it may be {unit}" if unit else "is not a time"
    elif column.kind == "INT":
        reason = "is too large for a 64-bit integer" if _is_whole(text or "") else "is not a whole number"
    elif column.checked and not re.fullmatch(r"[-+0-9.eE\s]+", text or ""):
        reason = "is not a number"
    else:
        reason = "is too large for a 32-bit float"
    return f"column {name!r}: {text!r} {reason}" if column.raw == column.value or text is not None else ""
