"""Run BigQuery's query in DuckDB.

Derived columns are written by `expression_sql`. Of the rest of the query sqlglot knows most differences; the others are
here. Times are plain UTC timestamps in DuckDB, so that no session's zone can matter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from duckdb.func import PythonUDFType
from farmhash import Fingerprint64
from sqlglot import exp

from components.example_generation.query.expression_functions import register
from components.example_generation.query.expression_sql import write_expression
from components.example_generation.query.selection import DERIVED, KEY, Selection

MEMORY_LIMIT = "512MB"
"""What DuckDB may hold before it sorts on disk."""


def connect(scratch: Path, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """Open a database in memory that knows FARM_FINGERPRINT and the functions of derived columns.

    Args:
        scratch: Where it may put what does not fit into memory.
        threads: How many it may use; None is one a core.

    Returns:
        The connection.
    """
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",  # nothing is fetched while a step runs
            "autoload_known_extensions": "false",
            "memory_limit": MEMORY_LIMIT,
            "preserve_insertion_order": "false",
            "temp_directory": str(scratch),
            **({"threads": str(threads)} if threads else {}),
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.create_function(
        "farm_fingerprint",
        _farm_fingerprint,
        ["VARCHAR"],
        "BIGINT",
        type=PythonUDFType.ARROW,
        side_effects=True,  # it has none; but thinking so, the planner does not compute it again for every use
    )
    register(connection)
    return connection


def to_duckdb(selection: Selection) -> tuple[str, dict[str, int | datetime]]:
    """Translate a selection.

    Args:
        selection: BigQuery's query and parameters.

    Returns:
        DuckDB's SQL and its parameters; times in UTC and without a zone.
    """
    parameters = {
        name: value.astimezone(timezone.utc).replace(tzinfo=None) if isinstance(value, datetime) else value
        for name, value in selection.parameters.items()
    }
    query = selection.query.copy()
    for node in [node for node in query.walk() if node.meta.get(DERIVED)]:
        node.replace(exp.Var(this=write_expression(node)))
    for node in reversed(list(query.walk())):  # from the leaves up, so that what is replaced is translated inside
        replacement = _translate(node)
        if replacement is not node:
            node.replace(replacement)
    return query.sql(dialect="duckdb"), parameters


def own_files(parameter: str) -> str:
    """Read the files of a split that was written: a folder's name such as ``n=99`` is not a column.

    Args:
        parameter: The SQL parameter that is bound to their names or their pattern, for example ``?``.

    Returns:
        The SQL of the table.
    """
    return f"read_parquet({parameter}, hive_partitioning = false)"


def quote_name(name: str) -> str:
    """Quote a column's name.

    Args:
        name: Any text.

    Returns:
        An identifier in DuckDB's SQL.
    """
    return exp.to_identifier(name, quoted=True).sql(dialect="duckdb")


def quote_text(text: str) -> str:
    """Quote a text.

    Args:
        text: Any text.

    Returns:
        A literal in DuckDB's SQL.
    """
    return exp.Literal.string(text).sql(dialect="duckdb")


def one_column(selection: Selection, name: str) -> Selection:
    """Reduce a selection to one of its columns.

    Args:
        selection: Of all rows.
        name: A column of its result.

    Returns:
        The selection of that column, of the same rows before any limit.
    """
    query = selection.query.copy()
    query.set("expressions", [column for column in query.expressions if column.alias_or_name == name])
    query.set("order", None)
    query.set("limit", None)
    return replace(selection, query=query)


def failing_rows(selection: Selection, name: str) -> Selection:
    """Select the keys of the rows of which a derived column cannot be computed. DuckDB alone can tell.

    Args:
        selection: Of all rows.
        name: A derived column.

    Returns:
        The selection of the keys.
    """
    query = one_column(selection, name).query
    expression = query.expressions[0].this
    # TRY makes NULL of an error; that the value is missing is no error.
    failed = exp.Anonymous(this="TRY", expressions=[expression.is_(exp.Null())]).is_(exp.Null())
    query.set("expressions", [exp.column(KEY, quoted=True)])
    return replace(selection, query=query.where(failed))


def literal_path(path: Path) -> str:
    """Write a path so that DuckDB, which takes every path for a pattern, reads that one file.

    Args:
        path: A file.

    Returns:
        A pattern that matches it alone.
    """
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def path_list(paths: Sequence[Path]) -> str:
    """Write paths as the list that DuckDB's readers take.

    Args:
        paths: Files.

    Returns:
        A literal in DuckDB's SQL.
    """
    return "[" + ", ".join(quote_text(literal_path(path)) for path in paths) + "]"


def split_pattern(examples: Path, split: str) -> str:
    """Name the Parquet files of a written split.

    Args:
        examples: Directory of an `examples` artifact.
        split: ``train`` or ``eval``.

    Returns:
        A pattern for DuckDB.
    """
    return literal_path(examples / split) + "/*.parquet"


def _translate(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.TIMESTAMPTZ:
        return exp.DataType.build("TIMESTAMP", dialect="duckdb")
    if isinstance(node, exp.UnixToTime):
        return exp.func("MAKE_TIMESTAMP", exp.cast(node.this, "BIGINT") * 1_000_000)
    if isinstance(node, exp.UnixSeconds):
        return exp.cast(exp.Floor(this=exp.func("EPOCH", node.this)), "BIGINT")
    return node


def _farm_fingerprint(keys: pa.ChunkedArray) -> pa.Array:
    values = keys.to_pylist()
    if keys.null_count:
        return pa.array([None if key is None else np.uint64(Fingerprint64(key)).astype(np.int64) for key in values])
    return pa.array(np.fromiter(map(Fingerprint64, values), np.uint64, len(values)).view(np.int64))
