"""From handles to tables: which source gives which split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import duckdb
from sqlglot import exp

from components.example_generation.query.selection import RowRequest, Selection, select
from components.example_generation.sources.files import open_files
from components.example_generation.sources.gcs import fetch
from components.example_generation.sources.handles import Handle, file_identity, list_files, parse_handle
from components.lib.beam.options import BeamOptions
from pipeline_tools.errors import InputError


class Table(Protocol):
    """Where rows are: files, or a BigQuery table."""

    @property
    def handle(self) -> Handle:
        """What named it."""

    @property
    def columns(self) -> list[str]:
        """All of its columns."""

    @property
    def kinds(self) -> Mapping[str, str]:
        """The kinds of the columns that are read."""

    @property
    def table(self) -> exp.Table:
        """What stands for it in a query."""

    def query(self, connection: duckdb.DuckDBPyConnection, selection: Selection) -> tuple[str, dict[str, Any]]:
        """Give DuckDB's SQL and parameters that yield a selection's rows."""

    def estimate(self, selection: Selection) -> int | None:
        """Say how many bytes a selection would be billed for; None if none are."""

    def check(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Raise an InputError if not all rows could be read, or not of one state."""

    def has_numbers(self, column: str) -> bool:
        """Say whether all values of a column that is read are numbers."""

    def check_values(self) -> None:
        """Raise an InputError that names the values that cannot be read, if there are any."""


@dataclass(frozen=True)
class Source:
    """A table and what is asked of it.

    Attributes:
        table: Where the rows are.
        request: For this table: its key, and the splits it gives.
        fold: Whether the key's hash says a row's split.
        selection: The query.
        by_beam: Where the Beam pipeline runs that reads its result; None if there is none.
    """

    table: Table
    request: RowRequest
    fold: bool
    selection: Selection
    by_beam: BeamOptions | None = None


def parse_handles(
    input_handle_train: str, input_handle_eval: str, request: RowRequest, read_mode: str = "local"
) -> dict[str, Handle]:
    """Parse the handles of the splits that are asked.

    Args:
        input_handle_train: Where train rows are.
        input_handle_eval: Where eval rows are.
        request: Says which splits are asked. The other handle may be empty; it still tells whether the splits share
            a source.
        read_mode: Of `ReadParameters`.

    Returns:
        Handles by split.

    Raises:
        InputError: A handle is of no known kind, or empty, or of one that the mode cannot read.
    """
    given = {"train": input_handle_train, "eval": input_handle_eval}
    for split in request.windows:
        if not given[split].strip():
            raise InputError(f"input_handle_{split} is empty; name a source, or leave {split!r} out of splits")
    handles = {split: parse_handle(text, f"input_handle_{split}") for split, text in given.items() if text.strip()}
    for handle in handles.values():
        if read_mode == "cloud" and handle.kind != "bigquery":
            raise InputError(
                f"{handle}: read_mode=cloud reads BigQuery tables only, and this names files; give "
                "bq://project.dataset.table, or read_mode=local"
            )
    return handles


@dataclass(frozen=True)
class SourceAccess:
    """How sources in a cloud are reached.

    Attributes:
        scratch: Where copies of remote files may lie while they are read.
        project: The Google Cloud project that pays for BigQuery's queries.
        location: Where BigQuery runs them; empty leaves it to the table.
        by_beam: Where the Beam pipeline runs that reads their results; None if there is none.
    """

    scratch: Path
    project: str = ""
    location: str = ""
    by_beam: BeamOptions | None = None


def open_sources(handles: Mapping[str, Handle], request: RowRequest, access: SourceAccess) -> list[Source]:
    """Look at each source's columns, and write its query.

    Args:
        handles: By split.
        request: What is asked.
        access: How sources in a cloud are reached.

    Returns:
        One source for both splits, if both handles mean the same; else one a split.

    Raises:
        InputError: A source is not there, cannot be read, lacks a column or has one of a type that does not fit; or
            the two handles share some of their files.
    """
    if set(handles) == {"train", "eval"} and _same(handles["train"], handles["eval"]):
        return [_open(handles[next(iter(request.windows))], request, access, fold=True)]
    if request.group_column:
        raise InputError(
            f"group_column={request.group_column}: says how one source is split, and "
            f"{' and '.join(map(str, handles.values()))} are not the same; give one handle twice, or leave it empty"
        )
    return [
        _open(handles[split], replace(request, windows={split: window}), access, fold=False)
        for split, window in request.windows.items()
    ]


def _open(handle: Handle, request: RowRequest, access: SourceAccess, *, fold: bool) -> Source:
    table: Table
    if handle.kind == "bigquery":
        from components.example_generation.sources.bigquery import open_table

        table = open_table(
            handle, request.columns, request.key_column, project=access.project, location=access.location
        )
    else:
        files = fetch(handle, access.scratch) if handle.remote else list_files(handle)
        table = open_files(handle, files, request.columns, request.key_column, access.scratch)
    try:
        selection = select(request, table.table, table.kinds, fold=fold)
    except InputError as error:
        raise InputError(f"{handle}: {error}") from None
    return Source(table, request, fold, selection, by_beam=access.by_beam)


def _same(train: Handle, eval_: Handle) -> bool:
    if train.kind == "bigquery" or eval_.kind == "bigquery" or train.remote or eval_.remote:
        return train.location == eval_.location
    files = [{file_identity(path): path for path in list_files(handle)} for handle in (train, eval_)]
    shared = files[0].keys() & files[1].keys()
    if shared and files[0].keys() != files[1].keys():
        named = min(files[0][identity] for identity in shared)
        raise InputError(
            f"{train} and {eval_} share {len(shared)} files, {named} among them: its rows would be in both splits. "
            "Give the same handle twice (rows are split by a hash of their key), or two without a common file"
        )
    return files[0].keys() == files[1].keys()
