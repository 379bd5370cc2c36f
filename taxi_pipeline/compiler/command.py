"""`taxi-pipeline compile`, and what `python -m taxi_pipeline.workflowN` calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
from kfp.dsl.base_component import BaseComponent

from components.errors import InputError
from taxi_pipeline.cli import run_reporting_errors
from taxi_pipeline.compiler.package import compile_package
from taxi_pipeline.workflows import find_workflow


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of compiling."""
    for option in (
        click.option("--image", help="Image to run the components in, instead of this version's own."),
        click.option(
            "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Default: NAME.tar.gz here."
        ),
    ):
        command = option(command)
    return command


@click.command("compile")
@click.argument("workflow")
@_options
def compile_command(workflow: str, output: Path | None, image: str | None) -> None:
    r"""Compile WORKFLOW to the package that the Pipelines UI takes as an upload.

    WORKFLOW is workflow1, or a pipeline of your own as module:function.

    \b
    Examples:
      taxi-pipeline compile workflow1
      taxi-pipeline compile my_project.pipelines:churn -o churn.tar.gz --image registry.example/churn:1
    """
    pipeline = find_workflow(workflow)
    if not isinstance(pipeline, BaseComponent):
        raise InputError(f"{workflow} is compiled already")
    click.echo(compile_package(pipeline, output, image=image))


def compile_main(pipeline: BaseComponent) -> None:
    """Be the command line of a workflow's own module.

    Args:
        pipeline: What to compile.
    """

    @click.command(help=f"Compile {pipeline.name} to the package that the Pipelines UI takes as an upload.")
    @_options
    def command(output: Path | None, image: str | None) -> None:
        click.echo(compile_package(pipeline, output, image=image))

    run_reporting_errors(command)
