"""Check the parameters of a read, before anything is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tensorflow_metadata.proto.v0 import schema_pb2

from components.errors import InputError
from components.example_gen.expressions import columns_of, parse_derived
from components.example_gen.selection import Request
from components.example_gen.windows import parse_window
from components.schema import column_types

SPLITS = ("train", "eval")


def make_request(
    schema: schema_pb2.Schema,
    *,
    key_column: str = "",
    derived_columns: Mapping[str, str] | None = None,
    time_column: str = "",
    max_rows: int = 0,
    ts1: str = "",
    ts2: str = "",
    eval_ts1: str = "",
    eval_ts2: str = "",
    splits: Sequence[str] = SPLITS,
) -> Request:
    """Check the parameters of a read.

    Args:
        schema: What the examples shall hold.
        key_column: Names a row.
        derived_columns: BigQuery expressions by column.
        time_column: What windows are windows of.
        max_rows: How many rows to take; 0 takes all.
        ts1: When the window of the train rows begins; empty leaves it open.
        ts2: When it is over.
        eval_ts1: When the window of the eval rows begins; empty leaves it open.
        eval_ts2: When it is over.
        splits: What to read: ``train``, ``eval`` or both.

    Returns:
        What is asked of the sources.

    Raises:
        InputError: A parameter is wrong, or two do not go together.
    """
    types = column_types(schema)
    if isinstance(max_rows, bool) or not isinstance(max_rows, int) or max_rows < 0:
        raise InputError(f"max_rows={max_rows!r}: must be a whole number of at least 0 (0 takes all rows)")
    unknown = [split for split in splits if split not in SPLITS]
    if unknown or not splits:
        raise InputError(f"splits={list(splits)!r}: must be one or both of {', '.join(SPLITS)}")
    derived = parse_derived(dict(derived_columns or {}))
    for name, expression in derived.items():
        if name not in types:
            raise InputError(f"derived_columns[{name!r}]: the schema has no such column; it has {', '.join(types)}")
        circle = columns_of(expression) & set(derived)
        if circle:
            raise InputError(f"derived_columns[{name!r}]: reads {sorted(circle)[0]!r}, which is itself derived")
    if key_column in derived:
        raise InputError(f"key_column={key_column}: the key must be read, and this column is derived")
    windows = {
        "train": parse_window(ts1, ts2, ("ts1", "ts2")),
        "eval": parse_window(eval_ts1, eval_ts2, ("eval_ts1", "eval_ts2")),
    }
    if not time_column and not all(window.open for window in windows.values()):
        raise InputError("time_column is empty, and a window is given; name the column that the window is of")
    if time_column in derived:
        raise InputError(f"time_column={time_column}: the time must be read, and this column is derived")
    asked = {split: windows[split] for split in SPLITS if split in splits}
    return Request(types, key_column, derived, time_column, max_rows, asked)
