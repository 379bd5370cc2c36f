"""Write selected rows as the splits of an `examples` artifact."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.example_gen.dialect import quote_name
from components.example_gen.selection import KEY, ORDER, SPLIT

ROWS_PER_GROUP = 50_000
ROWS_PER_FILE = 250_000
"""Files of this size let several workers read a split at the same time."""

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
    writers = {split: _SplitWriter(directory / split, schema) for split in splits}
    for batch in connection.execute(in_order(query, types), dict(parameters)).to_arrow_reader(ROWS_PER_GROUP):
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
    content = ", ".join(map(quote_name, types))
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
    """Cuts rows into groups and files of fixed sizes, so that the same rows give the same bytes."""

    def __init__(self, directory: Path, schema: pa.Schema) -> None:
        self.rows = 0
        self._directory = directory
        self._schema = schema
        self._waiting: list[pa.Table] = []
        self._paths: list[Path] = []
        self._writer: pq.ParquetWriter | None = None
        directory.mkdir()

    def write(self, rows: pa.Table) -> None:
        self._waiting.append(rows)
        if sum(table.num_rows for table in self._waiting) >= ROWS_PER_GROUP:
            waiting = pa.concat_tables(self._waiting)
            self._write_group(waiting.slice(0, ROWS_PER_GROUP))
            self._waiting = [waiting.slice(ROWS_PER_GROUP)]

    def close(self) -> None:
        waiting = [table for table in self._waiting if table.num_rows]
        if waiting:
            self._write_group(pa.concat_tables(waiting))
        if self._writer:
            self._writer.close()
        for number, path in enumerate(self._paths):
            path.rename(self._directory / file_name(number, len(self._paths)))

    def _write_group(self, rows: pa.Table) -> None:
        if self.rows % ROWS_PER_FILE == 0:
            if self._writer:
                self._writer.close()
            self._paths.append(self._directory / f"{len(self._paths)}.parquet")
            self._writer = pq.ParquetWriter(self._paths[-1], self._schema)
        assert self._writer is not None
        self._writer.write_table(rows, row_group_size=ROWS_PER_GROUP)
        self.rows += rows.num_rows
