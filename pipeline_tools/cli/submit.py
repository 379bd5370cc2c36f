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
    click.option("--endpoint", metavar="URL", help="Of Kubeflow Pipelines. Default: $KF_PIPELINES_ENDPOINT."),
    click.option("--token-file", type=_FILE, help="File with a bearer token; read anew for each request."),
    click.option("--cookies-file", type=_FILE, help="File with the Cookie header of a browser that has logged in."),
    click.option("--client-id", help="Of Identity-Aware Proxy. Default: $KF_PIPELINES_IAP_OAUTH2_CLIENT_ID."),
    click.option("--other-client-id", help="Of a desktop app. Default: $KF_PIPELINES_APP_OAUTH2_CLIENT_ID."),
    click.option("--other-client-secret-file", type=_FILE, help="Or $KF_PIPELINES_APP_OAUTH2_CLIENT_SECRET."),
    click.option("--ssl-ca-cert", type=_FILE, help="Certificate authorities to trust."),
    click.option("--no-verify-ssl", is_flag=True, help="Do not check the server's certificate."),
    click.option("--proxy", metavar="URL", help="HTTP proxy to go through."),
    click.option("--kube-context", help="Go through the Kubernetes API of this kubeconfig context."),
    click.option("--ui-host", metavar="URL", help="Of the user interface, for links, where it is elsewhere."),
    click.option("--namespace", help="The user's namespace, where the service has many users."),
)
_VERTEX = (
    click.option("--vertex", is_flag=True, help="Run on Vertex AI Pipelines instead of Kubeflow Pipelines."),
    click.option("--project", help="Google Cloud project, with --vertex. Default: $GOOGLE_CLOUD_PROJECT."),
    click.option("--region", help="With --vertex. Default: us-central1."),
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
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter; repeat for more.")
@click.option("--params-file", type=_FILE, help="YAML or JSON file of parameters; --param goes before it.")
@click.option(
    "--experiment", help="Made where there is none. Default: $KF_PIPELINES_DEFAULT_EXPERIMENT_NAME or Default."
)
@click.option("--run-name", help="Default: the pipeline's name and the UTC time; of a recurring run its schedule.")
@click.option("--pipeline-name", help="Name of the pipeline in the service. Default: its own.")
@click.option("--version-name", help="Name of a new version. Default: 12 digits of the package's SHA-256.")
@click.option("--image", help="Image to run the components in, instead of this version's own.")
@click.option("--pipeline-root", metavar="URI", help="Where artifacts shall lie, as gs://bucket/runs.")
@click.option("--service-account", help="That the steps run as.")
@click.option("--no-cache", is_flag=True, help="Run every step anew.")
@click.option("--wait", is_flag=True, help="Follow the run until it ends.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Of --wait.")
@click.option("--poll", type=click.FloatRange(min=0.05), default=5.0, show_default=True, help="Seconds between looks.")
@click.option("--recurring", metavar="CRON", help="Start a recurring run; 5 fields, or 6 with seconds in front.")
@click.option("--max-concurrency", type=click.IntRange(1, 10), help="Runs of --recurring at a time. Default: 1.")
@click.option("--no-catchup", is_flag=True, help="Do not make up for runs that --recurring missed.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON to standard output.")
@_all_of(_ACCESS)
@_all_of(_VERTEX)
@click.pass_context
def submit_command(ctx: click.Context, /, workflow: str, **options: Any) -> None:
    """Upload WORKFLOW to Kubeflow Pipelines, or Vertex AI Pipelines, and run it there.

    WORKFLOW is workflow1, a pipeline of your own as module:function, or a compiled package (.tar.gz) or specification
    (.yaml). A package whose bytes the service has is not uploaded again; another becomes a new version.

    Tokens and cookies come from files, or from the environment: TAXI_PIPELINE_TOKEN, TAXI_PIPELINE_COOKIES.

    Exit code: 0 submitted, with --wait succeeded; 1 the run failed; 2 bad input or a service that refused, nothing
    runs; 3 a run goes on, but could not be followed to its end; 130 Ctrl-C, a run that was started goes on.

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
        raise InputError("--max-concurrency and --no-catchup go with --recurring")
    if options["recurring"] is not None and options["wait"]:
        raise InputError("--wait follows one run; --recurring starts many. Give one of them")
    if options["timeout"] is not None and not options["wait"]:
        raise InputError("--timeout goes with --wait")
    elsewhere = _ONLY_KUBEFLOW if options["vertex"] else _ONLY_VERTEX
    wrong = [f"--{name.replace('_', '-')}" for name in elsewhere if options[name]]
    if wrong:
        raise InputError(f"{', '.join(wrong)}: {'not' if options['vertex'] else 'only'} with --vertex")
    if options["vertex"] and not options["pipeline_root"]:
        raise InputError("--vertex needs --pipeline-root gs://bucket/path, where artifacts shall lie")
    if options["vertex"] and not (options["project"] or os.environ.get("GOOGLE_CLOUD_PROJECT")):
        raise InputError("--vertex needs --project, or GOOGLE_CLOUD_PROJECT in the environment")
