"""`taxi-pipeline submit`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pipeline_tools.errors import InputError

_F = TypeVar("_F", bound=Callable[..., Any])
_FILE = click.Path(dir_okay=False, path_type=Path)

_ACCESS = (
    click.option("--endpoint", metavar="URL", help="URL of Kubeflow Pipelines. Default: $KF_PIPELINES_ENDPOINT."),
    click.option("--token-file", type=_FILE, help="File with a bearer token; read again for each request."),
    click.option("--cookies-file", type=_FILE, help="File with the Cookie header of a browser that has logged in."),
    click.option("--client-id", help="Client ID of Identity-Aware Proxy. Default: $KF_PIPELINES_IAP_OAUTH2_CLIENT_ID."),
    click.option("--other-client-id", help="Client ID of a desktop app. Default: $KF_PIPELINES_APP_OAUTH2_CLIENT_ID."),
    click.option(
        "--other-client-secret-file",
        type=_FILE,
        help="File with its secret. Default: $KF_PIPELINES_APP_OAUTH2_CLIENT_SECRET.",
    ),
    click.option("--ssl-ca-cert", type=_FILE, help="File with the certificate authorities to trust."),
    click.option("--no-verify-ssl", is_flag=True, help="Do not verify the server's certificate."),
    click.option("--proxy", metavar="URL", help="HTTP proxy to use."),
    click.option("--kube-context", help="Connect through the Kubernetes API of this kubeconfig context."),
    click.option(
        "--ui-host", metavar="URL", help="URL of the user interface, for links, if it differs from the endpoint."
    ),
    click.option("--namespace", help="Your namespace, if the service is multi-user."),
)
_VERTEX = (
    click.option("--vertex", is_flag=True, help="Run on Vertex AI Pipelines instead of Kubeflow Pipelines."),
    click.option("--project", help="Google Cloud project, with --vertex. Default: $GOOGLE_CLOUD_PROJECT."),
    click.option("--region", help="Google Cloud region, with --vertex. Default: us-central1."),
    click.option("--network", help="Peered network, with --vertex: projects/NUMBER/global/networks/NAME."),
)
_ONLY_VERTEX = ("project", "region", "network")
_ONLY_KUBEFLOW = (
    *("endpoint", "token_file", "cookies_file", "client_id", "other_client_id", "other_client_secret_file"),
    *("ssl_ca_cert", "no_verify_ssl", "proxy", "kube_context", "ui_host", "namespace"),
    *("experiment", "pipeline_name", "version_name"),
)


def _all_of(options: tuple[Callable[[Any], Any], ...]) -> Callable[[_F], _F]:
    def decorate(function: _F) -> _F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


@click.command("submit")
@click.argument("workflow")
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
@click.option("--params-file", type=_FILE, help="YAML or JSON file with parameters; --param takes precedence.")
@click.option("--experiment", help="Created if necessary. Default: $KF_PIPELINES_DEFAULT_EXPERIMENT_NAME or Default.")
@click.option("--run-name", help="Default: the pipeline's name and the UTC time, or the schedule of a recurring run.")
@click.option("--pipeline-name", help="Name of the pipeline in the service. Default: its own name.")
@click.option("--version-name", help="Name of a new version. Default: the first 12 digits of the package's SHA-256.")
@click.option("--image", help="Image to run the components in, instead of the default one.")
@click.option("--pipeline-root", metavar="URI", help="Where artifacts are stored, for example gs://bucket/runs.")
@click.option("--service-account", help="Service account that the steps run as.")
@click.option("--no-cache", is_flag=True, help="Run every step, without cached results.")
@click.option("--wait", is_flag=True, help="Follow the run until it ends.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Stop waiting after this time, with --wait.",
)
@click.option(
    "--poll", type=click.FloatRange(min=0.05), default=5.0, show_default=True, help="Seconds between status requests."
)
@click.option("--recurring", metavar="CRON", help="Start a recurring run; 5 fields, or 6 that begin with seconds.")
@click.option(
    "--max-concurrency",
    type=click.IntRange(1, 10),
    help="Maximum number of concurrent runs of --recurring. Default: 1.",
)
@click.option("--no-catchup", is_flag=True, help="Do not catch up on runs that --recurring missed.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON to standard output.")
@_all_of(_ACCESS)
@_all_of(_VERTEX)
@click.pass_context
def submit_command(ctx: click.Context, /, workflow: str, **options: Any) -> None:
    """Upload WORKFLOW to Kubeflow Pipelines, or Vertex AI Pipelines, and run it there.

    WORKFLOW is workflow1, a pipeline of your own as module:function, or a compiled package (.tar.gz) or specification
    (.yaml). A package that the service already has is not uploaded again; a different one becomes a new version.

    Tokens and cookies are read from files, or from the environment: TAXI_PIPELINE_TOKEN, TAXI_PIPELINE_COOKIES.

    Exit code: 0 submitted, or with --wait succeeded; 1 the run failed; 2 bad input, or the service refused, and nothing
    runs; 3 the run continues, but could not be followed to its end; 130 Ctrl-C, a started run continues.

    \b
    Examples:
      taxi-pipeline submit workflow1 --endpoint http://localhost:8080 --wait
      taxi-pipeline submit workflow1 --endpoint https://kubeflow.example/pipeline --token-file token \\
          --namespace me --experiment trips --param train_steps=2000
      taxi-pipeline submit workflow1 --endpoint http://localhost:8080 --recurring '0 6 * * 1' --no-catchup
      taxi-pipeline submit workflow1 --vertex --project my-project --pipeline-root gs://my-bucket/runs \\
          --image us-central1-docker.pkg.dev/my-project/taxi/taxi-pipeline-python:0.1.0 --wait
    """  # noqa: D301
    _check(options)
    from pipeline_tools.cli.submission import submit_and_follow

    ctx.exit(submit_and_follow(workflow, options))


def _check(options: dict[str, Any]) -> None:
    if not options["recurring"] and (options["max_concurrency"] or options["no_catchup"]):
        raise InputError("--max-concurrency and --no-catchup need --recurring")
    if options["recurring"] is not None and options["wait"]:
        raise InputError("--wait follows one run, --recurring starts many; use one of them")
    if options["timeout"] is not None and not options["wait"]:
        raise InputError("--timeout needs --wait")
    elsewhere = _ONLY_KUBEFLOW if options["vertex"] else _ONLY_VERTEX
    wrong = [f"--{name.replace('_', '-')}" for name in elsewhere if options[name]]
    if wrong:
        raise InputError(f"{', '.join(wrong)}: {'not valid' if options['vertex'] else 'only valid'} with --vertex")
    if options["vertex"] and not options["pipeline_root"]:
        raise InputError("--vertex needs --pipeline-root gs://bucket/path, where artifacts are stored")
    if options["vertex"] and not (options["project"] or os.environ.get("GOOGLE_CLOUD_PROJECT")):
        raise InputError("--vertex needs --project, or GOOGLE_CLOUD_PROJECT in the environment")
