import io
import re

import pytest
from rich.console import Console

from pipeline_tools.local import run
from pipeline_tools.runs.progress import last_line, progress
from pipeline_tools.runs.summary import print_summary
from tests.pipeline_tools.local import pipelines


def shown(pipeline, where, **options):
    console = Console(file=io.StringIO(), width=100, **options)
    with progress(console) as observer:
        result = run(pipeline, run_dir=where, raise_on_error=False, observer=observer, parallelism=1)
    return console.file.getvalue(), result


def test_plain_lines(tmp_path):
    text, _ = shown(pipelines.chain, tmp_path)
    lines = [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in text.splitlines()]
    assert lines[0] == f"chain started in {tmp_path}"
    assert lines[1] == "make started"
    assert re.fullmatch(r"make succeeded \(\d+\.\d s\)", lines[2])
    assert len(lines) == 1 + 2 * 3


def test_plain_lines_say_why(tmp_path):
    text, _ = shown(pipelines.crashes, tmp_path)
    assert re.search(r"half failed \(\d+\.\d s\): ValueError: no good\n", text)
    assert re.search(r"read skipped: half did not succeed\n", text)


def test_terminal_is_left_clean(tmp_path):
    text, result = shown(pipelines.chain, tmp_path, force_terminal=True)
    assert "chain" in text
    assert re.search(r"\d of 3 steps", text)
    assert result.status == "succeeded"
    assert text.rstrip("\n").endswith("\x1b[2K")  # the table has gone; the summary takes its place


def test_summary(tmp_path):
    _, result = shown(pipelines.crashes, tmp_path)
    console = Console(file=io.StringIO(), width=100)
    print_summary(console, result)
    text = console.file.getvalue()
    assert re.search(r"^half +✗ failed +\d+\.\d", text, re.MULTILINE)
    assert re.search(r"^read +- skipped", text, re.MULTILINE)
    assert f"full log: {tmp_path}/logs/half.log" in text
    assert f"{tmp_path}/logs/bad-input.log" not in text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ""),
        (b"one\ntwo\n\n", "two"),
        (b"10%\r50%\r", "50%"),
        (b"\x1b[31mred\x1b[0m\n", "red"),
        (b"said\nE0000 00:00:17.25 28641 cuda_platform.cc:52] failed\n", "said"),
        (b"[KFP Executor 2026-11-23 19:18:54,969 INFO]: said\n", "said"),
        (b"x" * 9000 + b"\nlast", "last"),
        (b"\xff\xfe broken", "\ufffd\ufffd broken"),
    ],
)
def test_last_line(tmp_path, content, expected):
    log = tmp_path / "log"
    log.write_bytes(content)
    assert last_line(log) == expected


def test_last_line_of_no_log(tmp_path):
    assert last_line(tmp_path / "none") == ""
