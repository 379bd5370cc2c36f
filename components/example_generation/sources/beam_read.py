"""Let Beam read a query's result by BigQuery's Storage API, and write it as the splits of an `examples` artifact.

Rows are dealt to files by ranges of their order (the hash of their key), so that many workers write a split: each file
is sorted by itself, and all rows of one come before those of the next.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.gcp.internal.clients.bigquery import DatasetReference, TableReference

from components.example_generation.query.dialect import connect
from components.example_generation.query.selection import KEY, ORDER, SPLIT, Selection
from components.example_generation.sources.bigquery import BigQueryTable, clear_errors
from components.example_generation.write import ROWS_PER_FILE, file_name, file_schema, in_order
from components.lib.beam.options import BeamOptions
from components.lib.beam.paths import scratch_path
from components.lib.beam.pipelines import make_pipeline, run
from pipeline_tools.paths import join, local_copy, open_write

_READ = {"INT": pa.int64(), "FLOAT": pa.float64(), "BYTES": pa.string()}
_BITS = 64 - 16
"""Orders are counted, and kept together, by their highest 16 bits."""
_LAST = 1 << 15
"""The place of rows without a key, which have no order: after all others, as in SQL."""

Row = tuple[Any, ...]
"""Values of the columns, then key, split and order."""


def write_splits_by_beam(
    table: BigQueryTable, selection: Selection, types: Mapping[str, str], directory: Path, options: BeamOptions
) -> dict[str, int]:
    """Let BigQuery run a query and Beam write its rows, split by split, in the order of their key's hash.

    Args:
        table: What is read.
        selection: Of ``table``: the columns of ``types``, then a row's key, split and order.
        types: ``INT``, ``FLOAT`` or ``BYTES`` by column.
        directory: Where a directory a split is made.
        options: Where the pipeline runs. Workers elsewhere write below the ``temp_location``, and this process fetches
            it from there: it has yet to look at every value.

    Returns:
        Rows by split.
    """
    names = (*types, KEY, SPLIT, ORDER)
    result = table.run(selection)
    # The runner in this process hands on exceptions as they were raised; others wrap them.
    with clear_errors(table.handle), scratch_path(options) as scratch:
        pipeline = make_pipeline(options)
        read = beam.io.ReadFromBigQuery(
            table=TableReference(projectId=result.project, datasetId=result.dataset_id, tableId=result.table_id),
            method=beam.io.ReadFromBigQuery.Method.DIRECT_READ,
            use_native_datetime=True,  # is how Beam calls Arrow; Avro would not take every column's name
            # Without it Beam lists all data sets of the project that have a label, and deletes what it is given.
            temp_dataset=DatasetReference(projectId=result.project, datasetId=result.dataset_id),
        )
        rows = pipeline | "Read" >> read | "Values" >> beam.Map(lambda row: tuple(row[name] for name in names))
        write_files(rows, types, scratch)
        run(pipeline, options)
        with local_copy(scratch) as written:
            for split in selection.splits:
                (directory / split).mkdir()
                for path in sorted((written / split).glob("*.parquet")):
                    shutil.move(path, directory / split / path.name)
    return {
        split: sum(pq.read_metadata(path).num_rows for path in (directory / split).iterdir())
        for split in selection.splits
    }


def write_files(rows: beam.PCollection[Row], types: Mapping[str, str], place: str) -> None:
    """Deal rows to the files of their splits, sort each file's, and write them.

    Args:
        rows: Values of the columns of ``types``, then a row's key, split and order.
        types: ``INT``, ``FLOAT`` or ``BYTES`` by column.
        place: Where a directory a split is made: a directory, or a prefix in Cloud Storage.
    """
    counts = rows | "Range" >> beam.Map(_range) | beam.combiners.Count.PerElement() | beam.combiners.ToDict()
    files = beam.pvalue.AsSingleton(counts | "Files" >> beam.Map(_plan_files))
    _ = (
        rows
        | "File" >> beam.Map(lambda row, files: (files[_range(row)], row), files)
        | beam.GroupByKey()
        | "Write" >> beam.Map(_write_file, dict(types), place)
    )


def _range(row: Row) -> tuple[str, int]:
    """Give a row's split, and the range of orders that its own lies in."""
    split, order = row[-2:]
    return split, _LAST if order is None else order >> _BITS


def _plan_files(counts: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], str]:
    """Deal ranges to files, which are named as seen from an `examples` artifact."""
    files: dict[tuple[str, int], str] = {}
    for split in {split for split, _ in counts}:
        number = filled = 0
        numbers: dict[int, int] = {}
        for place in sorted(place for of, place in counts if of == split):
            if filled >= ROWS_PER_FILE:
                number, filled = number + 1, 0
            numbers[place] = number
            filled += counts[split, place]
        files |= {(split, place): f"{split}/{file_name(at, number + 1)}" for place, at in numbers.items()}
    return files


def _write_file(grouped: tuple[str, Iterable[Row]], types: Mapping[str, str], place: str) -> None:
    """Sort and write; a second attempt writes the same bytes."""
    file, rows = grouped
    columns = [(name, _READ[kind]) for name, kind in types.items()]
    schema = pa.schema([*columns, (KEY, pa.string()), (SPLIT, pa.string()), (ORDER, pa.int64())])
    with tempfile.TemporaryDirectory() as scratch, connect(Path(scratch)) as connection:
        reader = pa.RecordBatchReader.from_batches(schema, _batches(rows, schema))
        connection.register("read", reader)
        ordered = connection.execute(in_order("SELECT * FROM read", types)).to_arrow_table()
    wanted = file_schema(types)
    with open_write(join(place, file)) as target:
        pq.write_table(ordered.select(wanted.names).cast(wanted), target)


def _batches(rows: Iterable[Row], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    waiting = iter(rows)
    while some := list(islice(waiting, ROWS_PER_FILE)):
        columns = zip(*some, strict=True)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
        yield pa.record_batch(arrays, schema=schema)
