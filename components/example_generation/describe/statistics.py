"""Describe the columns of written examples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from components.example_generation.query.dialect import own_files, quote_name, split_pattern

QUANTILES = tuple(number / 10 for number in range(11))
MOST_FREQUENT = 20


def describe_splits(
    connection: duckdb.DuckDBPyConnection, examples: Path, rows: Mapping[str, int], types: Mapping[str, str]
) -> dict[str, Any]:
    """Describe every column of every split.

    Args:
        connection: One with a single thread, since the order in which sums are added shows in their last digits.
        examples: Directory of an `examples` artifact.
        rows: Rows by split.
        types: ``INT``, ``FLOAT`` or ``BYTES`` by column.

    Returns:
        By split: ``rows``, and by column ``type``, ``count`` (rows that have a value), ``missing``, ``unique``. Of
        numbers also ``not_finite`` and, over the finite values, ``min``, ``max``, ``mean``, ``std`` (of the
        population), ``zeros`` and ``quantiles`` (the values at `QUANTILES`). Of texts also ``top``: the
        `MOST_FREQUENT` values and their counts. What has no value is None; all numbers are finite.
    """
    return {
        split: {
            "rows": count,
            "columns": {
                name: _describe(connection, split_pattern(examples, split), name, kind) for name, kind in types.items()
            },
        }
        for split, count in rows.items()
    }


def _describe(connection: duckdb.DuckDBPyConnection, files: str, name: str, kind: str) -> dict[str, Any]:
    column = quote_name(name)
    result = connection.execute(
        (_TEXT if kind == "BYTES" else _NUMBER).format(values=f"SELECT {column} AS x FROM {own_files('?')}"),
        [files],
    )
    names = [name for name, *_ in result.description]
    return {"type": kind, **dict(zip(names, result.fetchall()[0], strict=True))}


_TEXT = f"""
    SELECT
        coalesce(sum(n) FILTER (x IS NOT NULL), 0)::BIGINT AS count,
        coalesce(sum(n) FILTER (x IS NULL), 0)::BIGINT AS missing,
        count(x) AS unique,
        coalesce(list(struct_pack(value := x, count := n) ORDER BY n DESC, x) FILTER (x IS NOT NULL), [])
            [1:{MOST_FREQUENT}] AS top
    FROM (SELECT x, count(*) AS n FROM ({{values}}) GROUP BY x)"""
_NUMBER = f"""
    SELECT
        count(x) AS count,
        count(*) - count(x) AS missing,
        count(DISTINCT x) AS unique,
        count(*) FILTER (NOT finite) AS not_finite,
        min(x) FILTER (finite) AS min,
        max(x) FILTER (finite) AS max,
        avg(x::DOUBLE) FILTER (finite) AS mean,
        stddev_pop(x::DOUBLE) FILTER (finite) AS std,
        count(*) FILTER (x = 0) AS zeros,
        quantile_disc(x, {list(QUANTILES)}) FILTER (finite) AS quantiles
    FROM (SELECT x, isfinite(x::DOUBLE) AS finite FROM ({{values}}))"""
