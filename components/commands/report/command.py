"""`taxi-pipeline report`."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click


@click.command("report")
@click.argument("directory")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write the page. Default: report.html in the run directory; of other sources in this directory.",
)
@click.option("--step", help="Of a run with several analyses, the one to show. Default: the last comparison, or all.")
@click.option("--open", "show", is_flag=True, help="Open the page in the browser.")
def report_command(directory: str, output: Path | None, step: str | None, show: bool) -> None:
    """Draw a finished run as one HTML file that needs no network.

    DIRECTORY is what a run printed or was given, or any TFMA result directory; also gs://bucket/folder.

    \b
    Examples:
      taxi-pipeline report runs/one --open
      taxi-pipeline report runs/one --step tfma-analyze-2 -o second.html
      taxi-pipeline report path/to/tfma/result
      taxi-pipeline report gs://bucket/runs/one -o one.html
    """  # noqa: D301
    from components.commands.report.make import write

    page = write(directory, output, step=step)
    click.echo(page)
    if show and not webbrowser.open(page.as_uri()):
        click.echo("no browser was found on this machine; open the file from another", err=True)
