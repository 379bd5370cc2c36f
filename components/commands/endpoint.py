"""`taxi-pipeline endpoint`."""

from __future__ import annotations

import click


@click.command("endpoint")
@click.argument("action", type=click.Choice(["show", "promote", "roll-back"]))
@click.argument("endpoint", metavar="projects/P/locations/L/endpoints/E")
@click.option("--emulator", default="", help="HOST:PORT of an emulator to use (without TLS) instead of Vertex AI.")
def endpoint_command(action: str, endpoint: str, emulator: str) -> None:
    """Show the traffic split of a Vertex AI endpoint, promote the newest model, or roll back to the one before.

    \b
    Examples:
      taxi-pipeline endpoint show projects/my-project/locations/us-central1/endpoints/123
      taxi-pipeline endpoint promote projects/my-project/locations/us-central1/endpoints/123
    """  # noqa: D301
    from components.lib.serving.vertex_client import region_of
    from components.ml_engine.endpoint import Vertex

    services = Vertex(region_of(endpoint), emulator)
    if action == "promote":
        click.echo(f"deployment {services.promote(endpoint)} has all the traffic; the others are undeployed")
    elif action == "roll-back":
        click.echo(f"deployment {services.roll_back(endpoint)} has all the traffic; the newest is undeployed")
    models, split = services.deployed(endpoint)
    for deployed_model, model in models.items():
        click.echo(f"{deployed_model}  {split.get(deployed_model, 0):3d} %  {model}")
