"""One query, two engines: BigQuery's emulator and DuckDB read the same rows from the same table."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("google.cloud.bigquery", reason="needs taxi-pipeline[local]")

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery as bq
from google.cloud import bigquery_storage
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

from components.errors import InputError
from components.example_gen import bigquery
from components.example_gen.plan import plan_read
from components.example_gen.request import ReadParameters

from .conftest import DERIVED, HEADER
from .emulators import BIGQUERY, free_port, make_environment, running

PROJECT = "test-project"
TYPES = ["STRING", "TIMESTAMP", "INT64", "FLOAT64", "STRING", "STRING"]
COLUMNS = {
    "hour_in_chicago": "EXTRACT(HOUR FROM measured_at AT TIME ZONE 'America/Chicago')",
    "month": "EXTRACT(MONTH FROM measured_at)",
    # No halves here, and no fractions of seconds: the emulator rounds them in its own way, where BigQuery's manual says
    # another. test_dialect.py compares DuckDB with the manual.
    "third": "CAST(leaves / 3 AS INT64)",
    **DERIVED,
}


class ResultsInTables(bq.Client):
    """BigQuery keeps a query's result in a table, which its Storage API reads. The emulator does not; this does."""

    def query(self, query: str, job_config: bq.QueryJobConfig | None = None, **others: Any) -> Any:
        if not query.startswith("WITH") or (job_config is not None and job_config.dry_run):
            return super().query(query, job_config=job_config, **others)
        super().query(f"CREATE OR REPLACE TABLE garden.result AS {query}", job_config=job_config, **others).result()
        return SimpleNamespace(
            result=lambda: None, destination=bq.TableReference.from_string(f"{PROJECT}.garden.result")
        )


@pytest.fixture(scope="session")
def emulator(request, tmp_path_factory) -> Iterator[tuple[bq.Client, Any]]:
    """A client of the emulated BigQuery, and one of its Storage API, by gRPC."""
    folder = make_environment(request.config.cache.mkdir("emulators") / "bigquery", BIGQUERY)
    home = tmp_path_factory.mktemp("home")
    install = "import duckdb_extensions as d; d.import_extension('icu'); d.import_extension('spatial')"
    subprocess.run([folder / "bin/python", "-c", install], check=True, env={"HOME": str(home)})
    rest, storage = free_port(), free_port()
    command = [str(folder / "bin/bqemulator"), "start", "--rest-port", str(rest), "--grpc-port", str(storage)]
    with running(command, rest, home / "log", HOME=str(home)):
        client = ResultsInTables(
            PROJECT, AnonymousCredentials(), client_options={"api_endpoint": f"http://127.0.0.1:{rest}"}
        )
        client.create_dataset("garden")
        channel = grpc.insecure_channel(f"127.0.0.1:{storage}")
        transport = BigQueryReadGrpcTransport(channel=channel)
        yield client, bigquery_storage.BigQueryReadClient(transport=transport)
        channel.close()


@pytest.fixture(scope="session")
def garden(emulator, tmp_path_factory) -> Path:
    """The same 3,000 rows in the emulator, as garden.plants, and in a Parquet file."""
    client, _ = emulator
    chance = random.Random(7)
    begin = datetime(2015, 12, 30, tzinfo=timezone.utc)
    rows = [
        [
            chance.choice(["plant ", "Pflänzchen ", "植物"]) + str(number),
            begin + timedelta(seconds=chance.randrange(3 * 366 * 86400)),
            chance.choice([None, *range(40)]),
            chance.choice([None, 0.1, 3.3, 9.9]),
            chance.choice(["green", "red"]),
            chance.choice([None, "", 'it\'s "so"']),
        ]
        for number in range(3000)
    ]
    arrow = [pa.string(), pa.timestamp("us", "UTC"), pa.int64(), pa.float64(), pa.string(), pa.string()]
    schema = pa.schema(list(zip(HEADER, arrow, strict=True)))
    path = tmp_path_factory.mktemp("garden") / "plants.parquet"
    pq.write_table(pa.Table.from_pylist([dict(zip(HEADER, row, strict=True)) for row in rows], schema), path)
    client.create_table(
        bq.Table(f"{PROJECT}.garden.plants", [bq.SchemaField(*field) for field in zip(HEADER, TYPES, strict=True)])
    )
    with path.open("rb") as file:
        config = bq.LoadJobConfig(source_format="PARQUET")
        client.load_table_from_file(file, f"{PROJECT}.garden.plants", job_config=config).result()
    assert client.get_table(f"{PROJECT}.garden.plants").num_rows == 3000
    return path


