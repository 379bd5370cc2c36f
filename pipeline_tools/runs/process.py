"""Which process writes a run's record, and whether it still exists: what a reader goes by, instead of trust."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

_STARTED = 19  # of the fields of /proc/PID/stat behind the command's name: when it started, in clock ticks after boot


@dataclass(frozen=True)
class Process:
    """A process, told apart from every other that had or will have its number.

    Attributes:
        host: Name of the machine or container.
        boot: What the machine's last boot is known by, with the namespace of process numbers; empty where neither is
            known.
        pid: Its number.
        started: When it started, as the system tells it.
    """

    host: str
    boot: str
    pid: int
    started: str

    def to_json(self) -> dict[str, str | int]:
        """Give the attributes as a mapping."""
        return asdict(self)


def this_process() -> Process:
    """Describe the process that asks."""
    return Process(platform.node(), _boot(), os.getpid(), _started(os.getpid()) or "")


def has_ended(process: Process) -> bool:
    """Tell whether a process is certainly gone.

    Args:
        process: As `this_process` described it.

    Returns:
        True if the process, or the boot of the machine that it ran in, is over. False while it goes on, and on another
        machine, which cannot see it.
    """
    if process.host != platform.node():
        return False
    if process.boot != _boot():
        return True
    return _started(process.pid) != process.started


def _boot() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no path, but a name
    except OSError:  # not Linux
        return ""


def _started(pid: int) -> str | None:
    """Tell when a process started; None if there is none of that number, or only what is left of one."""
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[_STARTED]  # zombie, dead
    found = subprocess.run(  # macOS
        ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or None
