"""Help shows examples as they are typed, a line each."""

import re

import click
import pytest
from click.testing import CliRunner

from pipeline_tools.cli.main import cli


@pytest.mark.parametrize("name", ["", *cli.list_commands(click.Context(cli))])
def test_help_has_examples_that_can_be_copied(name: str) -> None:
    shown = CliRunner().invoke(cli, [name, "--help"] if name else ["--help"]).output
    assert "\\b" not in shown
    assert re.search(r"^  Examples?:\n    taxi-pipeline \S", shown, re.MULTILINE), shown
