"""From source handles to typed examples: the work of the `example_gen` step."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from google.protobuf import text_format

from components.errors import InputError
from components.example_gen.anomalies import Anomaly, find_anomalies
from components.example_gen.columns import CONTENT_KEY
from components.example_gen.dialect import connect
from components.example_gen.disjoint import prove_disjoint
from components.example_gen.files import FileTable
from components.example_gen.gcs import readable
from components.example_gen.locate import locate
from components.example_gen.request import ReadParameters, make_request
from components.example_gen.selection import NO_WHOLE_NUMBER, time_range
from components.example_gen.sources import Access, Source, open_sources, parse_handles
from components.example_gen.statistics import describe_splits
from components.example_gen.write import write_splits
from components.outputs import whole_directory
from components.schema import load_schema


def read_examples(
    parameters: ReadParameters, *, examples: str | Path, statistics: str | Path, anomalies: str | Path
) -> dict[str, Any]:
    """Read typed examples from files or BigQuery, describe them, and compare them with their schema.

    Args:
        parameters: What to read, and how.
        examples: Directory to write: the schema, and a directory a split with Parquet files.
        statistics: Directory to write ``statistics.json`` into.
        anomalies: Directory to write ``anomalies.json`` into.

    Returns:
        What to record of the examples: ``rows_train``, ``rows_eval``, ``disjoint`` (how it is known that no eval row
        is a train row), ``sources`` and ``sql``.

    Raises:
        InputError: A parameter, a source, a row or a value is wrong. Nothing is written then.
    """
    loaded = load_schema(parameters.schema)
    request = make_request(parameters, loaded)
    handles = parse_handles(parameters.input_handle_train, parameters.input_handle_eval, request)
    with whole_directory(examples) as out, tempfile.TemporaryDirectory(dir=out.parent, prefix=".reading.") as name:
        scratch = Path(name)
        with _naming_objects(scratch):
            sources = open_sources(handles, request, Access(scratch, parameters.project, parameters.location))
            rows: dict[str, int] = {}
            for source in sources:
                rows |= _write(source, out, scratch)
            (out / "schema.pbtxt").write_text(text_format.MessageToString(loaded), encoding="utf-8")
            with connect(scratch, threads=1) as connection:
                disjoint = prove_disjoint(connection, out, sources)
                described = describe_splits(connection, out, rows, request.types)
                found = find_anomalies(connection, out, loaded, described)
                _refuse(connection, found, sources)
    with whole_directory(statistics) as directory:
        _dump(described, directory / "statistics.json")
    with whole_directory(anomalies) as directory:
        _dump(_report(found, sources), directory / "anomalies.json")
    return {
        **{f"rows_{split}": count for split, count in rows.items()},
        "disjoint": disjoint,
        "sources": "\n".join(str(source.table.handle) for source in sources),
        "sql": "\n;\n".join(source.selection.sql for source in sources),
    }


@contextmanager
def _naming_objects(scratch: Path) -> Iterator[None]:
    """Let errors name objects in Cloud Storage, and not their copies."""
    try:
        yield
    except InputError as error:
        raise InputError(readable(str(error), scratch)) from error.__cause__


def _write(source: Source, out: Path, scratch: Path) -> dict[str, int]:
    with connect(scratch) as connection:
        try:
            query, parameters = source.table.query(connection, source.selection)
            rows = write_splits(connection, query, parameters, source.request.types, out, source.selection.splits)
            source.table.check(connection)
            for split, count in rows.items():
                if not count:
                    raise InputError(_empty(connection, source, split))
        except duckdb.Error as error:
            source.table.check(connection)  # says it better, if this is why
            raise InputError(f"{source.table.handle}: {_explain(connection, source, str(error))}") from error
    return rows


def _empty(connection: duckdb.DuckDBPyConnection, source: Source, split: str) -> str:
    window = source.request.windows[split]
    if window.open:
        few = " (the key's hash sends a third of them there; this source has too few)" if source.fold else ""
        return f"{source.table.handle}: no row for the split {split!r}{few}"
    ends = time_range(source.request, source.table.table, source.table.kinds)
    query, parameters = source.table.query(connection, ends)
    first, last = connection.execute(query, parameters).fetchall()[0]
    return (
        f"{source.table.handle}: no {split} row lies in the window {window}; {source.request.time_column} goes from "
        f"{first} to {last} (UTC) in this source"
    )


def _explain(connection: duckdb.DuckDBPyConnection, source: Source, message: str) -> str:
    """Say what DuckDB said, and where, if it was about a value in a file."""
    fraction = re.search(rf"column '(.+)': (.+){NO_WHOLE_NUMBER}", message)
    if not fraction:
        return message
    said = f"{fraction.group(0)}, and the schema says INT"
    return said + _places(connection, source, fraction.group(1), None)


def _places(connection: duckdb.DuckDBPyConnection, source: Source, column: str, values: Sequence[Any] | None) -> str:
    table = source.table
    if not isinstance(table, FileTable) or column in source.request.derived or table.kinds[column] == "TIMESTAMP":
        return ""
    places = locate(connection, table, column, values)
    return "".join(f"\n  {place}" for place in places)


def _refuse(
    connection: duckdb.DuckDBPyConnection, found: Mapping[str, Mapping[str, list[Anomaly]]], sources: list[Source]
) -> None:
    told = []
    for source in sources:
        for split in source.selection.splits:
            for column, anomalies in found[split].items():
                for anomaly in anomalies:
                    if anomaly.fatal:
                        places = _places(connection, source, column, anomaly.values) if anomaly.values else ""
                        told.append(f"{source.table.handle}: {split}: column {column!r}: {anomaly.message}{places}")
    if told:
        raise InputError("\n".join(told) + "\nMend these rows, or change the column's domain in the schema.")


def _report(found: Mapping[str, Mapping[str, list[Anomaly]]], sources: list[Source]) -> dict[str, Any]:
    report: dict[str, Any] = {}
    for source in sources:
        used = {*source.request.columns, source.table.key_column}
        extra: dict[str, str] = {}
        for name in source.table.columns:
            if name in source.request.derived:
                extra[name] = "the source has this column; its values are computed instead"
            elif name not in used:
                extra[name] = "the schema has no such column; it is not read"
        for split in source.selection.splits:
            columns = {name: [anomaly.as_json() for anomaly in some] for name, some in found[split].items()}
            for name, message in extra.items():
                columns.setdefault(name, []).append(
                    Anomaly("SCHEMA_NEW_COLUMN", message, fatal=False, count=0).as_json()
                )
            if source.table.key_column == CONTENT_KEY:
                message = "rows bring no key: it is a hash of their content, and equal rows have equal keys"
                columns["example_key"] = [Anomaly("KEY_OF_CONTENT", message, fatal=False, count=0).as_json()]
            report[split] = columns
    return report


def _dump(content: Any, path: Path) -> None:
    path.write_text(json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")
