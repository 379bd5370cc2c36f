"""`taxi-pipeline compile`, and what `python -m taxi_pipeline.workflowN` calls."""

from __future__ import annotations

from pathlib import Path

import click
from kfp.dsl.base_component import BaseComponent

from components.errors import InputError
from taxi_pipeline.compiler.package import compile_package
from taxi_pipeline.workflows import find_workflow


@click.command("compile")
@click.argument("workflow")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Default: NAME.tar.gz here.")
@click.option("--image", help="Image to run the components in, instead of this version's own.")
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