@pytest.fixture
def connected(emulator, monkeypatch):
    """Reading finds the emulator where it would find BigQuery."""
    monkeypatch.setattr(bigquery, "connect", lambda project, location: emulator)


@pytest.fixture
def wide(schema):
    schema.write_text(
        schema.read_text()
        + "".join(f'feature {{ name: "{name}" type: INT }}\n' for name in COLUMNS if name != "weekday")
    )


@pytest.mark.e2e
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"max_rows": 500},
        {"ts1": "2016-02-29", "ts2": "2017-06-01T00:00:00-05:00", "eval_ts1": "2017-01-01", "eval_ts2": "2017-06-01"},
        {"max_rows": 200, "ts1": "2016-01-01", "splits": ["train"]},
    ],
    ids=["all", "sample", "windows", "sample of one split"],
)
def test_both_engines_read_the_same_examples(parameters, garden, connected, wide, read, tmp_path):
    given = {"derived_columns": COLUMNS, **parameters}
    here = read(garden, out="here", **given)
    there = read(f"bq://{PROJECT}.garden.plants", out="there", project=PROJECT, **given)
    assert {name: here[name] for name in here if name.startswith("rows")} == {
        name: there[name] for name in there if name.startswith("rows")
    }
    files = [path.relative_to(tmp_path / "here") for path in sorted((tmp_path / "here").rglob("*.*"))]
    assert len(files) >= 4
    for file in files:
        assert (tmp_path / "here" / file).read_bytes() == (tmp_path / "there" / file).read_bytes(), file


@pytest.mark.e2e
def test_two_tables_are_taken_whole(garden, connected, emulator, read, rows):
    client, _ = emulator
    for name, condition in (("early", "<"), ("late", ">=")):
        client.query(
            f"CREATE OR REPLACE TABLE garden.{name} AS "
            f"SELECT * FROM garden.plants WHERE measured_at {condition} TIMESTAMP '2017-01-01'"
        ).result()
    recorded = read(f"{PROJECT}.garden.early", f"{PROJECT}.garden.late", project=PROJECT)
    assert recorded["rows_train"] + recorded["rows_eval"] == 3000
    assert recorded["disjoint"].startswith("keys")


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"input_handle_train": f"bq://{PROJECT}.garden.nothing"}, "garden.nothing: there is no such table"),
        ({"key_column": "nothing"}, "lacks column 'nothing'; it has 'plant', 'measured_at'"),
        ({"key_column": ""}, "key_column is empty"),
        ({"ts1": "2031-01-01"}, "measured_at goes from 2015-12-30"),
    ],
)
def test_what_a_table_cannot_give(parameters, told, garden, connected, schema, read):
    table = f"bq://{PROJECT}.garden.plants"
    train = parameters.pop("input_handle_train", table)
    with pytest.raises(InputError) as caught:
        read(train, train, project=PROJECT, **parameters)
    assert told in str(caught.value)


@pytest.mark.e2e
def test_a_plan_asks_for_the_bytes_and_runs_nothing(garden, connected, emulator, schema):
    client, _ = emulator
    handle = f"bq://{PROJECT}.garden.plants"
    before = len(list(client.list_jobs()))
    parameters = ReadParameters(
        input_handle_train=handle,
        input_handle_eval=handle,
        schema=str(schema),
        key_column="plant",
        derived_columns=DERIVED,
        time_column="measured_at",
        project=PROJECT,
    )
    planned = plan_read(parameters)
    assert planned.queries[0].bytes is not None
    assert "-- would scan" in str(planned)
    jobs = list(client.list_jobs())
    assert all(job.dry_run for job in jobs[: len(jobs) - before])


def test_a_project_must_be_named(read):
    with pytest.raises(InputError, match="project is empty"):
        read(f"bq://{PROJECT}.garden.plants")


def test_credentials_must_be_there(read, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    with pytest.raises(InputError, match="no Google Cloud credentials here: run `gcloud auth"):
        read(f"bq://{PROJECT}.garden.plants", project=PROJECT)
    broken = tmp_path / "key.json"
    broken.write_text(json.dumps({"type": "nothing"}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(broken))
    with pytest.raises(InputError, match=r"no Google Cloud credentials here.*key\.json"):
        read(f"bq://{PROJECT}.garden.plants", project=PROJECT)
