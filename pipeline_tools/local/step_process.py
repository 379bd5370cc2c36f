"""The process of one step: what it does between its start and its end.

It is a fresh interpreter that calls `main`, or a child that the fork server forked.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import faulthandler
import json
import logging
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

ERROR_NAME = "error.json"
"""Beside the step's file: why the step failed, when it came to say so."""

DISK_FULL = 74
"""Exit code of a step that could not even write why it failed (``EX_IOERR`` of sysexits.h)."""

FULL = "disk full"
"""How the message of an error that means a full disk begins."""

_LINES = 10  # of an error's message; the log has all of it
_PR_SET_PDEATHSIG = 1


def end_with_parent(signal_number: int) -> None:
    """Have the kernel send this process a signal when its parent ends, however that comes about (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal_number)


def redirect(log: Path) -> None:
    """Send standard output and error, of native code too, to the end of a file; read nothing."""
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def run_step(step_path: Path) -> int:
    """Run the step that a file describes.

    Args:
        step_path: A JSON file with ``argv``, ``environment``, and for a Python function its ``source``.

    Returns:
        The exit code. A command never returns: it takes the place of this process.
    """
    step = json.loads(step_path.read_text(encoding="utf-8"))
    os.environ.update(step["environment"])
    tempfile.tempdir = None  # it may have been looked up before TMPDIR was set
    if step["source"] is None:
        os.execvp(step["argv"][0], step["argv"])  # noqa: S606 - the pipeline names the command
    try:
        _call(step["source"], step["argv"], step_path.parent)
    except SystemExit as error:
        if error.code in (None, 0):
            return 0
        return _failed(error, step_path)
    except BaseException as error:
        traceback.print_exc()
        return _failed(error, step_path)
    return 0


def _call(source: str, argv: list[str], scratch: Path) -> None:
    """Run a function as it is run in a cluster: by KFP's own executor, from a module with the function's source."""
    from kfp.dsl import executor
    from kfp.dsl.executor_main import executor_main

    executor.create_artifact_instance = _with_custom_path(executor.create_artifact_instance)
    faulthandler.enable()
    if "numpy" in sys.modules:  # a fork inherits the state of the generator
        sys.modules["numpy"].random.seed()
    module = scratch / "ephemeral_component.py"
    module.write_text(source, encoding="utf-8")
    sys.argv = ["executor_main", "--component_module_path", str(module), *argv]
    executor_main()


def _with_custom_path(create: Callable[..., Any]) -> Callable[..., Any]:
    """Let KFP's executor take the ``custom_path`` of an artifact that it is given.

    It writes that field, and does not read it: the path of a ``gs://`` artifact would be below ``/gcs``, where nothing
    is mounted.
    """

    def with_custom_path(runtime_artifact: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        artifact = create(runtime_artifact, *args, **kwargs)
        artifact.custom_path = runtime_artifact.get("custom_path", "")
        return artifact

    return with_custom_path


def _failed(error: BaseException, step_path: Path) -> int:
    report = {"type": type(error).__name__, "message": _message(error)}
    try:
        (step_path.parent / ERROR_NAME).write_text(json.dumps(report), encoding="utf-8")
    except OSError:
        return DISK_FULL
    return 1


def _message(error: BaseException) -> str:
    """Say what went wrong in the words of the error; a full disk by its name, wherever the error was wrapped."""
    from pipeline_tools.errors import InputError, MissingExtraError

    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    for each in chain:
        if isinstance(each, OSError) and each.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"{FULL}: {each.strerror}" + (f" at {each.filename}" if each.filename else "")
        if "No space left on device" in str(each):  # native writers say it in their own error types
            return f"{FULL}: {each}"
    if isinstance(error, (InputError, MissingExtraError)):
        return str(error)
    if isinstance(error, SystemExit):
        return str(error.code) if isinstance(error.code, str) else f"exit code {error.code}"
    lines = "".join(traceback.format_exception_only(error)).strip().splitlines()
    return "\n".join(lines if len(lines) <= _LINES else [*lines[:_LINES], "…"])


def leave(code: int) -> Any:
    """End this process at once: some native libraries crash in an orderly exit, when all is done and written."""
    with contextlib.suppress(OSError, ValueError):
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Run a step: the command line names the file that describes it, and the process id of the runner."""
    parent = int(sys.argv[2])
    end_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        leave(1)  # the parent ended before the kernel was told
    leave(run_step(Path(sys.argv[1])))
