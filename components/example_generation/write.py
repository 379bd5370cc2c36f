"""Write selected rows as the splits of an `examples` artifact."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.example_generation.query.dialect import quote_name
from components.example_generation.query.selection import KEY, ORDER, SPLIT

ROWS_PER_FILE = 50_000
"""Work on a split is spread over workers by its files; each is one row group."""

ARROW = {"INT": pa.int64(), "FLOAT": pa.float32(), "BYTES": pa.string()}
_DUCKDB = {"INT": "BIGINT", "FLOAT": "FLOAT", "BYTES": "VARCHAR"}


def write_splits(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    parameters: Mapping[str, object],
    types: Mapping[str, str],
    directory: Path,
    splits: tuple[str, ...],
) -> dict[str, int]:
    """Run a query and write its rows, split by split, in the order of their key's hash.

    Rows stream through; DuckDB sorts, on disk where memory does not suffice.

    Args:
        connection: Where the query runs.
        query: Gives the columns of ``types``, then a row's key, split and order.
        parameters: The query's.
        types: ``INT``, ``FLOAT`` or ``BYTES`` by column.
        directory: Where a directory a split is made.
        splits: The splits that rows may have.

    Returns:
        Rows by split.
    """
    schema = file_schema(types)
    writers = {split: _SplitWriter(directory / split) for split in splits}
    for batch in connection.execute(in_order(query, types), dict(parameters)).to_arrow_reader(ROWS_PER_FILE):
        rows = pa.Table.from_batches([batch])
        for split in rows[SPLIT].unique().to_pylist():
            mask = pc.equal(rows[SPLIT], split)
            writers[split].write(rows.filter(mask).select(schema.names).cast(schema))
    for writer in writers.values():
        writer.close()
    return {split: writer.rows for split, writer in writers.items()}


def in_order(query: str, types: Mapping[str, str]) -> str:
    """Put a query's rows into the order and the types of a split's files.

    Args:
        query: Gives the columns of ``types``, then a row's key, split and order.
        types: ``INT``, ``FLOAT`` or ``BYTES`` by column.

    Returns:
        DuckDB's SQL for the columns of ``types``, a row's key and its split.
    """
    columns = ", ".join(
        f"CAST({quote_name(name)} AS {_DUCKDB[kind]}) AS {quote_name(name)}" for name, kind in types.items()
    )
    # Rows may share a key; their content then says which comes first.
    content = ", ".join([KEY, *map(quote_name, types)])
    return f"SELECT {columns}, {KEY}, {SPLIT} FROM ({query}) ORDER BY {ORDER}, hash({content})"


def file_schema(types: Mapping[str, str]) -> pa.Schema:
    """Say what a split's files hold.

    Args:
        types: ``INT``, ``FLOAT`` or ``BYTES`` by column.

    Returns:
        The Arrow schema: these columns, then the key.
    """
    return pa.schema([*((name, ARROW[kind]) for name, kind in types.items()), (KEY, pa.string())])


def file_name(number: int, count: int) -> str:
    """Name one of a split's files.

    Args:
        number: Its place, from 0.
        count: How many files the split has.

    Returns:
        The name.
    """
    return f"data-{number:05d}-of-{count:05d}.parquet"


class _SplitWriter:
    """Cuts rows into files of a fixed size, so that the same rows give the same bytes."""

    def __init__(self, directory: Path) -> None:
        self.rows = 0
        self._directory = directory
        self._waiting: list[pa.Table] = []
        self._paths: list[Path] = []
        directory.mkdir()

    def write(self, rows: pa.Table) -> None:
        self._waiting.append(rows)
        while sum(table.num_rows for table in self._waiting) >= ROWS_PER_FILE:
            waiting = pa.concat_tables(self._waiting)
            self._write_file(waiting.slice(0, ROWS_PER_FILE))
            self._waiting = [waiting.slice(ROWS_PER_FILE)]

    def close(self) -> None:
        waiting = [table for table in self._waiting if table.num_rows]
        if waiting:
            self._write_file(pa.concat_tables(waiting))
        for number, path in enumerate(self._paths):
            path.rename(self._directory / file_name(number, len(self._paths)))

    def _write_file(self, rows: pa.Table) -> None:
        self._paths.append(self._directory / f"{len(self._paths)}.parquet")
        pq.write_table(rows, self._paths[-1])
        self.rows += rows.num_rows
