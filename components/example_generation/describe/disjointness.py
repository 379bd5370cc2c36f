"""Prove that no eval row is a train row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from components.example_generation.query.dialect import split_pattern
from components.example_generation.query.selection import KEY
from components.example_generation.sources.columns import CONTENT_KEY
from components.example_generation.sources.source import Source
from pipeline_tools.errors import InputError


def prove_by_rule(sources: Sequence[Source]) -> str | None:
    """Prove that no eval row can be a train row from how rows are chosen, without looking at them.

    Args:
        sources: Where train and eval rows come from.

    Returns:
        The proof, a sentence that begins with ``split rule`` or ``windows``; None if the rows themselves must tell.
    """
    if sources[0].fold:
        return "split rule: train rows have ABS(MOD(FARM_FINGERPRINT(key), 3)) > 0, eval rows have 0"
    windows = {split: source.request.windows[split] for source in sources for split in source.selection.splits}
    if len(windows) == 2 and not windows["train"].meets(windows["eval"]):
        return f"windows: train rows lie in {windows['train']}, eval rows in {windows['eval']}"
    return None


def prove_disjoint(connection: duckdb.DuckDBPyConnection, examples: Path, sources: Sequence[Source]) -> str:
    """Prove that no eval row is a train row: by rule if that can tell, else by comparing keys.

    Args:
        connection: Any.
        examples: Directory with the written splits.
        sources: Where the rows came from.

    Returns:
        The proof, a sentence that begins with ``split rule``, ``windows``, ``keys`` or ``one split``. If rows bring no
        key, and some of both splits are equal: a sentence that begins with ``not proved``, since such rows may be two
        things that look the same.

    Raises:
        InputError: Keys are missing, or some stand in both splits.
    """
    for source in sources:
        for split in source.selection.splits:
            _check_keys(connection, examples, source, split)
    proof = prove_by_rule(sources)
    if proof:
        return proof
    if len(sources) == 1:
        return f"one split: only {sources[0].selection.splits[0]} rows were read"
    count, key = shared_keys(examples, examples, connection)
    if not count:
        return "keys: no key stands in both splits"
    if all(source.table.key_column == CONTENT_KEY for source in sources):
        return f"not proved: {count} eval rows equal a train row in every column, and rows bring no key"
    handles = " and ".join(str(source.table.handle) for source in sources)
    raise InputError(
        f"{handles}: eval rows that are train rows, too: {count}, for example the one with key {key}. Give sources "
        "without a common row, or the same handle twice (rows are then split by a hash of their key)"
    )


def shared_keys(
    train: Path, eval_: Path, connection: duckdb.DuckDBPyConnection | None = None
) -> tuple[int, str | None]:
    """Count the eval rows of one `examples` artifact whose key is that of a train row of another.

    Args:
        train: Directory of the artifact with the train rows.
        eval_: Directory of the artifact with the eval rows.
        connection: Any; None makes one.

    Returns:
        How many, and the least of their keys.
    """
    query = f"""
        SELECT count(*), min({KEY}) FROM read_parquet($eval)
        WHERE {KEY} IN (SELECT {KEY} FROM read_parquet($train))"""
    files = {"train": split_pattern(train, "train"), "eval": split_pattern(eval_, "eval")}
    count, key = (connection or duckdb.connect()).execute(query, files).fetchall()[0]
    return count, key


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
