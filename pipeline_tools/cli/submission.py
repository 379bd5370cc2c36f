"""The work of `taxi-pipeline submit`: submit, follow, show."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

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
_CONNECTION_LOST = 3  # exit code: the run was started, and its outcome is unknown


def submit_and_follow(workflow: str, options: dict[str, Any]) -> int:
    """Submit a workflow with the command's options, follow it if asked to, and show the outcome.

    Args:
        workflow: As `find_workflow` accepts it.
        options: The command's options by parameter name.

    Returns:
        The exit code.

    Raises:
        InputError: The workflow, an option or a parameter cannot be used, or the service refuses; nothing runs.
    """
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns about each attempt; the outcome is reported below
    errors = Console(stderr=True)
    pipeline = find_workflow(workflow)
    definitions = read_spec(pipeline)["root"].get("inputDefinitions", {}).get("parameters", {})
    file = options["params_file"]
    arguments = {**(read_file(file) if file else {}), **parse_pairs(options["params"], definitions)}
    try:
        submission = _submit(pipeline, arguments, options)
    except KeyboardInterrupt:
        _say(errors, "interrupted while submitting; check in the service whether a run was started")
        return 130
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
    return code


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

        region = {"region": options["region"]} if options["region"] else {}
        target = Target(
            options["project"] or os.environ["GOOGLE_CLOUD_PROJECT"],
            options["pipeline_root"],
            service_account=options["service_account"],
            network=options["network"],
            **region,
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
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', 'it is not a text file')}") from None


def _follow(submission: Submission, options: dict[str, Any], errors: Console) -> tuple[Submission, int]:
    latest = [submission]
    try:
        with progress(errors) as watcher:

            def observe(now: Submission, step: Any) -> None:
                latest[0] = now
                watcher(now, step)

            ended = submission.wait(timeout=options["timeout"], poll_seconds=options["poll"], observer=observe)
    except KeyboardInterrupt:
        _say(errors, f"stopped following; the run continues: {submission.location}")
        return latest[0], 130
    except ConnectionLostError as lost:
        _say(errors, f"{lost}: {submission.location}")
        return lost.submission, _CONNECTION_LOST
    except InputError as refused:
        _say(errors, f"error: {refused}. The run continues: {submission.location}")
        return latest[0], _CONNECTION_LOST
    return ended, 0 if ended.status == "succeeded" else 1


def _links(console: Console, submission: Submission) -> None:
    fate = "new" if submission.version_created else "already in the service"
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
    _say(console, f"\n{submission.pipeline} {submission.status}: {submission.location}")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
