"""What the columns of CSV files hold that no schema types: told from all of their values, or from how they are used."""

from __future__ import annotations

import csv
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dateutil.parser import isoparse

from components.example_generation.query.expressions import NUMBER, TIME
from components.example_generation.sources.csv_text import open_text

_NUMBER = re.compile(r"\s*[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?\s*")
_INT = re.compile(r"\s*[+-]?[0-9]+\s*")
# A text such as 02134 or +5 is no number that was written as text: it stays what it is.
_PLAIN = {
    "INT": re.compile(r"-?(0|[1-9][0-9]*)"),
    "FLOAT": re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"),
    "TIMESTAMP": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T].*)?"),
}


def find_kinds(files: Sequence[Path], columns: Mapping[str, str | None]) -> dict[str, str]:
    """Tell what columns hold; reads on until that is known.

    Args:
        files: CSV files whose headers have the columns.
        columns: How each is used: `NUMBER`, `TIME`, or None where any kind will do.

    Returns:
        ``INT``, ``FLOAT``, ``TIMESTAMP`` or ``BYTES`` by column. A number is ``INT`` if all values are; a time is
        ``INT`` if its first value is a number. Of any kind is a column that all of whose values are of that kind, else
        it is text. Values that do not fit are errors when the rows are read.
    """
    open_: dict[str, list[str]] = {name: list(_PLAIN) for name in columns}
    found: dict[str, str] = {}
    seen: set[str] = set()
    for name, value in _values(files, open_):
        seen.add(name)
        kind = _decide(columns[name], value, open_[name])
        if kind:
            found[name] = kind
            del open_[name]
            if not open_:
                break
    for name, kinds in open_.items():
        default = {NUMBER: "INT", TIME: "TIMESTAMP"}.get(columns[name] or "")
        found[name] = default or (kinds[0] if name in seen else "BYTES")
    return found


def _decide(use: str | None, value: str, kinds: list[str]) -> str | None:
    """Narrow what a column may hold by one value; give its kind once that is certain."""
    if use == TIME:
        return "INT" if _NUMBER.fullmatch(value) else "TIMESTAMP"
    if use == NUMBER:
        return None if _INT.fullmatch(value) else "FLOAT"
    kinds[:] = [kind for kind in kinds if _PLAIN[kind].fullmatch(value) and (kind != "TIMESTAMP" or _is_time(value))]
    return None if kinds else "BYTES"


def _is_time(value: str) -> bool:
    try:
        isoparse(value.replace(" ", "T", 1))
    except ValueError:
        return False
    return True


def _values(files: Sequence[Path], columns: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Give the values that are there of those columns that are still among ``columns``, row by row."""
    for path in files:
        try:
            with open_text(path) as file:
                reader = csv.reader(file)
                header = next(reader)
                for row in reader:
                    if len(row) != len(header):
                        continue
                    for name in list(columns):
                        value = row[header.index(name)]
                        if value:
                            yield name, value
        except (csv.Error, OSError, EOFError, UnicodeDecodeError, zlib.error):
            continue  # reading the rows says it, with its line
