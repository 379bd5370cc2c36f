"""Start the process of a step and wait for its end: forked from the fork server, or fresh."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline_tools.local.fork_server import MAX_MESSAGE, end_groups

Isolation = Literal["fork", "process"]

OnImport = Callable[[str, float | None], None]
OnStart = Callable[[int], None]  # told the process id

_GRACE = 3.0  # seconds; a little more than the fork server gives the steps


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        code: Exit code; of a signal, its negative number.
        cpu_seconds: User and system time.
        peak_memory_bytes: Largest resident set.
    """

    code: int
    cpu_seconds: float
    peak_memory_bytes: int


class ForkServerLostError(RuntimeError):
    """The fork server ended, and with it the steps that it had started."""


def default_isolation() -> Isolation:
    """Choose how steps are started: forked where that is safe.

    On macOS system libraries do not survive a fork, and elsewhere nothing was tried.
    """
    return "fork" if sys.platform == "linux" else "process"


def step_environment() -> dict[str, str]:
    """Give the environment that steps start with."""
    environment = dict(os.environ)
    environment["_KFP_RUNTIME"] = "true"  # as in a cluster: kfp then imports no compiler and no client
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # no report of CPU features in every log
    # A command named "python" is this interpreter, not another one that happens to come first.
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
    return environment


class Launcher:
    """Starts steps, and ends what it started when it is closed.

    Args:
        isolation: ``fork``: steps are forked from a fork server. ``process``: each is a fresh interpreter.
        modules: What the fork server imports, in this order.
        imports_log: Where it says what it imported, and how long that took.
        on_import: Told of each module, without seconds when its import begins and with them when it has ended.
    """

    def __init__(self, isolation: Isolation, modules: Sequence[str], imports_log: Path, on_import: OnImport) -> None:
        self._fresh: set[int] = set()
        self._fork_server: _ForkServerClient | None = None
        if isolation == "fork":
            self._fork_server = _ForkServerClient(modules, imports_log, on_import)

    async def launch(self, step: Path, log: Path, modules: Sequence[str] | None, on_start: OnStart) -> Ended:
        """Start a process that runs a step, and wait for its end.

        Args:
            step: The file that `pipeline_tools.local.step_process.run_step` reads.
            log: Where its output goes.
            modules: The modules that it imports; none when it shall not be forked.
            on_start: Told when the process has started, which may have to wait for an import.

        Returns:
            How it ended.

        Raises:
            ForkServerLostError: The fork server ended first. From then on steps start as fresh processes.
        """
        if self._fork_server is not None and modules is not None:
            try:
                return await self._fork_server.launch(step, log, modules, on_start)
            except ForkServerLostError:
                if self._fork_server is not None:
                    self._fork_server.close()
                    self._fork_server = None
                raise
        return await self._launch_fresh(step, log, on_start)

    async def _launch_fresh(self, step: Path, log: Path, on_start: OnStart) -> Ended:
        with log.open("ab") as file:
            process = subprocess.Popen(
                _python("pipeline_tools.local.step_process", step, os.getpid()),
                env=step_environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self._fresh.add(process.pid)
        on_start(process.pid)
        ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        threading.Thread(target=_wait, args=(process, asyncio.get_running_loop(), ended), daemon=True).start()
        result = await ended
        self._fresh.discard(process.pid)
        return result

    def close(self) -> None:
        """End every process that was started, with those it started in turn."""
        end_groups(list(self._fresh), _GRACE)
        if self._fork_server is not None:
            self._fork_server.close()


class _ForkServerClient:
    """The runner's end of the socket."""

    def __init__(self, modules: Sequence[str], imports_log: Path, on_import: OnImport) -> None:
        self._ids = itertools.count()
        self._futures: dict[int, asyncio.Future[Ended]] = {}
        self._on_start: dict[int, OnStart] = {}
        self._on_import = on_import
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, imports_log.open("wb") as log:
            self._process = subprocess.Popen(
                _python("pipeline_tools.local.fork_server", theirs.fileno(), os.getpid()),
                env=step_environment(),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        self._send(modules=list(modules))

    async def launch(self, step: Path, log: Path, modules: Sequence[str], on_start: OnStart) -> Ended:
        number = next(self._ids)
        future: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._futures[number] = future
        self._on_start[number] = on_start
        self._send(id=number, step=str(step), log=str(log), modules=list(modules))
        return await future

    def close(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:  # deep in an import
            self._process.kill()
            self._process.wait()

    def _send(self, **message: Any) -> None:
        try:
            self._socket.send(json.dumps(message).encode())
        except OSError:
            self._lost()

    def _read(self) -> None:
        try:
            data = self._socket.recv(MAX_MESSAGE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._lost()
            return
        message = json.loads(data)
        if "module" in message:
            self._on_import(message["module"], message.get("seconds"))
        elif "pid" in message:
            self._on_start.pop(message["id"])(message["pid"])
        else:
            future = self._futures.pop(message["id"])
            _settle(future, Ended(message["status"], message["cpu_seconds"], message["peak_memory_bytes"]))

    def _lost(self) -> None:
        for future in self._futures.values():
            if not future.done():
                future.set_exception(ForkServerLostError("the process that starts the steps has ended"))
        self._futures.clear()


def _python(module: str, *args: object) -> list[str]:
    """Start a module of this package with this process's path (a script's own folder is on it, for one)."""
    boot = f"import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); from {module} import main; main()"
    return [sys.executable, "-c", boot, json.dumps(sys.path), *map(str, args)]


def _wait(process: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop, ended: asyncio.Future[Ended]) -> None:
    try:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        with contextlib.suppress(OSError):  # processes that the step left behind
            os.killpg(process.pid, signal.SIGKILL)
        scale = 1 if sys.platform == "darwin" else 1024
        result = Ended(process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * scale)
    except ChildProcessError:  # ended and waited for while the run was interrupted
        process.returncode = -signal.SIGTERM
        result = Ended(-signal.SIGTERM, 0.0, 0)
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(_settle, ended, result)


def _settle(ended: asyncio.Future[Ended], result: Ended) -> None:
    if not ended.done():  # cancelled, for one
        ended.set_result(result)
