"""`taxi-pipeline serve` and `taxi-pipeline predict`."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading

import click

from components.lib.serving.config import VersionPolicy, find_models
from pipeline_tools.errors import InputError
from pipeline_tools.extras import require

NOTICE = (
    "For laptops, tests and rehearsals: no TLS, no authentication, one process. It is no substitute for TF-Serving in "
    "production; serve the same directory with the tensorflow/serving image there."
)

THRESHOLD = 0.5
"""Probability over which a big tip is expected; what BinaryAccuracy measures at, too."""

_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "GRPC_VERBOSITY": "NONE"}
"""Libraries tell of processors and sockets what nobody asked; whoever wants it sets these otherwise."""


@click.command("serve")
@click.option("--model-base-path", required=True, help="Directory that models are published to, or one model's own.")
@click.option("--model-name", help="Serve this model only.  [default: every model there]")
@click.option("--port", type=click.IntRange(0, 65535), default=8500, show_default=True, help="For gRPC; 0: any free.")
@click.option(
    "--rest-api-port", type=click.IntRange(0, 65535), default=8501, show_default=True, help="For REST; 0: any free."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--version-policy", default="latest", show_default=True, help="latest, latest:N, all, or specific:V,V.")
@click.option("--label", "labels", multiple=True, metavar="LABEL=VERSION", help="Name a version; may be repeated.")
@click.option("--poll-seconds", type=click.FloatRange(0.05), default=1.0, show_default=True, help="Look for versions.")
@click.option("--request-timeout", type=click.FloatRange(0.01), default=30.0, show_default=True, help="Seconds.")
@click.option("--max-request-mb", type=click.IntRange(1, 2000), default=64, show_default=True, help="Largest request.")
def serve_command(
    model_base_path: str,
    model_name: str | None,
    port: int,
    rest_api_port: int,
    host: str,
    version_policy: str,
    labels: tuple[str, ...],
    poll_seconds: float,
    request_timeout: float,
    max_request_mb: int,
) -> None:
    """Serve published models in TF-Serving's gRPC and REST APIs, until it is interrupted.

    New versions are loaded as they appear; the old one answers until the new one does.

    \b
    Examples:
      taxi-pipeline serve --model-base-path models
      taxi-pipeline serve --model-base-path models --model-name taxi --version-policy all --label stable=3
    """  # noqa: D301
    models = find_models(model_base_path, model_name, VersionPolicy.parse(version_policy), _read_labels(labels))
    _be_quiet()
    for module in ("tensorflow", "tensorflow_serving", "aiohttp", "prometheus_client"):
        require(module, "serve")
    from components.lib.serving.server import ModelServer, ServerOptions

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    options = ServerOptions(host, port, rest_api_port, poll_seconds, request_timeout, max_request_mb * 1024 * 1024)
    with ModelServer(models, options) as server:
        for name, versions in server.available().items():
            numbers = ", ".join(str(version) for version in versions)
            click.echo(f"{name}: " + (f"version {numbers}" if versions else "no version yet"))
        click.echo(f"gRPC at {host}:{server.port}, REST at http://{host}:{server.rest_api_port}/v1/models/NAME")
        click.echo(NOTICE)
        if host not in ("127.0.0.1", "localhost", "::1"):
            click.echo(f"warning: everybody who reaches {host} can ask, and reload models", err=True)
        stop.wait()
        click.echo("stopping: answering what is under way")


def _be_quiet() -> None:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


def _read_labels(labels: tuple[str, ...]) -> dict[str, int]:
    found = {}
    for text in labels:
        label, _, version = text.partition("=")
        if not label or not version.isdecimal():
            raise InputError(f"--label {text}: must be LABEL=VERSION, for example stable=3")
        found[label] = int(version)
    return found


@click.command("predict")
@click.option("--server", required=True, help="HOST:PORT (gRPC), http://HOST:PORT (REST), or vertex:ENDPOINT.")
@click.option("--model-name", "--model_name", help="The served model. A Vertex AI endpoint needs none.")
@click.option("--examples-file", "--examples_file", required=True, help="Trips: .csv, .parquet, or sample://trips.")
@click.option("--num-examples", "--num_examples", type=int, default=3, show_default=True, help="How many trips.")
@click.option("--version", "model_version", type=click.IntRange(0), help="Ask this version.")
@click.option("--label", default="", help="Ask the version of this label.")
@click.option("--timeout", type=click.FloatRange(0.001), default=10.0, show_default=True, help="Seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--schema-file", "--schema_file", hidden=True, help="Of 2018; the server now tells its columns.")
def predict_command(
    server: str,
    model_name: str | None,
    examples_file: str,
    num_examples: int,
    model_version: int | None,
    label: str,
    timeout: float,
    as_json: bool,
    schema_file: str | None,
) -> None:
    """Ask a served model about the first trips of a file.

    \b
    Examples:
      taxi-pipeline predict --server localhost:8500 --model-name taxi --examples-file sample://trips
      taxi-pipeline predict --server http://localhost:8501 --model-name taxi --examples-file trips.csv --json
    """  # noqa: D301
    from components.commands.rows import read_trips
    from components.lib.serving.client import connect

    _be_quiet()
    if schema_file:
        click.echo("note: --schema-file is of no use any more: the server tells which columns it needs", err=True)
    with connect(server, model_name or "", version=model_version, label=label, timeout=timeout) as client:
        keys, trips = read_trips(examples_file, client.columns(), num_examples)
        probabilities = client.predict(trips)
    found = list(zip(keys, probabilities, strict=True))
    if as_json:
        answers = [{"key": key, "probability": value, "big_tip": value > THRESHOLD} for key, value in found]
        click.echo(json.dumps(answers, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("trip", "big tip?", "probability", title=f"{model_name or 'model'} at {server}")
    for key, value in found:
        table.add_row(key, "yes" if value > THRESHOLD else "no", f"{value:.4f}")
    Console().print(table)
