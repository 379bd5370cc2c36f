"""The command line, called in this process: quicker than one of its own, where the process is not the point."""

from __future__ import annotations

import contextlib
import io
import logging
import subprocess

import pytest

from pipeline_tools.cli.main import cli, run_reporting_errors


def taxi_pipeline(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Call `taxi-pipeline` as its script does; gives what a process would have given."""
    line = [str(argument) for argument in arguments]
    output, errors = io.StringIO(), io.StringIO()
    handlers, level = logging.root.handlers[:], logging.root.level
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors), pytest.raises(SystemExit) as ended:
            run_reporting_errors(lambda: cli(line, "taxi-pipeline"))
    finally:
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
    return subprocess.CompletedProcess(line, ended.value.code, output.getvalue(), errors.getvalue())
