"""One query, two engines: BigQuery's emulator and DuckDB read the same rows from the same table; so does Beam."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("google.cloud.bigquery", reason="needs taxi-pipeline[local]")

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery as bq
from google.cloud import bigquery_storage
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport
from kfp import dsl

from components import plan_windows as plan_windows_step
from components.example_generation.plan import plan_read
from components.example_generation.query.expressions import parse_derived
from components.example_generation.request import ReadParameters
from components.example_generation.sources import bigquery
from components.window_planning.plan import plan_windows
from pipeline_tools.errors import InputError
from pipeline_tools.local.dry_run import dry_run
from tests.google.fixtures import Google

from ..conftest import DERIVED, HEADER
from ..emulators import BIGQUERY, free_port, make_environment, running
from ..query.test_expressions import ALL, ERRORS

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


# What the emulator computes otherwise than BigQuery's manual says, as DuckDB does of itself; there the manual counts.
OTHERWISE = re.compile(
    r"2147483647 \+ 1|SAFE_DIVIDE\(1e308|MOD\(-9223372036854775808, -1|LEAST\(3, CAST\('nan'|IF\(CAST\('nan'"
    r"|CAST\('nan' AS FLOAT64\) (=|<>|>=|IN)|CASE CAST\('nan'|NULLIF\(CAST\('nan'|CAST\(-?[02]\.5 AS INT64|-0x123"
    r"|CAST\((1\.0|1e15|-0\.0) AS STRING|'1\.5' AS INT64|1_0|'yes' AS BOOL|\+5:30|WEEK FROM DATE '2017|MICROSECOND"
    r"|MILLISECOND|EXTRACT\(YEAR FROM NULL|00:00:01\.8|ΟΔΟΣ|TRIM\('\\t|MOD\(25, 0|DIV\(20, 0|1e308 (\*|\+|-|/)"
    r"|POW\(10, 400|POW\(-1, 0\.5|POW\(0, -1|1e309|'2016-01-15 22:15'"
)


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
def ports(tmp_path_factory) -> Iterator[tuple[int, int]]:
    """Where the emulated BigQuery listens, and its Storage API."""
    folder = make_environment(BIGQUERY)
    home = tmp_path_factory.mktemp("home")
    install = "import duckdb_extensions as d; d.import_extension('icu'); d.import_extension('spatial')"
    subprocess.run([folder / "bin/python", "-c", install], check=True, env={"HOME": str(home)})
    rest, storage = free_port(), free_port()
    command = [str(folder / "bin/bqemulator"), "start", "--rest-port", str(rest), "--grpc-port", str(storage)]
    with running(command, rest, home / "log", HOME=str(home)):
        yield rest, storage


@pytest.fixture(scope="session")
def emulator(ports) -> Iterator[tuple[bq.Client, Any]]:
    """A client of the emulated BigQuery, and one of its Storage API, by gRPC."""
    rest, storage = ports
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


@pytest.fixture(scope="session")
def proxied(ports, google_folder) -> Google:
    """Google's services, of which BigQuery is the emulator."""
    rest, storage = ports
    google = Google(google_folder, "bigquery")
    google.route("bigquery.googleapis.com", http=rest)
    google.route("bigquerystorage.googleapis.com", grpc=storage)
    return google


READ = """
import json, sys
from components.lib.beam.options import BeamOptions
from components.example_generation.read import read_examples
from components.example_generation.request import ReadParameters
from components.window_planning.plan import plan_windows
from pipeline_tools.local.dry_run import dry_run
given, outputs = map(json.loads, sys.argv[1:])
if "workers" in given:
    given["workers"] = BeamOptions(**given["workers"])
print(json.dumps(read_examples(ReadParameters(**given), **outputs)))
"""


