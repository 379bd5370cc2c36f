"""Prove that no eval row is a train row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from components.errors import InputError
from components.example_gen.columns import CONTENT_KEY
from components.example_gen.dialect import split_pattern
from components.example_gen.selection import KEY
from components.example_gen.sources import Source


def prove_disjoint(connection: duckdb.DuckDBPyConnection, examples: Path, sources: Sequence[Source]) -> str:
    """Prove that no eval row is a train row, by the split rule if that can tell, else by comparing keys.

    Args:
        connection: Any.
        examples: Directory with the written splits.
        sources: Where the rows came from.

    Returns:
        The proof, in a sentence that begins with ``split rule``, ``keys`` or ``one split``. If rows bring no key, and
        some of both splits are equal: a sentence that begins with ``not proved``, since such rows may be two things
        that look the same.

    Raises:
        InputError: Keys are missing, or some stand in both splits.
    """
    splits = [split for source in sources for split in source.selection.splits]
    for source in sources:
        for split in source.selection.splits:
            _check_keys(connection, examples, source, split)
    if sources[0].fold:
        return "split rule: train rows have ABS(MOD(FARM_FINGERPRINT(key), 3)) > 0, eval rows have 0"
    if len(splits) == 1:
        return f"one split: only {splits[0]} rows were read"
    count, key = connection.execute(
        f"""
        SELECT count(*), min({KEY}) FROM read_parquet($eval)
        WHERE {KEY} IN (SELECT {KEY} FROM read_parquet($train))
        """,
        {split: split_pattern(examples, split) for split in splits},
    ).fetchall()[0]
    if not count:
        return "keys: no key stands in both splits"
    if all(source.table.key_column == CONTENT_KEY for source in sources):
        return f"not proved: {count} eval rows equal a train row in every column, and rows bring no key"
    handles = " and ".join(str(source.table.handle) for source in sources)
    raise InputError(
        f"{handles}: eval rows that are train rows, too: {count}, for example the one with key {key}. Give sources "
        "without a common row, or the same handle twice (rows are then split by a hash of their key)"
    )


def _check_keys(connection: duckdb.DuckDBPyConnection, examples: Path, source: Source, split: str) -> None:
    missing = connection.execute(
        f"SELECT count(*) FROM read_parquet(?) WHERE {KEY} IS NULL",
        [split_pattern(examples, split)],
    ).fetchall()[0][0]
    if missing:
        raise InputError(
            f"{source.table.handle}: rows without a value in the key column {source.request.key_column!r}: {missing}; "
            "fill it, or leave key_column empty to make the key of the row's content"
        )
