"""`taxi-pipeline predict`."""

from __future__ import annotations

import json

import click

from components.commands.quiet import quiet_libraries

THRESHOLD = 0.5
"""Probability over which a label of 1 is predicted; BinaryAccuracy measures at it, too."""


@click.command("predict")
@click.option("--server", required=True, help="HOST:PORT (gRPC), http://HOST:PORT (REST), or vertex:ENDPOINT.")
@click.option("--model-name", "--model_name", help="The served model. A Vertex AI endpoint needs none.")
@click.option("--examples-file", "--examples_file", required=True, help="Rows: .csv, .parquet, or sample://trips.")
@click.option("--num-examples", "--num_examples", type=int, default=3, show_default=True, help="How many rows.")
@click.option(
    "--table", default="", help="The registered table that the rows are of. Default: the one with the model's columns."
)
@click.option("--version", "model_version", type=click.IntRange(0), help="Ask this version.")
@click.option("--label", default="", help="Ask the version with this label.")
@click.option("--timeout", type=click.FloatRange(0.001), default=10.0, show_default=True, help="Seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--schema-file", "--schema_file", hidden=True, help="Ignored: the server says which columns it needs.")
def predict_command(
    server: str,
    model_name: str | None,
    examples_file: str,
    num_examples: int,
    table: str,
    model_version: int | None,
    label: str,
    timeout: float,
    as_json: bool,
    schema_file: str | None,
) -> None:
    """Ask a served model for predictions of the first rows of a file.

    Columns that the application derives from others are computed as in training.

    \b
    Examples:
      taxi-pipeline predict --server localhost:8500 --model-name taxi --examples-file sample://trips
      taxi-pipeline predict --server http://localhost:8501 --model-name taxi --examples-file trips.csv --json
    """  # noqa: D301
    from components.commands.rows import find_table, read_rows
    from components.lib.serving.client import connect

    quiet_libraries()
    if schema_file:
        click.echo("note: --schema-file is ignored; the server says which columns it needs", err=True)
    with connect(server, model_name or "", version=model_version, label=label, timeout=timeout) as client:
        columns = client.columns()
        described = find_table(table, columns)
        keys, rows = read_rows(examples_file, columns, num_examples, described)
        probabilities = client.predict(rows)
    found = list(zip(keys, probabilities, strict=True))
    name = described.label_key
    if as_json:
        shown = [
            {"key": key, "probability": value, **({name: value > THRESHOLD} if name else {})} for key, value in found
        ]
        click.echo(json.dumps(shown, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    page = Table("key", "probability", *([name] if name else []), title=f"{model_name or 'model'} at {server}")
    for key, value in found:
        page.add_row(key, f"{value:.4f}", *(["yes" if value > THRESHOLD else "no"] if name else []))
    Console().print(page)
