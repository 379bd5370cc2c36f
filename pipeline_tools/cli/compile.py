"""`taxi-pipeline compile`, and what the module of a registered pipeline calls when it is run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from pipeline_tools.cli.main import run_reporting_errors
from pipeline_tools.compiler.argo.settings import ArgoSettings
from pipeline_tools.compiler.formats import FORMATS
from pipeline_tools.errors import InputError


@click.command("compile")
@click.argument("workflow")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write. Default: NAME.tar.gz in the current directory.",
)
@click.option("--image", help="Image to run the components in, instead of the default one.")
@click.option(
    "--format",
    "package_format",
    type=click.Choice(FORMATS),
    default="both",
    show_default=True,
    help="kfp: only the KFP v2 specification; argo: only the Argo Workflow.",
)
@click.option(
    "--service-account",
    default=ArgoSettings.service_account,
    show_default=True,
    help="Service account of the Argo pods.",
)
@click.option("--memoize", metavar="AGE", help="Let Argo reuse results up to this age, for example 24h.")
@click.option(
    "--helper-image", default=ArgoSettings.helper_image, show_default=True, help="Image that runs importers in Argo."
)
@click.option(
    "--argo-patch",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file to apply to the Argo Workflow as a JSON merge patch (RFC 7386).",
)
def compile_command(
    workflow: str,
    output: Path | None,
    image: str | None,
    package_format: str,
    service_account: str,
    memoize: str | None,
    helper_image: str,
    argo_patch: Path | None,
) -> None:
    """Compile WORKFLOW to a package for the Pipelines UI, and for clusters that have only Argo Workflows.

    WORKFLOW is workflow1, or a pipeline of your own as module:function.

    \b
    Examples:
      taxi-pipeline compile workflow1
      taxi-pipeline compile workflow1 --format argo -o workflow1-argo.tar.gz
      taxi-pipeline compile my_project.pipelines:churn -o churn.tar.gz --image registry.example/churn:1
    """  # noqa: D301
    from pipeline_tools.cli.pipelines import find_workflow
    from pipeline_tools.compiler.package import package_members, write_package

    pipeline = find_workflow(workflow)
    if isinstance(pipeline, str):
        raise InputError(f"{workflow} is already compiled")
    patch = _patch(argo_patch) if argo_patch else {}
    settings = ArgoSettings(service_account, memoize, helper_image=helper_image, patch=patch)
    members = package_members(pipeline, image=image, format=package_format, argo=settings)
    click.echo(write_package(members, output or f"{pipeline.name}.tar.gz"))
    for name, text in sorted(members.items()):
        click.echo(f"  {name}: {len(text.encode()):,} bytes", err=True)


def compile_main(workflow: str, program: str) -> None:
    """Run ``taxi-pipeline compile WORKFLOW`` as the command line of a workflow's own module.

    Args:
        workflow: Its registered name.
        program: What was called, for usage messages: ``python -m my_project.my_workflow``.
    """
    run_reporting_errors(lambda: compile_command([workflow, *sys.argv[1:]], program))


def _patch(path: Path) -> dict[str, Any]:
    import yaml

    try:
        patch = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML: {error}") from error
    if not isinstance(patch, dict):
        raise InputError(f"{path}: must be a mapping, for example `spec: {{ttlStrategy: null}}`")
    return patch
