"""`taxi-pipeline doctor`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from pipeline_tools.doctor.cluster import KINDS
from pipeline_tools.doctor.finding import Finding, Level

_COLOURS = {Level.OK: "green", Level.ADVICE: "yellow", Level.WRONG: "red"}


@click.command("doctor")
@click.option(
    "--directory", type=click.Path(path_type=Path), default="runs", show_default=True, help="Directory of the runs."
)
@click.option(
    "--constraints",
    type=click.Path(path_type=Path),
    help="File with the tested versions. Default: constraints.txt of the source tree.",
)
@click.option("--kubeconfig", default="", help="Check a cluster: the kubeconfig file.")
@click.option("--context", default="", help="Check a cluster: the kubeconfig context.")
@click.option("--namespace", default="", help="Check a cluster: the namespace of runs and models.")
@click.option(
    "--service-account",
    default="",
    help="Service account of the steps, whose permissions are checked.  [default: yours]",
)
@click.option(
    "--need", multiple=True, type=click.Choice(list(KINDS)), help="What the cluster must have; may be repeated."
)
@click.option("--project", default="", help="Check a Google Cloud project.")
@click.option("--bucket", default="", metavar="gs://NAME", help="Check a bucket.")
@click.option("--image", default="", help="Check that the image of the steps is in its registry.")
@click.option("--endpoint", default="", metavar="URL", help="Check a Kubeflow Pipelines API.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with a bearer token for the endpoint.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def doctor_command(ctx: click.Context, /, *, as_json: bool, **given: object) -> None:
    """Check this machine and, if given, a cluster, a project, a bucket, an image or an endpoint.

    Each line says ok or what to do. Nothing is changed. Exit code: 0 nothing is wrong (advice does not count),
    1 otherwise.

    \b
    Examples:
      taxi-pipeline doctor
      taxi-pipeline doctor --context my-cluster --namespace kubeflow --service-account pipeline-runner
      taxi-pipeline doctor --namespace kubeflow --need trainjob --need kserve
      taxi-pipeline doctor --project my-project --bucket gs://my-bucket
      taxi-pipeline doctor --image europe-docker.pkg.dev/my-project/taxi/taxi-pipeline-python:0.1.0
      taxi-pipeline doctor --endpoint http://localhost:8080 --json
    """  # noqa: D301
    findings = []
    for finding in _examine(**given):  # type: ignore[arg-type]
        findings.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in findings], indent=2))
    else:
        counts = {level: sum(each.level is level for each in findings) for level in Level}
        click.echo(f"{counts[Level.OK]} ok, {counts[Level.ADVICE]} advice, {counts[Level.WRONG]} wrong")
    ctx.exit(int(any(each.level is Level.WRONG for each in findings)))


def _examine(
    *,
    directory: Path,
    constraints: Path | None,
    kubeconfig: str,
    context: str,
    namespace: str,
    service_account: str,
    need: tuple[str, ...],
    project: str,
    bucket: str,
    image: str,
    endpoint: str,
    token_file: Path | None,
) -> Iterator[Finding]:
    """Run the requested checks one after another, so that each finding is shown at once."""
    from pipeline_tools.doctor.cluster import check_cluster
    from pipeline_tools.doctor.endpoint import check_endpoint
    from pipeline_tools.doctor.google import check_credentials, check_project
    from pipeline_tools.doctor.machine import check_machine
    from pipeline_tools.doctor.packages import check_packages
    from pipeline_tools.doctor.registry import check_image

    yield from check_machine(directory)
    yield from check_packages(constraints)
    yield check_credentials()
    if kubeconfig or context or namespace or service_account or need:
        yield from check_cluster(kubeconfig, context, namespace, need, service_account)
    if project or bucket:
        yield from check_project(project, bucket)
    if image:
        yield from check_image(image)
    if endpoint:
        token = token_file.read_text(encoding="utf-8").strip() if token_file else ""
        yield from check_endpoint(endpoint, token)


def _show(finding: Finding) -> None:
    level = click.style(f"{finding.level.value:6}", fg=_COLOURS[finding.level])
    click.echo(f"{level}  {finding.area:8}  {finding.subject:16}  {finding.text}")
    if finding.remedy:
        click.echo(f"{'':36}-> {finding.remedy}")
