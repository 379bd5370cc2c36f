"""From source handles to typed examples: the work of the `example_gen` step."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from components.example_generation.describe.anomalies import Anomaly, find_anomalies
from components.example_generation.describe.disjointness import check_disjoint
from components.example_generation.describe.empty_windows import checks_of_read
from components.example_generation.describe.key_anomalies import find_key_anomalies
from components.example_generation.describe.statistics import describe_splits
from components.example_generation.describe.times import find_time_anomalies
from components.example_generation.query.dialect import connect
from components.example_generation.query.selection import KEY
from components.example_generation.request import ReadParameters, make_request
from components.example_generation.rows import describe_locations, reading, write_rows
from components.example_generation.sources.gcs import naming_objects
from components.example_generation.sources.source import Source, SourceAccess, open_sources, parse_handles
from components.lib.schema import load_schema
from pipeline_tools.atomic import atomic_directory
from pipeline_tools.errors import InputError


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
        What to record of the examples: ``rows_train``, ``rows_eval``, ``disjoint`` (why no eval row is a train row,
        or how many are), ``sources`` and ``sql``.

    Raises:
        InputError: A parameter, a source, a row or a value is wrong. Nothing is written then.
    """
    loaded = load_schema(parameters.schema)
    request = make_request(parameters, loaded)
    handles = parse_handles(parameters.input_handle_train, parameters.input_handle_eval, request, parameters.read_mode)
    with atomic_directory(examples) as out, tempfile.TemporaryDirectory(dir=out.parent, prefix=".reading.") as name:
        scratch = Path(name)
        with naming_objects(scratch):
            sources = open_sources(
                handles, request, SourceAccess(scratch, parameters.project, parameters.location, parameters.by_beam)
            )
            for check in checks_of_read(sources):
                check.run()
            rows: dict[str, int] = {}
            for source in sources:
                rows |= write_rows(source, scratch, out)
            (out / "schema.pbtxt").write_text(text_format.MessageToString(loaded), encoding="utf-8")
            with connect(scratch, threads=1) as connection:
                disjoint = check_disjoint(connection, out, sources)
                described = describe_splits(connection, out, rows, request.types)
                found = find_anomalies(connection, out, loaded, described)
                for source in sources:
                    with reading(source, connection):
                        of_times = find_time_anomalies(connection, source, loaded)
                    for split in source.selection.splits if of_times else ():
                        found[split].setdefault(source.request.time_column, []).extend(of_times)
                _refuse(found, sources)
                of_keys = find_key_anomalies(connection, out, rows, request.types, request.key_column, disjoint)
    with atomic_directory(statistics) as directory:
        _dump(described, directory / "statistics.json")
    with atomic_directory(anomalies) as directory:
        _dump(_report(found, of_keys, sources), directory / "anomalies.json")
    return {
        **{f"rows_{split}": count for split, count in rows.items()},
        "disjoint": disjoint.conclusion,
        "sources": "\n".join(str(source.table.handle) for source in sources),
        "sql": "\n;\n".join(source.selection.sql for source in sources),
    }


def _refuse(found: Mapping[str, Mapping[str, list[Anomaly]]], sources: list[Source]) -> None:
    messages = []
    for source in sources:
        for split in source.selection.splits:
            for column, anomalies in found[split].items():
                for anomaly in anomalies:
                    if anomaly.fatal:
                        locations = describe_locations(source, column, anomaly.values) if anomaly.values else ""
                        messages.append(
                            f"{source.table.handle}: {split}: column {column!r}: {anomaly.message}{locations}"
                        )
    if messages:
        raise InputError("\n".join(messages) + "\nCorrect these rows, or change the column's domain in the schema.")


def _report(
    found: Mapping[str, Mapping[str, list[Anomaly]]], of_keys: Mapping[str, list[Anomaly]], sources: list[Source]
) -> dict[str, Any]:
    report: dict[str, Any] = {}
    for source in sources:
        used = {*source.request.columns, source.request.key_column}
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
            if of_keys[split]:
                columns[KEY] = [anomaly.as_json() for anomaly in of_keys[split]]
            report[split] = columns
    return report


def _dump(content: Any, path: Path) -> None:
    path.write_text(json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")
