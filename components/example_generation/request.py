"""The parameters of a read, and what can be wrong with them before anything is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from components.example_generation.query.expressions import columns_of, parse_derived
from components.example_generation.query.selection import RowRequest
from components.example_generation.query.windows import parse_window
from components.lib.beam.options import BeamOptions
from components.lib.schema import column_types
from pipeline_tools.errors import InputError

SPLITS = ("train", "eval")
READ_MODES = ("local", "cloud")


@dataclass(frozen=True, kw_only=True)
class ReadParameters:
    """What to read, and how.

    Attributes:
        input_handle_train: Where the train rows are; see `handles.KINDS`.
        input_handle_eval: Where the eval rows are. If it means the same as ``input_handle_train``, rows are split by a
            hash of their key, two thirds to train; else each source is taken whole.
        schema: Path or dotted name of the schema.
        key_column: Names a row. If it is empty, a row of files is known by its content, and by its number among the
            rows of the same content; a BigQuery table needs a key.
        group_column: Rows with the same value here stay in one split; empty splits by the key. It says how one source
            is split, so that both handles must mean the same.
        derived_columns: BigQuery expressions of the columns that are computed; a column of that name in the source is
            not read.
        time_column: What windows are windows of.
        max_rows: How many rows to take of each source, before they are split; 0 takes all. The sample is the rows
            whose key has the smallest hash: the same every time, and part of every larger sample. Of rows that share a
            key, their values say which come first.
        ts1: When the window of the train rows begins (ISO 8601, UTC); empty leaves it open.
        ts2: When it is over; this moment itself is not in it.
        eval_ts1: When the window of the eval rows begins.
        eval_ts2: When it is over.
        splits: What to read: ``train``, ``eval`` or both.
        project: The Google Cloud project that pays for BigQuery's queries.
        location: Where BigQuery runs them; empty leaves it to the table.
        read_mode: Who reads the result of BigQuery's query by its Storage API: ``local``, this process, or ``cloud``, a
            Beam pipeline, which reads nothing else.
        workers: Where that pipeline runs; None runs it in this process.
    """

    input_handle_train: str
    input_handle_eval: str
    schema: str
    key_column: str = ""
    group_column: str = ""
    derived_columns: Mapping[str, str] = field(default_factory=dict)
    time_column: str = ""
    max_rows: int = 0
    ts1: str = ""
    ts2: str = ""
    eval_ts1: str = ""
    eval_ts2: str = ""
    splits: Sequence[str] = SPLITS
    project: str = ""
    location: str = ""
    read_mode: str = "local"
    workers: BeamOptions | None = None

    @classmethod
    def from_mapping(cls, inputs: Mapping[str, Any]) -> ReadParameters:
        """Make the parameters of a read from the inputs of a step; those of other names are left out."""
        return cls(**{name: value for name, value in inputs.items() if name in cls.__dataclass_fields__})

    @property
    def by_beam(self) -> BeamOptions | None:
        """Where the Beam pipeline runs that reads a query's result; None in ``read_mode`` ``local``."""
        return (self.workers or BeamOptions()) if self.read_mode == "cloud" else None


def make_request(parameters: ReadParameters, schema: schema_pb2.Schema) -> RowRequest:
    """Check the parameters of a read.

    Args:
        parameters: As they were given.
        schema: The loaded schema: what the examples must hold.

    Returns:
        What is asked of the sources.

    Raises:
        InputError: A parameter is wrong, or two do not go together.
    """
    types = column_types(schema)
    key, time, rows = parameters.key_column, parameters.time_column, parameters.max_rows
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 0:
        raise InputError(f"max_rows={rows!r}: must be a whole number of at least 0 (0 takes all rows)")
    if not parameters.splits or not set(parameters.splits) <= set(SPLITS):
        raise InputError(f"splits={list(parameters.splits)!r}: must be one or both of {', '.join(SPLITS)}")
    if parameters.read_mode not in READ_MODES:
        raise InputError(f"read_mode={parameters.read_mode!r}: must be one of {', '.join(READ_MODES)}")
    if parameters.workers:
        parameters.workers.check()
    derived = parse_derived(parameters.derived_columns)
    for name, expression in derived.items():
        if name not in types:
            raise InputError(f"derived_columns[{name!r}]: the schema has no such column; it has {', '.join(types)}")
        circle = columns_of(expression) & set(derived)
        if circle:
            raise InputError(f"derived_columns[{name!r}]: reads {min(circle)!r}, which is itself derived")
    for parameter, name in (("key_column", key), ("group_column", parameters.group_column), ("time_column", time)):
        if name in derived:
            raise InputError(f"{parameter}={name}: must be a column that is read, and this one is derived")
    if time in types and types[time] != "INT":
        raise InputError(f"time_column={time}: the schema says {types[time]}; a time is INT, seconds since 1970 in UTC")
    windows = {
        "train": parse_window(parameters.ts1, parameters.ts2, ("ts1", "ts2")),
        "eval": parse_window(parameters.eval_ts1, parameters.eval_ts2, ("eval_ts1", "eval_ts2")),
    }
    if not time and not all(window.open for window in windows.values()):
        raise InputError("time_column is empty, and a window is given; name the column that the window is of")
    _check_names([*types, key, time, parameters.group_column])
    asked = {split: windows[split] for split in SPLITS if split in parameters.splits}
    return RowRequest(types, key, derived, time, rows, asked, parameters.group_column)


def _check_names(names: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for name in filter(None, names):
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise InputError(f"columns {other!r} and {name!r} differ in case only, which SQL does not tell; rename one")
