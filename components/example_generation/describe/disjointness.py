"""Check that no eval row is a train row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb

from components.example_generation.query.dialect import own_files, quote_name, split_pattern
from components.example_generation.query.selection import KEY
from components.example_generation.sources.source import Source
from pipeline_tools.errors import InputError

# Texts that a key may have and mean the same: spaces around it, 1.0 for 1, capitals.
_FORMLESS = (
    f"coalesce(CAST(TRY_CAST(trim({KEY}) AS DECIMAL(38, 9)) AS VARCHAR), lower(trim({KEY}, ' ' || chr(9) || chr(160))))"
)

# The key of a row without one is a hash of its content and its number among equal rows. In another source the numbers
# begin anew, so that the content alone tells whether a row is in both.
_WITHOUT_NUMBER = f"regexp_replace({KEY}, '^([0-9a-f]{{64}})-[0-9]+$', '\\1')"


class Disjointness(NamedTuple):
    """What is known of eval rows that are train rows.

    Attributes:
        conclusion: A sentence that begins with ``split rule``, ``windows``, ``keys``, ``rows`` or ``one split`` and
            says why no eval row is a train row. Where eval rows equal train rows in every column, and no comparable
            keys tell them apart: a sentence that begins with ``not disjoint`` and counts them.
        equal_rows: How many those are.
    """

    conclusion: str
    equal_rows: int = 0


def check_by_rule(sources: Sequence[Source]) -> str | None:
    """Tell from how rows are chosen, without looking at them, whether an eval row can be a train row.

    Args:
        sources: Where train and eval rows come from.

    Returns:
        Why none can, a sentence that begins with ``split rule`` or ``windows``; None if the rows themselves must tell.
    """
    request = sources[0].request
    if sources[0].fold:
        key = request.group_column or request.key_column
        if not key:
            return "split rule: each row by a hash of its content and its number, so that equal rows may be in both"
        return f"split rule: train rows have ABS(MOD(FARM_FINGERPRINT({key}), 3)) > 0, eval rows have 0"
    windows = {split: source.request.windows[split] for source in sources for split in source.selection.splits}
    if len(windows) == 2 and not windows["train"].meets(windows["eval"]):
        return f"windows: train rows are in {windows['train']}, eval rows in {windows['eval']}"
    return None


def check_disjoint(connection: duckdb.DuckDBPyConnection, examples: Path, sources: Sequence[Source]) -> Disjointness:
    """Check that no eval row is a train row: by rule if that tells, else by keys and by the values of all columns.

    Args:
        connection: Any.
        examples: Directory with the written splits.
        sources: Where the rows came from.

    Returns:
        What is known.

    Raises:
        InputError: Keys are missing, or some are in both splits.
    """
    for source in sources:
        for split in source.selection.splits:
            _check_keys(connection, examples, source, split)
    keyed = all(source.request.key_column for source in sources)
    rule = check_by_rule(sources)
    if rule and (keyed or not sources[0].fold):
        return Disjointness(rule)
    if sum(len(source.selection.splits) for source in sources) == 1:
        return Disjointness(f"one split: only {sources[0].selection.splits[0]} rows were read")
    if not keyed:
        count, equal = _equal_rows(connection, examples, sources)
        if count:
            return Disjointness(f"not disjoint: {equal}, and rows have no key that would tell them apart", count)
        return Disjointness("rows: no eval row equals a train row in every column")
    count, key = shared_keys(examples, examples, connection)
    if count:
        handles = " and ".join(str(source.table.handle) for source in sources)
        raise InputError(
            f"{handles}: {count} eval rows are train rows, for example the one with key {key}. Give sources "
            "without a common row, or the same handle twice (rows are then split by a hash of their key)"
        )
    count, equal = _equal_rows(connection, examples, sources)
    unlike = _keys_differ_in_kind(connection, examples)
    if count and unlike:
        return Disjointness(f"not disjoint: {equal}, and {unlike}, so that keys do not tell them apart", count)
    if unlike:
        return Disjointness(f"rows: no eval row equals a train row in every column; {unlike}")
    return Disjointness("keys: no key is in both splits" + (f"; {equal}" if count else ""))


def shared_keys(
    train: Path, eval_: Path, connection: duckdb.DuckDBPyConnection | None = None
) -> tuple[int, str | None]:
    """Count the eval rows of one `examples` artifact whose key is that of a train row of another.

    Rows without a key are known by their content: those count that equal a train row.

    Args:
        train: Directory of the artifact with the train rows.
        eval_: Directory of the artifact with the eval rows.
        connection: Any; None makes one.

    Returns:
        How many, and the least of their keys.
    """
    query = f"""
        SELECT count(*), min({KEY}) FROM {own_files("$eval")}
        WHERE {_WITHOUT_NUMBER} IN (SELECT {_WITHOUT_NUMBER} FROM {own_files("$train")})"""
    files = {"train": split_pattern(train, "train"), "eval": split_pattern(eval_, "eval")}
    count, key = (connection or duckdb.connect()).execute(query, files).fetchall()[0]
    return count, key


def _equal_rows(connection: duckdb.DuckDBPyConnection, examples: Path, sources: Sequence[Source]) -> tuple[int, str]:
    """Count the eval rows that equal a train row in every column of the schema, and say so."""
    columns = ", ".join(map(quote_name, sources[0].request.types))
    query = f"""
        SELECT count(*), count(*) FILTER (row({columns}) IN (SELECT row({columns}) FROM {own_files("$train")}))
        FROM {own_files("$eval")}"""
    files = {split: split_pattern(examples, split) for split in ("train", "eval")}
    rows, equal = connection.execute(query, files).fetchall()[0]
    return equal, f"{equal} of {rows} eval rows equal a train row in every column"


def _keys_differ_in_kind(connection: duckdb.DuckDBPyConnection, examples: Path) -> str:
    """Say how the keys of two splits that share none are not comparable; nothing is said if they are."""
    files = {split: split_pattern(examples, split) for split in ("train", "eval")}
    pairs = f"""
        SELECT min(t.{KEY}), min(e.{KEY}) FROM
            (SELECT {KEY}, {_FORMLESS} AS x FROM {own_files("$train")}) t
            JOIN (SELECT {KEY}, {_FORMLESS} AS x FROM {own_files("$eval")}) e USING (x)
        GROUP BY x ORDER BY 1, 2 LIMIT 1"""
    same = connection.execute(pairs, files).fetchall()
    if same:
        return f"keys differ in form (train has {same[0][0]!r}, eval has {same[0][1]!r})"
    kinds = {
        split: connection.execute(
            f"SELECT bool_and(regexp_full_match({KEY}, '-?[0-9]+')), min({KEY}) FROM {own_files('?')}",
            [path],
        ).fetchall()[0]
        for split, path in files.items()
    }
    if kinds["train"][0] != kinds["eval"][0]:
        return f"keys differ in kind (train has {kinds['train'][1]!r}, eval has {kinds['eval'][1]!r})"
    return ""


def _check_keys(connection: duckdb.DuckDBPyConnection, examples: Path, source: Source, split: str) -> None:
    missing = connection.execute(
        f"SELECT count(*) FROM {own_files('?')} WHERE {KEY} IS NULL",
        [split_pattern(examples, split)],
    ).fetchall()[0][0]
    if missing:
        raise InputError(
            f"{source.table.handle}: rows without a value in the key column {source.request.key_column!r}: {missing}; "
            "fill it, or leave key_column empty: a row is then known by its content"
        )
