"""Slices of the eval examples: what they are called, and which examples are in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

Array = np.ndarray[Any, Any]
SliceKey = tuple[tuple[str, Any], ...]
"""As TFMA gives it: pairs of column and value, or two such keys, where slices are set against each other."""


def slice_name(key: SliceKey) -> str:
    """Name a slice for a person.

    Args:
        key: As TFMA gives it.

    Returns:
        For example ``trip_start_day = 3, trip_start_month = 1``.
    """
    if not is_plain(key):
        return " against ".join(slice_name(part) for part in key)  # type: ignore[arg-type]
    return ", ".join(f"{column} = {value if value != '' else '(empty)'}" for column, value in key) or "all examples"


def slice_columns(key: SliceKey) -> str:
    """Name what a slice is made from, which slices of one spec have in common.

    Args:
        key: As TFMA gives it.

    Returns:
        For example ``trip_start_day x trip_start_month``.
    """
    if not is_plain(key):
        return " against ".join(slice_columns(part) for part in key)  # type: ignore[arg-type]
    return " x ".join(column for column, _ in key)


def is_plain(key: SliceKey) -> bool:
    """Tell a slice from a cross slice, which is a pair of slices."""
    return all(len(part) == 2 and isinstance(part[0], str) for part in key)


def group_rows(table: pa.Table, columns: Sequence[str], keys: Sequence[SliceKey]) -> dict[SliceKey, Array]:
    """Find the rows of each slice, sorting once for each set of columns.

    Args:
        table: A row an example, with the columns that slices are made from.
        columns: Their names.
        keys: The slices.

    Returns:
        Row numbers by slice; a slice of other columns is left out.
    """
    ids: dict[str, Array] = {}
    numbers: dict[str, dict[str, int]] = {}
    for name in columns:
        encoded = table.column(name).combine_chunks().dictionary_encode()
        ids[name] = encoded.indices.to_numpy()
        numbers[name] = {str(value): number for number, value in enumerate(encoded.dictionary.to_pylist())}
    by_columns: dict[tuple[str, ...], list[SliceKey]] = {}
    for key in keys:
        by_columns.setdefault(tuple(column for column, _ in key), []).append(key)
    groups: dict[SliceKey, Array] = {}
    for names, members in by_columns.items():
        if not set(names) <= set(columns):
            continue
        code = np.zeros(table.num_rows, np.int64)
        for name in names:
            code = code * (len(numbers[name]) + 1) + ids[name]
        order = np.argsort(code, kind="stable")
        ordered = code[order]
        for key in members:
            wanted = 0
            for name, value in key:
                wanted = wanted * (len(numbers[name]) + 1) + numbers[name].get(str(value), len(numbers[name]))
            start, end = np.searchsorted(ordered, [wanted, wanted + 1])
            groups[key] = order[start:end]
    return groups
