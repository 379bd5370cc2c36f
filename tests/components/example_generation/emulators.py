"""Emulators of Google Cloud services, each in an environment of its own: their requirements are not ours."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.shared import locked
from tests.tools import CACHE, missing

BIGQUERY = (
    "bqemulator==1.4.0",
    "duckdb==1.5.5",
    "duckdb-extensions==1.5.5",
    "duckdb-extension-icu==1.5.5",
    "duckdb-extension-spatial==1.5.5",
    "numpy<3",
    "pytz",
)


def make_environment(requirements: tuple[str, ...]) -> Path:
    """Make an environment, or give the one that an earlier run has made; skip the test if that cannot be had."""
    python = _python()
    digest = hashlib.sha256("\n".join((python, *requirements)).encode()).hexdigest()[:16]
    folder = CACHE / "emulators" / digest
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix(".lock")):
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            for command in (
                [python, "-m", "venv", str(folder)],
                [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", *requirements],
            ):
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    missing(f"an environment with {requirements[0]}: {done.stderr.strip()[-300:]}")
            (folder / "ready").touch()
    return folder


def _python() -> str:
    if sys.version_info >= (3, 11):
        return sys.executable
    for name in ("python3.13", "python3.12", "python3.11"):
        found = shutil.which(name)
        if found:
            return found
    return missing("Python 3.11 or later for the emulator of BigQuery; there is none on the PATH")


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def running(command: list[str], port: int, log: Path, **environment: str) -> Iterator[None]:
    """Run a server until the block ends."""
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **environment})
        try:
            for _ in range(1200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if server.poll() is not None:
                    pytest.fail(f"the emulator ended at once:\n{log.read_text()[-2000:]}")
                time.sleep(0.1)
            else:
                pytest.fail(f"the emulator does not answer:\n{log.read_text()[-2000:]}")
            yield
        finally:
            server.terminate()
            server.wait(60)
