"""What the readers of CSV and Parquet files share: columns that must be there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from components.example_generation.sources.handles import Handle
from pipeline_tools.errors import InputError


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
        InputError: Some are missing; the message lists them, and those that are there.
    """
    missing = [name for name in columns if name not in present]
    has = f"it has {', '.join(map(repr, present))}"
    if missing:
        hint = ""
        if len(present) == 1 and re.search(r"[;\t|]", present[0]):
            hint = ". The values seem to be separated by something else than commas; write them with commas"
        raise InputError(
            f"{handle}: {path} lacks column{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))}; {has}{hint}"
        )
    if key_column and key_column not in present:
        raise InputError(
            f"{handle}: key_column={key_column}: {path} lacks this column; {has}. Name one of them that all files "
            "have, or leave key_column empty: a row is then known by its content"
        )
