"""`taxi-pipeline serve`."""

from __future__ import annotations

import logging
import signal
import threading

import click

from components.commands.quiet import quiet_libraries
from components.lib.serving.config import VersionPolicy, find_models
from pipeline_tools.errors import InputError
from pipeline_tools.extras import require

NOTICE = (
    "For laptops and tests: no TLS, no authentication, one process. In production, serve the same directory with "
    "TF-Serving (image tensorflow/serving)."
)


@click.command("serve")
@click.option("--model-base-path", required=True, help="Directory of published models, or of one model's versions.")
@click.option("--model-name", help="Serve this model only.  [default: every model there]")
@click.option("--port", type=click.IntRange(0, 65535), default=8500, show_default=True, help="For gRPC; 0: any free.")
@click.option(
    "--rest-api-port", type=click.IntRange(0, 65535), default=8501, show_default=True, help="For REST; 0: any free."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--version-policy", default="latest", show_default=True, help="latest, latest:N, all, or specific:V,V.")
@click.option(
    "--label", "labels", multiple=True, metavar="LABEL=VERSION", help="Give a version a label; may be repeated."
)
@click.option(
    "--poll-seconds",
    type=click.FloatRange(0.05),
    default=1.0,
    show_default=True,
    help="Seconds between checks for new versions.",
)
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
    """Serve published models with TF-Serving's gRPC and REST APIs, until interrupted.

    New versions are loaded as they appear; the old version serves until the new one is ready.

    \b
    Examples:
      taxi-pipeline serve --model-base-path models
      taxi-pipeline serve --model-base-path models --model-name taxi --version-policy all --label stable=3
    """  # noqa: D301
    models = find_models(model_base_path, model_name, VersionPolicy.parse(version_policy), _read_labels(labels))
    quiet_libraries()
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
            click.echo(f"warning: everyone who can reach {host} can send requests and reload models", err=True)
        stop.wait()
        click.echo("stopping: finishing the open requests")


def _read_labels(labels: tuple[str, ...]) -> dict[str, int]:
    found = {}
    for text in labels:
        label, _, version = text.partition("=")
        if not label or not version.isdecimal():
            raise InputError(f"--label {text}: must be LABEL=VERSION, for example stable=3")
        found[label] = int(version)
    return found