@pytest.fixture
def read_by_beam(proxied, schema, tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run example_gen with read_mode=cloud on a table, in a process of its own; outputs lie in tmp_path / "there"."""

    def run(table: str, **parameters: Any) -> subprocess.CompletedProcess[str]:
        given = {
            "input_handle_train": table,
            "input_handle_eval": table,
            "schema": str(schema),
            "key_column": "plant",
            "derived_columns": DERIVED,
            "time_column": "measured_at",
            "project": PROJECT,
            "read_mode": "cloud",
            **parameters,
        }
        outputs = {name: str(tmp_path / "there" / name) for name in ("examples", "statistics", "anomalies")}
        command = [sys.executable, "-c", READ, json.dumps(given), json.dumps(outputs)]
        return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **proxied.env}, timeout=300)

    return run


def assert_same(here: dict[str, Any], there: dict[str, Any], root: Path) -> None:
    """The same was recorded and written, byte by byte, as here and as there."""
    assert {name: here[name] for name in here if name.startswith("rows")} == {
        name: there[name] for name in there if name.startswith("rows")
    }
    files = [path.relative_to(root / "here") for path in sorted((root / "here").rglob("*.*"))]
    assert len(files) >= 4
    for file in files:
        assert (root / "here" / file).read_bytes() == (root / "there" / file).read_bytes(), file


def sent(expression: str) -> str:
    return parse_derived({"x": expression})["x"].sql(dialect="bigquery")


@pytest.mark.full
def test_the_emulator_computes_what_the_manual_says(emulator):
    client, _ = emulator
    compared = [(expression, value) for expression, value in ALL if not OTHERWISE.search(expression)]
    assert len(compared) > 180
    for expression, value in compared:
        [(found,)] = [tuple(row) for row in client.query(f"SELECT {sent(expression)} AS x").result()]
        assert found == value or (found != found and value != value), expression
    for expression, _ in ERRORS:
        if not OTHERWISE.search(expression):
            with pytest.raises(GoogleAPICallError):
                client.query(f"SELECT {sent(expression)} AS x").result()


in_all_ways = pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"max_rows": 500},
        {"ts1": "2016-02-29", "ts2": "2017-06-01T00:00:00-05:00", "eval_ts1": "2017-01-01", "eval_ts2": "2017-06-01"},
        {"max_rows": 200, "ts1": "2016-01-01", "splits": ["train"]},
    ],
    ids=["all", "sample", "windows", "sample of one split"],
)


@pytest.mark.full
@in_all_ways
def test_both_engines_read_the_same_examples(parameters, garden, connected, wide, read, tmp_path):
    given = {"derived_columns": COLUMNS, **parameters}
    here = read(garden, out="here", **given)
    there = read(f"bq://{PROJECT}.garden.plants", out="there", project=PROJECT, **given)
    assert_same(here, there, tmp_path)


@pytest.mark.full
@pytest.mark.parametrize(
    "parameters",
    [{"group_column": "plant"}, {"key_column": "colour", "max_rows": 1000, "splits": ["train"]}],
    ids=["groups", "sample of repeated keys"],
)
def test_both_engines_group_and_sample_alike(parameters, garden, connected, wide, read, tmp_path):
    given = {"derived_columns": COLUMNS, **parameters}
    here = read(garden, out="here", **given)
    there = read(f"bq://{PROJECT}.garden.plants", out="there", project=PROJECT, **given)
    assert_same(here, there, tmp_path)
    assert here["rows_train"] > 900


@pytest.mark.full
@in_all_ways
def test_beam_reads_the_same_examples(parameters, garden, wide, proxied, read, read_by_beam, tmp_path):
    given = {"derived_columns": COLUMNS, **parameters}
    here = read(garden, out="here", **given)
    before = len(proxied.requests())
    done = read_by_beam(f"bq://{PROJECT}.garden.plants", **given)
    assert done.returncode == 0, done.stderr
    assert_same(here, json.loads(done.stdout), tmp_path)
    assert re.search(r"GET \S+/garden/tables/result_\S+ .*apache-beam", "\n".join(proxied.requests()[before:]))


@pytest.mark.full
def test_dataflow_reads_the_same_examples(garden, wide, proxied, read, read_by_beam, tmp_path):
    given = {"derived_columns": COLUMNS, "max_rows": 500}
    here = read(garden, out="here", **given)
    workers = {
        "mode": "cloud",
        "project": PROJECT,
        "region": proxied.region,
        "temp_location": f"{proxied.bucket.uri}/work",
        "worker_image": "registry.example/taxi-pipeline:1",
        "job_name": "reading",
    }
    done = read_by_beam(f"bq://{PROJECT}.garden.plants", workers=workers, **given)
    assert done.returncode == 0, done.stderr
    told, found = done.stdout.splitlines()
    assert told.startswith("DataflowRunner: job reading: https://console.cloud.google.com/dataflow/jobs/us-central1/")
    assert_same(here, json.loads(found), tmp_path)
    assert not [request for request in proxied.requests() if re.search(r"DELETE \S+/datasets/garden\?", request)]
    [job] = proxied.jobs()
    assert (job.body["name"], job.state) == ("reading", "JOB_STATE_DONE")
    assert not [name for name in proxied.bucket.names("work/") if name.endswith(".parquet")]


@pytest.mark.full
def test_what_beam_cannot_write_is_an_error_and_nothing_is_written(garden, emulator, read_by_beam, tmp_path):
    client, _ = emulator
    client.query(
        "CREATE OR REPLACE TABLE garden.tall AS "
        "SELECT * REPLACE(IF(plant LIKE '%42', 1e300, height) AS height) FROM garden.plants"
    ).result()
    done = read_by_beam(f"bq://{PROJECT}.garden.tall")
    assert done.returncode != 0
    assert "garden.tall: column 'height': 1e+300 is too large for a 32-bit float" in done.stderr
    assert not list((tmp_path / "there").iterdir())


@pytest.mark.full
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


@pytest.mark.full
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


@pytest.fixture
def asked(schema) -> dict[str, Any]:
    """Parameters of reads from garden.plants."""
    handle = f"bq://{PROJECT}.garden.plants"
    return {
        "input_handle_train": handle,
        "input_handle_eval": handle,
        "schema": str(schema),
        "key_column": "plant",
        "derived_columns": DERIVED,
        "time_column": "measured_at",
        "project": PROJECT,
    }


@pytest.fixture
def jobs(emulator) -> Callable[[], list[Any]]:
    """The jobs that BigQuery was given since the test began."""
    client, _ = emulator
    before = {job.job_id for job in client.list_jobs()}
    return lambda: [job for job in client.list_jobs() if job.job_id not in before]


@pytest.mark.full
def test_a_plan_asks_for_the_bytes_and_runs_nothing(garden, connected, asked, jobs):
    planned = plan_read(ReadParameters(**asked, ts1="2016-01-01"))
    check, read = planned.queries
    assert check.bytes is not None
    assert read.bytes is not None
    assert str(planned).count("-- would scan") == 2
    assert "are the windows empty?" in str(planned)
    assert "`measured_at`" in check.sql
    assert not re.search("plant`|leaves|height", check.sql.replace(".`plants`", ""))  # the time column alone
    assert jobs()
    assert all(job.dry_run for job in jobs())
    assert len(plan_read(ReadParameters(**asked)).queries) == 1  # no window, nothing to find empty
    assert len(plan_read(ReadParameters(**asked, ts1="2016-01-01", splits=["train"])).queries) == 1


@pytest.mark.full
@pytest.mark.parametrize(
    ("windows", "told"),
    [
        ({"ts1": "2031-01-01"}, "no train row is in the window [2031-01-01T00:00:00Z, after the last row)"),
        ({"eval_ts2": "2015-01-01"}, "no eval row is in the window [the first row, 2015-01-01T00:00:00Z)"),
    ],
)
@pytest.mark.parametrize("other", [False, True], ids=["one table", "two tables"])
def test_an_empty_window_is_found_before_a_row_is_read(
    other, windows, told, garden, connected, emulator, jobs, read, tmp_path
):
    table = f"{PROJECT}.garden.plants"
    if other:
        emulator[0].query("CREATE OR REPLACE VIEW garden.same AS SELECT * FROM garden.plants").result()
    with pytest.raises(InputError) as caught:
        read(table, f"{PROJECT}.garden.same" if other else table, project=PROJECT, **windows)
    assert told in str(caught.value)
    assert "measured_at goes from 2015-12-30" in str(caught.value)
    assert not any("FARM_FINGERPRINT" in job.query for job in jobs())
    assert not any((tmp_path / "out").iterdir())


RECENT, LONGER = ("2017-01-01", "2018-01-01"), ("2016-01-01", "2018-01-01")


@pytest.mark.full
def test_one_query_counts_the_rows_of_all_windows(garden, connected, asked, jobs):
    planned = plan_windows(ReadParameters(**asked), [RECENT, LONGER])
    assert planned.eval_ts1 == "2017-07-02T12:00:00+00:00"
    (query,) = planned.queries
    assert list(query.parameters) == ["ts1_1", "ts2_1", "ts1_2", "ts2_2", "ts1_3", "ts2_3"]
    assert len([job for job in jobs() if not job.dry_run]) == 1


@pytest.mark.full
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"windows": [("2031-01-01", "2032-01-01"), LONGER]},
            "no train row is in the window [2031-01-01",
        ),
        (
            {"windows": [RECENT, ("2001-01-01", "2002-01-01")]},
            "no train row is in the window [2001-01-01",
        ),
        ({"eval_ts1": "2020-01-01"}, "no eval row is in the window [2020-01-01"),
    ],
    ids=["first train window", "second train window", "eval window"],
)
def test_an_empty_window_of_a_table_stops_a_run_before_it_reads(changes, told, garden, connected, asked, jobs):
    given = dict(changes)
    windows = given.pop("windows", [RECENT, LONGER])
    with pytest.raises(InputError) as caught:
        plan_windows(ReadParameters(**asked, **given), windows)
    assert told in str(caught.value)
    assert re.search(r"measured_at goes from 2015-12-30 .* to 201[89]-\d\d-\d\d .* \(UTC\)", str(caught.value))
    assert not any("FARM_FINGERPRINT" in job.query and not job.dry_run for job in jobs())


@pytest.mark.full
def test_a_dry_run_shows_the_query_that_finds_empty_windows_and_does_not_run_it(garden, connected, asked, jobs):
    @dsl.pipeline
    def planning():
        windows = dict(zip(("ts1_1", "ts2_1", "ts1_2", "ts2_2"), (*RECENT, *LONGER), strict=True))
        plan_windows_step(**asked, **windows)

    plans = dict(dry_run(planning, {}))
    assert "COUNTIF" in plans["plan-windows"]
    assert "-- would scan" in plans["plan-windows"]
    assert all(job.dry_run for job in jobs())


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
