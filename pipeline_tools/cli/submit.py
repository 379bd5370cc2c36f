"""`taxi-pipeline submit`."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline_tools.cli.pipelines import find_workflow
from pipeline_tools.compiler import read_spec
from pipeline_tools.errors import InputError
from pipeline_tools.runs.progress import SYMBOLS, progress
from pipeline_tools.spec.parameters import parse_pairs, read_file
from pipeline_tools.submit.connection import Access
from pipeline_tools.submit.kubeflow import Recurrence, submit
from pipeline_tools.submit.submission import ConnectionLostError, Submission

_PIPE_WIDTH = 160
_LOST = 3  # exit code: the run was started, and nobody knows how it ends
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
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns of each attempt, and we say how it ended
    errors = Console(stderr=True)
    pipeline = find_workflow(workflow)
    definitions = read_spec(pipeline)["root"].get("inputDefinitions", {}).get("parameters", {})
    file = options["params_file"]
    arguments = {**(read_file(file) if file else {}), **parse_pairs(options["params"], definitions)}
    _check(options)
    try:
        submission = _submit(pipeline, arguments, options)
    except KeyboardInterrupt:
        _say(errors, "interrupted while submitting: look at the service, whether a run was started")
        ctx.exit(130)
    for note in submission.notes:
        _say(errors, f"note: {note}")
    if not options["as_json"]:
        _links(Console(), submission)
    if options["wait"]:
        submission, code = _follow(submission, options, errors)
    else:
        code = 0
    if options["as_json"]:
        click.echo(json.dumps(submission.to_json(), indent=2, ensure_ascii=False))
    elif options["wait"]:
        _summary(submission)
    ctx.exit(code)


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
    if options["vertex"] and not _project(options):
        raise InputError("--vertex needs --project, or GOOGLE_CLOUD_PROJECT in the environment")


def _project(options: dict[str, Any]) -> str:
    return options["project"] or os.environ.get("GOOGLE_CLOUD_PROJECT") or ""


def _submit(pipeline: Any, arguments: dict[str, Any], options: dict[str, Any]) -> Submission:
    recurrence = None
    if options["recurring"] is not None:
        recurrence = Recurrence(options["recurring"], options["max_concurrency"] or 1, not options["no_catchup"])
    shared = {
        "run_name": options["run_name"],
        "image": options["image"],
        "caching": not options["no_cache"],
        "recurrence": recurrence,
    }
    if options["vertex"]:
        from pipeline_tools.submit.vertex import Target, submit_to_vertex

        place = {"region": options["region"]} if options["region"] else {}
        target = Target(
            _project(options),
            options["pipeline_root"],
            service_account=options["service_account"],
            network=options["network"],
            **place,
        )
        return submit_to_vertex(pipeline, arguments, target=target, **shared)
    own = ("experiment", "namespace", "pipeline_name", "version_name", "pipeline_root", "service_account")
    return submit(pipeline, arguments, access=_access(options), **{name: options[name] for name in own}, **shared)


def _access(options: dict[str, Any]) -> Access:
    plain = {field.name: options[field.name] for field in fields(Access) if field.name in options}
    if options["token_file"] is None:
        plain["token"] = os.environ.get("TAXI_PIPELINE_TOKEN") or None
    return Access(
        **plain,
        cookies=_secret(options["cookies_file"], "TAXI_PIPELINE_COOKIES"),
        other_client_secret=_secret(options["other_client_secret_file"], "KF_PIPELINES_APP_OAUTH2_CLIENT_SECRET"),
        verify_ssl=False if options["no_verify_ssl"] else None,
    )


def _secret(path: Path | None, variable: str) -> str | None:
    if path is None:
        return os.environ.get(variable) or None
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', 'it is no text')}") from None


def _follow(submission: Submission, options: dict[str, Any], errors: Console) -> tuple[Submission, int]:
    latest = [submission]
    try:
        with progress(errors) as watcher:

            def observe(now: Submission, step: Any) -> None:
                latest[0] = now
                watcher(now, step)

            ended = submission.wait(timeout=options["timeout"], poll_seconds=options["poll"], observer=observe)
    except KeyboardInterrupt:
        _say(errors, f"stopped following; the run goes on: {submission.place}")
        return latest[0], 130
    except ConnectionLostError as lost:
        _say(errors, f"{lost}: {submission.place}")
        return lost.submission, _LOST
    except InputError as refused:
        _say(errors, f"error: {refused}. The run goes on: {submission.place}")
        return latest[0], _LOST
    return ended, 0 if ended.status == "succeeded" else 1


def _links(console: Console, submission: Submission) -> None:
    fate = "new" if submission.version_created else "the service has these bytes already"
    version = f"{submission.version} ({fate})" if submission.version else ""
    lines = {"pipeline": submission.pipeline, "version": version, "experiment": submission.experiment}
    for key, text in {**lines, "cron": submission.cron}.items():
        where = submission.links.get(key, "")
        if text:
            _say(console, f"{key:<14}{text}{f'  {where}' if where else ''}")
    key = "recurring_run" if submission.cron else "run"
    where = submission.links.get(key) or f"ID {submission.ids[key]}"
    _say(console, f"{key.replace('_', ' '):<14}{submission.run}  {where}")


def _summary(submission: Submission) -> None:
    console = Console()
    if not console.is_terminal:  # a pipe has no width
        console = Console(width=_PIPE_WIDTH)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("step", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    for step in submission.steps.values():
        sign, style = SYMBOLS[step.status]
        seconds = f"{step.seconds:.0f}" if step.seconds is not None else ""
        table.add_row(Text(step.label), Text(f"{sign} {step.status}", style), seconds)
    console.print()
    console.print(table)
    for step in submission.steps.values():
        if step.status == "failed":
            _say(console, f"\n{step.label} failed: {step.error}")
    if submission.error:
        _say(console, f"\n{submission.error}")
    _say(console, f"\n{submission.pipeline} {submission.status}: {submission.place}")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
