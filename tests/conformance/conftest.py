"""Builds the Go programs that ask the real parts, once, and keeps them by the hash of their sources."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def go_program() -> Callable[[str], Path]:
    """Give the path of a built program, by the name of its directory here."""

    def build(name: str) -> Path:
        sources = [path for path in sorted((HERE / name).iterdir()) if path.suffix in (".go", ".mod", ".sum")]
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
        cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "taxi-pipeline" / "conformance"
        program = cache / digest / name
        if program.is_file():
            return program
        go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
        if go is None:
            pytest.skip("Go is not installed (https://go.dev/dl)")
        program.parent.mkdir(parents=True, exist_ok=True)
        scratch = program.with_suffix(f".{os.getpid()}")
        command = [go, "build", "-mod=readonly", "-buildvcs=false", "-o", str(scratch), "."]
        done = subprocess.run(command, cwd=HERE / name, capture_output=True, text=True)
        if done.returncode != 0 and _unreachable(done.stderr):
            pytest.skip(f"the Go modules are not to be had here: {done.stderr.strip().splitlines()[-1]}")
        assert done.returncode == 0, done.stderr
        scratch.replace(program)
        return program

    return build


def _unreachable(message: str) -> bool:
    return any(sign in message for sign in ("dial tcp", "no such host", "proxyconnect", "403 Forbidden", "i/o timeout"))
