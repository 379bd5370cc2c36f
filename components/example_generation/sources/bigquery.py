"""BigQuery as a source: it runs the query itself, and the result comes by its Storage API as Arrow batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from components.example_generation.query.selection import Selection
from components.example_generation.sources.handles import Handle
from pipeline_tools.errors import InputError
from pipeline_tools.extras import require

_KINDS = {
    "BIGNUMERIC": "FLOAT",
    "BOOL": "BOOL",
    "BOOLEAN": "BOOL",
    "DATE": "DATE",
    "DATETIME": "DATE",
    "FLOAT": "FLOAT",
    "FLOAT64": "FLOAT",
    "INT64": "INT",
    "INTEGER": "INT",
    "NUMERIC": "FLOAT",
    "STRING": "BYTES",
    "TIMESTAMP": "TIMESTAMP",
}
_LABELS = {"component": "example_gen"}
_CREDENTIALS = (
    "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to the file of a service "
    "account's key; in a cluster, give the step's service account access"
)


@dataclass(frozen=True)
class BigQueryTable:
    """A table, and the clients that query it.

    Attributes:
        handle: What named it.
        columns: All of its columns.
        kinds: As `selection.select` takes them, by column.
        client: ``google.cloud.bigquery.Client``.
        storage: ``google.cloud.bigquery_storage.BigQueryReadClient``.
    """

    handle: Handle
    columns: list[str]
    kinds: dict[str, str]
    client: Any
    storage: Any

    @property
    def table(self) -> exp.Table:
        """The table in a query; the handle's pattern has let no other character in than names have."""
        project, dataset, name = self.handle.location.rsplit(".", 2)
        return exp.table_(name, db=dataset, catalog=project, quoted=True)

    def query(self, connection: duckdb.DuckDBPyConnection, selection: Selection) -> tuple[str, dict[str, Any]]:
        """Let BigQuery run a selection, and stream its result.

        Args:
            connection: Where the result is wanted.
            selection: Of `table`.

        Returns:
            DuckDB's SQL for the result, and no parameters.
        """
        name = f"rows_of_{self.handle.parameter}"
        with clear_errors(self.handle):
            connection.register(name, self._read(self.run(selection)))
        return f"SELECT * FROM {name}", {}

    def run(self, selection: Selection) -> Any:
        """Let BigQuery run a selection.

        Args:
            selection: Of `table`.

        Returns:
            ``google.cloud.bigquery.TableReference`` of the table in which BigQuery keeps the result, for about a day.
        """
        with clear_errors(self.handle):
            job = self._start(selection, dry_run=False)
            job.result()
        return job.destination

    def _read(self, table: Any) -> pa.RecordBatchReader:
        """Stream a table by the Storage API."""
        from google.cloud.bigquery_storage import DataFormat, ReadSession

        session = self.storage.create_read_session(
            parent=f"projects/{self.client.project}",
            read_session=ReadSession(table=table.to_bqstorage(), data_format=DataFormat.ARROW),
            max_stream_count=1,
        )
        schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))

        def batches() -> Iterator[pa.RecordBatch]:
            for stream in session.streams:
                for response in self.storage.read_rows(stream.name):
                    yield pa.ipc.read_record_batch(
                        pa.py_buffer(response.arrow_record_batch.serialized_record_batch), schema
                    )

        return pa.RecordBatchReader.from_batches(schema, batches())

    def estimate(self, selection: Selection) -> int:
        """Ask BigQuery what a selection would read; nothing is run or billed.

        Args:
            selection: Of `table`.

        Returns:
            Bytes.
        """
        with clear_errors(self.handle):
            return int(self._start(selection, dry_run=True).total_bytes_processed)

    def check(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Do nothing: a query reads one state of a table, whole or not at all.

        Args:
            connection: Any.
        """

    def has_numbers(self, column: str) -> bool:
        """Say whether all values of a column are numbers.

        Args:
            column: Its name.
        """
        return self.kinds[column] in {"INT", "FLOAT"}

    def check_values(self) -> None:
        """Do nothing: BigQuery itself says which value a query failed at."""

    def _start(self, selection: Selection, *, dry_run: bool) -> Any:
        from google.cloud import bigquery

        parameters = [
            bigquery.ScalarQueryParameter(name, "TIMESTAMP" if isinstance(value, datetime) else "INT64", value)
            for name, value in selection.parameters.items()
        ]
        config = bigquery.QueryJobConfig(
            query_parameters=parameters, labels=_LABELS, dry_run=dry_run, use_query_cache=not dry_run
        )
        return self.client.query(selection.sql, job_config=config)


def open_table(
    handle: Handle, columns: Mapping[str, str | None], key_column: str, *, project: str, location: str
) -> BigQueryTable:
    """Look at a table's columns and types; reads no row.

    Args:
        handle: Of kind ``bigquery``.
        columns: The columns that are needed.
        key_column: Names a row.
        project: Pays for queries.
        location: Where queries run; empty takes the table's.

    Returns:
        The table.

    Raises:
        InputError: Project or credentials are missing, there is no such table, or it lacks a column.
    """
    client, storage = connect(project, location)
    from google.cloud.bigquery import DatasetReference

    owner, dataset, name = handle.location.rsplit(".", 2)
    with clear_errors(handle):
        table = client.get_table(DatasetReference(owner, dataset).table(name))
    kinds = {
        field.name: "OTHER" if field.mode == "REPEATED" else _KINDS.get(field.field_type, "OTHER")
        for field in table.schema
    }
    if not key_column:
        raise InputError(f"{handle}: key_column is empty; name the column that tells a table's rows apart")
    missing = [name for name in dict.fromkeys([key_column, *columns]) if name not in kinds]
    if missing:
        raise InputError(
            f"{handle}: the table lacks column{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))}; "
            f"it has {', '.join(map(repr, kinds))}"
        )
    return BigQueryTable(handle, list(kinds), kinds, client, storage)


def connect(project: str, location: str) -> tuple[Any, Any]:
    """Make the clients.

    Args:
        project: Pays for queries.
        location: Where queries run; empty takes the table's.

    Returns:
        A client of BigQuery, and one of its Storage API.

    Raises:
        InputError: Project or credentials are missing.
        MissingExtraError: The client libraries are not installed.
    """
    check_access(project)
    require("google.cloud.bigquery_storage")
    from google.cloud import bigquery, bigquery_storage

    return bigquery.Client(project=project, location=location or None), bigquery_storage.BigQueryReadClient()


def check_access(project: str) -> None:
    """Make sure that a project is named and credentials are there; asks no service.

    Args:
        project: Pays for queries.

    Raises:
        InputError: One is missing.
        MissingExtraError: The client libraries are not installed.
    """
    require("google.cloud.bigquery")
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    if not project:
        raise InputError(
            "project is empty, and a handle names a BigQuery table; give the project that pays for the query"
        )
    try:
        google.auth.default()
    except DefaultCredentialsError as error:
        raise InputError(f"there are no Google Cloud credentials here: {_CREDENTIALS} ({error})") from None


@contextmanager
def clear_errors(handle: Handle) -> Iterator[None]:
    """Turn errors of BigQuery that a person can fix into errors that say how.

    Args:
        handle: What is read.

    Yields:
        Nothing.

    Raises:
        InputError: In place of such an error.
    """
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except exceptions.NotFound as error:
        raise InputError(f"{handle}: there is no such table ({error.message})") from None
    except exceptions.Forbidden as error:
        raise InputError(
            f"{handle}: access denied ({error.message}). Reading needs the role BigQuery Data Viewer on the table, "
            "BigQuery Job User on the project that pays, and BigQuery Read Session User there"
        ) from None
    except exceptions.BadRequest as error:
        raise InputError(f"{handle}: BigQuery refuses the query: {error.message}") from None
    except GoogleAuthError as error:
        raise InputError(f"{handle}: the credentials do not work ({error}); {_CREDENTIALS}") from None
