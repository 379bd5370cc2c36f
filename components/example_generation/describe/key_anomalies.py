"""Find keys that several rows share, and splits in which most rows are alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb

from components.example_generation.describe.anomalies import SHOWN, Anomaly
from components.example_generation.describe.disjointness import Disjointness
from components.example_generation.query.dialect import own_files, quote_name, split_pattern
from components.example_generation.query.selection import KEY

FEW_DISTINCT = 0.5
"""Below this share of distinct rows a split is an anomaly."""


def find_key_anomalies(
    connection: duckdb.DuckDBPyConnection,
    examples: Path,
    rows: Mapping[str, int],
    types: Mapping[str, str],
    key_column: str,
    disjoint: Disjointness,
) -> dict[str, list[Anomaly]]:
    """Look at the keys of every split, and at how many of its rows differ. Nothing that is found is fatal.

    Args:
        connection: Any.
        examples: Directory of an `examples` artifact.
        rows: Rows by split.
        types: ``INT``, ``FLOAT`` or ``BYTES`` by column.
        key_column: Names a row; empty if rows have no key.
        disjoint: As `check_disjoint` returns it.

    Returns:
        Anomalies of the key by split.
    """
    found = {
        split: list(_of_split(connection, split_pattern(examples, split), count, types, key_column))
        for split, count in rows.items()
    }
    if disjoint.equal_rows:
        anomaly = Anomaly("TRAIN_ROWS_IN_EVAL", disjoint.conclusion, fatal=False, count=disjoint.equal_rows)
        found["eval"].insert(0, anomaly)
    return found


def _of_split(
    connection: duckdb.DuckDBPyConnection, files: str, rows: int, types: Mapping[str, str], key_column: str
) -> Iterator[Anomaly]:
    if key_column:
        repeated = connection.execute(
            f"SELECT {KEY}, count(*) FROM {own_files('?')} GROUP BY {KEY} HAVING count(*) > 1 ORDER BY 2 DESC, 1",
            [files],
        ).fetchall()
        if repeated:
            count, shown = sum(times for _, times in repeated), repeated[:SHOWN]
            message = (
                f"{count} of {rows} rows share their key with another row: "
                + ", ".join(f"{key!r} ({times} times)" for key, times in shown)
                + (", …" if len(repeated) > SHOWN else "")
                + f". They stay in one split; if {key_column} names groups of rows, give it as group_column"
            )
            keys = tuple(key for key, _ in shown)
            yield Anomaly("REPEATED_KEY", message, fatal=False, count=count, values=keys, keys=keys)
    else:
        message = "rows have no key: a row is known by its content, and by its number among rows of the same content"
        yield Anomaly("KEY_OF_CONTENT", message, fatal=False, count=0)
    columns = ", ".join(map(quote_name, types))
    [(distinct,)] = connection.execute(
        f"SELECT count(DISTINCT hash({columns})) FROM {own_files('?')}", [files]
    ).fetchall()
    if distinct < FEW_DISTINCT * rows:
        message = (
            f"{rows} rows hold {distinct} distinct ones only: equal rows may be in both splits, so that a model may "
            "have seen what it is evaluated on. Name a key_column or a group_column if there is one"
        )
        yield Anomaly("FEW_DISTINCT_ROWS", message, fatal=False, count=rows - distinct)
