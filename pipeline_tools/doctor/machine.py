"""The machine: its Python, disk, memory and processors."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline_tools.doctor.finding import Finding, Findings

DISK = 2.0
"""GB that should be free for runs and temporary files; one run of workflow1 needs far less."""

MEMORY = 4.0
"""GB for two concurrent steps, each with TensorFlow and a few hundred thousand trips."""

_CGROUP = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60  # version 1 of cgroups says "no limit" by a number above this
_find = Findings("machine")


def check_machine(directory: Path) -> Iterator[Finding]:
    """Check this machine, except for what is installed (see ``packages``).

    Args:
        directory: Where runs will be stored; need not exist.

    Yields:
        What was found.
    """
    version = ".".join(map(str, sys.version_info[:3]))
    yield _find.ok("python", f"{version} at {sys.executable}")
    yield from _bytecode()
    paths = dict.fromkeys([_existing(directory.absolute()), Path(tempfile.gettempdir())])
    for path in paths:
        yield _disk(path)
    yield _memory()
    yield _find.ok("processors", f"{len(_processors())}: as many steps run concurrently")


def _processors() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _existing(path: Path) -> Path:
    while not path.is_dir():
        path = path.parent
    return path


def _bytecode() -> Iterator[Finding]:
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        yield _find.advice(
            "bytecode",
            "PYTHONDONTWRITEBYTECODE is set: imports take two to three times as long in every step",
            "unset PYTHONDONTWRITEBYTECODE",
        )
    else:
        yield _find.ok("bytecode", "Python caches compiled modules")


def _disk(path: Path) -> Finding:
    free = shutil.disk_usage(path).free / 1e9
    if not os.access(path, os.W_OK):
        return _find.wrong("disk", f"{path} cannot be written to", f"chmod u+w {path}, or name another --directory")
    if free < DISK:
        return _find.wrong("disk", f"{free:.1f} GB free at {path}", f"free {DISK - free:.1f} GB or more there")
    return _find.ok("disk", f"{free:.1f} GB free at {path}")


def _memory() -> Finding:
    free, limited = available_memory()
    if free is None:
        return _find.advice(
            "memory", "this system does not report free memory", f"make sure that {MEMORY:.0f} GB are free"
        )
    text = f"{free / 1e9:.1f} GB free" + (" within this container's limit" if limited else "")
    if free / 1e9 < MEMORY:
        return _find.wrong("memory", text, f"provide {MEMORY:.0f} GB, or run one step at a time: run --parallelism 1")
    return _find.ok("memory", text)


def available_memory(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = _CGROUP) -> tuple[int | None, bool]:
    """Return how much memory is available to a process.

    Args:
        meminfo: Linux's account of the machine.
        cgroup: Linux's account of this container.

    Returns:
        Bytes (None if the system does not report them), and whether a container's limit bounds them.
    """
    free = None
    if meminfo.is_file():
        fields = dict(line.split(":", 1) for line in meminfo.read_text(encoding="utf-8").splitlines() if ":" in line)
        if "MemAvailable" in fields:
            free = int(fields["MemAvailable"].split()[0]) * 1024
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            most, now = (int((cgroup / name).read_text(encoding="utf-8")) for name in (limit, used))
        except (OSError, ValueError):  # no such file, or "max"
            continue
        if most < _UNLIMITED and (free is None or most - now < free):
            return max(most - now, 0), True
    return free, False
