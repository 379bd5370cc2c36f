"""What the readers of CSV and Parquet files share: how a column is read, and columns that must be there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.example_generation.query.dialect import path_list, quote_name
from components.example_generation.sources.handles import Handle
from pipeline_tools.errors import InputError

UNREADABLE = "a value cannot be read"
"""How a query says that it stopped at a value; `locate` finds out which."""

SINGLE_LIMIT = "3.4028235677973366e38"
"""From this number on, the nearest 32-bit float is infinite."""


@dataclass(frozen=True)
class Column:
    """How DuckDB reads a column of files.

    Attributes:
        kind: As `selection.select` takes it.
        raw: SQL of what the files hold.
        value: SQL of the value.
        checked: Whether ``value`` is NULL where ``raw`` cannot be taken as it is.
        wanted: What the column must be: ``INT``, ``FLOAT``, ``BYTES``, ``TIME`` or None.
    """

    kind: str
    raw: str
    value: str
    checked: bool = False
    wanted: str | None = None

    def select(self, name: str) -> str:
        """Write the column of a SELECT, which stops at a value that cannot be taken."""
        value = self.value
        if self.checked:
            value = f"CASE WHEN {self.raw} IS NULL THEN NULL ELSE coalesce({value}, error('{UNREADABLE}')) END"
        return f"{value} AS {quote_name(name)}"

    @property
    def bad(self) -> str:
        """SQL of whether a value cannot be taken; empty if all can."""
        conditions = [f"({self.raw} IS NOT NULL AND {self.value} IS NULL)"] if self.checked else []
        if self.wanted == "FLOAT":
            conditions.append(f"coalesce(isfinite({self.value}) AND abs({self.value}) >= {SINGLE_LIMIT}, false)")
        return " OR ".join(conditions)


@dataclass(frozen=True)
class Part:
    """Files that DuckDB reads as one relation.

    Attributes:
        files: Names of the files, by the path of what is read: the file itself, or a copy that DuckDB can read.
        text: Whether they are CSV files; else Parquet.
        header: The names of all columns.
        columns: Those that are read.
    """

    files: Mapping[Path, Path]
    text: bool
    header: Sequence[str]
    columns: Mapping[str, Column]

    @property
    def sql(self) -> str:
        """A SELECT of the columns that are read."""
        columns = ", ".join(column.select(name) for name, column in self.columns.items())
        return f"SELECT {columns} FROM {self.relation}"

    @property
    def relation(self) -> str:
        """The files in a FROM; columns are named by position, for DuckDB takes ``x`` and ``X`` for one name."""
        names = [f"c{number}" for number in range(len(self.header))]
        if not self.text:
            return f"read_parquet({path_list(list(self.files))}, hive_partitioning = false) AS t({', '.join(names)})"
        types = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
        return (
            f"read_csv({path_list(list(self.files))}, columns = {{{types}}}, header = true, auto_detect = false, "
            "delim = ',', quote = '\"', escape = '\"', compression = 'none', hive_partitioning = false, "
            "store_rejects = true)"
        )

    @property
    def numbered(self) -> str:
        """The relation of Parquet files with two more columns: ``number`` of the row, from 0, and ``filename``."""
        names = ", ".join([*(f"c{number}" for number in range(len(self.header))), "number", "filename"])
        files = path_list(list(self.files))
        return (
            f"read_parquet({files}, hive_partitioning = false, file_row_number = true, filename = true) AS t({names})"
        )


def check_columns(
    columns: Mapping[str, object], key_column: str, present: Sequence[str], handle: Handle, path: Path
) -> None:
    """Make sure that a file has the columns that are read, and the key.

    Args:
        columns: What is read.
        key_column: Names a row; may be empty.
        present: What the file has.
        handle: What named it.
        path: The file.

    Raises:
        InputError: Some are missing, or there twice; the message lists them, and those that are there.
    """
    missing = [name for name in columns if name not in present]
    has = f"it has {', '.join(map(repr, present))}"
    if missing:
        hint = "".join(
            f". {name!r} differs from {near[0]!r} in case or spaces only: rename one of the two"
            for name in missing
            if (near := [other for other in present if _plain(other) == _plain(name)])
        )
        if len(present) == 1 and re.search(r"[;\t|]", present[0]):
            hint = ". The values seem to be separated by something else than commas; write them with commas"
        raise InputError(
            f"{handle.of(path)} lacks column{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))}; {has}{hint}"
        )
    if key_column and key_column not in present:
        raise InputError(
            f"{handle}: key_column={key_column}: {path} lacks this column; {has}. Name one of them that all files "
            "have, or leave key_column empty: a row is then known by its content"
        )
    for name in [*columns, key_column]:
        if present.count(name) > 1:
            raise InputError(f"{handle.of(path)} has several columns of the name {name!r}; rename all but one")


def _plain(name: str) -> str:
    return re.sub(r"[\s_]+", "", name).casefold()
