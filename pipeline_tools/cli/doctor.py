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
@click.option("--directory", type=click.Path(path_type=Path), default="runs", show_default=True, help="Where runs lie.")
@click.option(
    "--constraints",
    type=click.Path(path_type=Path),
    help="The tested versions. By default the source tree's constraints.txt.",
)
@click.option("--kubeconfig", default="", help="Check a cluster: the file that names it.")
@click.option("--context", default="", help="Check a cluster: a context of the kubeconfig.")
@click.option("--namespace", default="", help="Check a cluster: where runs and models go.")
@click.option(
    "--service-account", default="", help="Whose rights to look at: the one that steps run as. [default: you]"
)
@click.option("--need", multiple=True, type=click.Choice(list(KINDS)), help="What the cluster must have; repeatable.")
@click.option("--project", default="", help="Check a Google Cloud project.")
@click.option("--bucket", default="", metavar="gs://NAME", help="Check a bucket.")
@click.option("--image", default="", help="Check that the image of the steps is in its registry.")
@click.option("--endpoint", default="", metavar="URL", help="Check a Kubeflow Pipelines API.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A bearer token for the endpoint.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def doctor_command(ctx: click.Context, /, *, as_json: bool, **given: object) -> None:
    """Check this machine and, where one is given, a cluster, a project, an image, an endpoint.

    Every line says ok, or what to do. Nothing is changed anywhere. The exit code is 0 if nothing is wrong (advice is
    not wrong), 1 otherwise.

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
    """Run the checks that were asked for, one after another, so that each is shown as it comes."""
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
    click.echo(f"{level}  {finding.place:8}  {finding.subject:16}  {finding.text}")
    if finding.remedy:
        click.echo(f"{'':36}-> {finding.remedy}")
