"""The commands that the pages about submitting tell: each is one that there is, with options that it has."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from pipeline_tools.cli.main import cli

ROOT = Path(__file__).parents[3]
PAGES = ("docs/submit.md", "docs/howto/gke.md", "docs/howto/vertex.md")


def commands():
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
        for line in re.findall(r"^taxi-pipeline .*$", text, re.MULTILINE):
            yield pytest.param(shlex.split(line, comments=True)[1:], id=f"{page}: {line[:60]}")


@pytest.mark.parametrize("arguments", list(commands()))
def test_a_command_of_a_page_is_understood(arguments):
    command, name = cli, "taxi-pipeline"
    while isinstance(command, click.Group):
        name, *arguments = arguments
        command = command.get_command(click.Context(command), name)
        assert command is not None, name
    command.make_context(name, list(arguments))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    path = ROOT / page
    for target in re.findall(r"\]\((?!http)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
