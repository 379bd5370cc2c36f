"""The command line: its own commands and those that installed packages register, each imported when it is called."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

import click

from pipeline_tools import registry
from pipeline_tools.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

COMMANDS = {
    "compile": "pipeline_tools.cli.compile:compile_command",
    "diff": "pipeline_tools.cli.diff:diff_command",
    "doctor": "pipeline_tools.cli.doctor:doctor_command",
    "run": "pipeline_tools.cli.run:run_command",
    "runs": "pipeline_tools.cli.runs:runs_command",
    "submit": "pipeline_tools.cli.submit:submit_command",
}
"""The toolkit's own commands: by name, module and attribute. Others are registered as `registry.COMMANDS`."""


class _LazyGroup(click.Group):
    """A group that imports a command when it is asked for: `--help` stays quick, and no command pays for another."""

    @functools.cached_property
    def _registered(self) -> dict[str, EntryPoint]:
        return registry.entry_points(registry.COMMANDS)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted({*COMMANDS, *self._registered})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name in COMMANDS:
            module, _, attribute = COMMANDS[cmd_name].partition(":")
            command = getattr(importlib.import_module(module), attribute)
        elif entry_point := self._registered.get(cmd_name):
            command = entry_point.load()
        else:
            return None
        if not isinstance(command, click.Command):
            raise InputError(f"{cmd_name} is registered in {registry.COMMANDS}, and is not a click command")
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="taxi-pipeline")
def cli() -> None:
    """Chicago taxi trips from raw rows to an evaluated, served model on Kubeflow Pipelines v2.

    \b
    Examples:
      taxi-pipeline run workflow1
      taxi-pipeline run workflow1 --param train_steps=2000 --run-dir runs/longer
      taxi-pipeline compile workflow1 -o workflow1.tar.gz
      taxi-pipeline submit workflow1 --endpoint http://localhost:8080 --wait
    """  # noqa: D301


def main() -> None:
    """Run the command line."""
    run_reporting_errors(cli)


def run_reporting_errors(command: Callable[[], object]) -> None:
    """Run a command; an error that a person can fix is one line and exit code 2, never a traceback.

    That includes a missing extra, wherever the import of what it brings fails.

    Args:
        command: What to run.
    """
    try:
        command()
    except (InputError, MissingExtraError) as error:
        _fail(error)
    except ModuleNotFoundError as error:
        from pipeline_tools.extras import missing_extra

        missing = missing_extra(error)
        if missing is None:
            raise
        _fail(missing)


def _fail(error: Exception) -> NoReturn:
    click.echo(f"error: {error}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
