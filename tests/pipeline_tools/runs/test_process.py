"""A reader of a run's record goes by the process that writes it."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys

import pytest

from pipeline_tools.runs.process import has_ended, this_process


def test_the_process_that_asks_goes_on():
    assert not has_ended(this_process())


@pytest.mark.parametrize(
    ("change", "ended"),
    [
        ({"started": "1"}, True),  # the number was given to another process
        ({"boot": "an earlier one"}, True),  # the machine went down
        ({"host": "elsewhere", "started": "1"}, False),  # nobody here can know
    ],
)
def test_a_process_is_more_than_its_number(change, ended):
    assert has_ended(dataclasses.replace(this_process(), **change)) is ended


def test_a_child_that_was_killed_has_ended_before_it_is_waited_for():
    code = "import json, time; from pipeline_tools.runs.process import *; "
    code += "print(json.dumps(this_process().to_json()), flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        process = dataclasses.replace(this_process(), **json.loads(child.stdout.readline()))
        assert not has_ended(process)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and a zombie still
        assert has_ended(process)
    finally:
        child.kill()
        child.communicate()
    assert has_ended(process)
