"""Beam's job server and Flink from Maven Central, in Maven's own cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.tools import CACHE

POM = Path(__file__).parent / "pom.xml"

# How Maven says that it cannot have what it was asked for.
_UNREACHABLE = (
    "Could not find artifact",
    "Could not resolve",
    "Could not transfer",
    "Unknown host",
    "was not found in",
)


class FlinkMissingError(Exception):
    """Flink cannot be had on this machine; the message says why."""


def classpath() -> str:
    """Have Maven fetch the jars once; later calls ask nobody.

    Returns:
        The paths of the jars, as Java wants them.

    Raises:
        FlinkMissingError: Java or Maven is missing, or the jars cannot be fetched.
    """
    if sys.platform != "linux":
        raise FlinkMissingError("each worker of the cluster has a loopback address of its own, which only Linux gives")
    for program, package in (("java", "a JRE 11 or 17"), ("mvn", "Maven")):
        if shutil.which(program) is None:
            raise FlinkMissingError(f"{program} is not installed ({package})")
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:16]
    cache = CACHE / "flink"
    known = cache / f"{digest}.classpath"
    if known.is_file() and all(Path(jar).is_file() for jar in known.read_text().split(os.pathsep)):
        return known.read_text()
    cache.mkdir(parents=True, exist_ok=True)
    scratch = known.with_suffix(f".{os.getpid()}")
    command = ["mvn", "-B", "-q", "-f", str(POM), "dependency:build-classpath", f"-Dmdep.outputFile={scratch}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = done.stdout + done.stderr
        if any(sign in said for sign in _UNREACHABLE):
            raise FlinkMissingError(f"the jars of Flink are not to be had here: {_first_error(said)}")
        raise RuntimeError(said)
    scratch.replace(known)
    return known.read_text()


def _first_error(said: str) -> str:
    lines = [line for line in said.splitlines() if any(sign in line for sign in _UNREACHABLE)]
    return lines[0][:300]
