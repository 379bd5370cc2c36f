"""What the readers of CSV and Parquet files share: columns that must be there, and keys made of content."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from components.example_generation.query.dialect import quote_name
from components.example_generation.sources.handles import Handle
from pipeline_tools.errors import InputError

CONTENT_KEY = "key_of_content"
"""The key of rows that bring none: a hash of all their values."""


def content_key(columns: Sequence[str]) -> str:
    """Write DuckDB's SQL for a key made of all values of a row.

    Args:
        columns: All columns, in any order.

    Returns:
        A selected expression with the name `CONTENT_KEY`. A missing value differs from an empty text.
    """
    values = ", ".join(f"{quote_name(column)} := {quote_name(column)}" for column in sorted(columns))
    return f"sha256(CAST(struct_pack({values}) AS VARCHAR)) AS {quote_name(CONTENT_KEY)}"


def need_columns(columns: Iterable[str], present: Sequence[str], handle: Handle, path: Path) -> None:
    """Make sure that a file has the columns that are read.

    Args:
        columns: What is needed.
        present: What the file has.
        handle: What named it.
        path: The file.

    Raises:
        InputError: Some are missing; the message lists them, and those that are there.
    """
    missing = [name for name in columns if name not in present]
    if not missing:
        return
    hint = ""
    if len(present) == 1 and re.search(r"[;\t|]", present[0]):
        hint = ". The values seem to be separated by something else than commas; write them with commas"
    raise InputError(
        f"{handle}: {path} lacks column{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))}; "
        f"it has {', '.join(map(repr, present))}{hint}"
    )
