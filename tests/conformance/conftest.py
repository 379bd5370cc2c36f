"""Builds the Go programs that ask the real parts, once, and keeps them by the hash of their sources."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools import CACHE, go, missing

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def go_program() -> Callable[[str], Path]:
    """Give the path of a built program, by the name of its directory here."""

    def build(name: str) -> Path:
        sources = [path for path in sorted((HERE / name).iterdir()) if path.suffix in (".go", ".mod", ".sum")]
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
        program = CACHE / "conformance" / digest / name
        if program.is_file():
            return program
        program.parent.mkdir(parents=True, exist_ok=True)
        scratch = program.with_suffix(f".{os.getpid()}")
        command = [go(), "build", "-mod=readonly", "-buildvcs=false", "-o", str(scratch), "."]
        done = subprocess.run(command, cwd=HERE / name, capture_output=True, text=True)
        if done.returncode != 0 and _unreachable(done.stderr):
            missing(f"the Go modules are not to be had here: {done.stderr.strip().splitlines()[-1]}")
        assert done.returncode == 0, done.stderr
        scratch.replace(program)
        return program

    return build


def _unreachable(message: str) -> bool:
    return any(sign in message for sign in ("dial tcp", "no such host", "proxyconnect", "403 Forbidden", "i/o timeout"))
