"""`taxi-pipeline diff`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

_PACKAGE = click.Path(dir_okay=False, path_type=Path)


@click.command("diff")
@click.argument("before", type=_PACKAGE)
@click.argument("after", type=_PACKAGE)
def diff_command(before: Path, after: Path) -> None:
    """Show what changed from package BEFORE to package AFTER: tasks, edges, parameters, images, resources, code.

    Exit code: 0 no difference, 1 differences, 2 a package cannot be read.

    \b
    Example:
      taxi-pipeline diff released.tar.gz workflow1.tar.gz
    """  # noqa: D301
    from pipeline_tools.compiler.diff import differences
    from pipeline_tools.compiler.package import read_documents

    lines = differences(read_documents(before), read_documents(after))
    for line in lines:
        click.echo(line)
    sys.exit(1 if lines else 0)
