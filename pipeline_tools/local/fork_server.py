"""The process that imports what the steps import, once, and forks a child for each step.

It runs nothing of its own and starts no thread; those that libraries keep from their import on (allocators, BLAS) are
idle and come back after a fork. It serves requests between two imports: a step starts as soon as what it imports is
there, while the rest is still being imported.

`main` takes the file descriptor of one end of a socket, and the process id of the runner.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from pipeline_tools.local.step_process import end_with_parent, leave, redirect, run_step

MAX_MESSAGE = 1 << 20
_GRACE = 2.0  # seconds between asking a step to end and making it end


class ForkServer:
    """Serves the runner at the other end of a socket, one JSON object a message.

    From the runner: first ``{"modules": […]}``, then ``{"id", "step", "log", "modules"}`` for each step.
    To the runner: ``{"module"}`` before an import and ``{"module", "seconds"}`` after it; ``{"id", "pid"}`` when a step
    has started, ``{"id", "status", "cpu_seconds", "peak_memory_bytes"}`` when it has ended.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._children: dict[int, int] = {}  # process id -> id of the step
        self._done: set[str] = set()
        self._to_import: list[str] = []
        self._waiting: list[dict[str, Any]] = []

    def serve(self) -> None:
        """Import and fork until the runner hangs up."""
        for number in (signal.SIGINT, signal.SIGHUP):  # Ctrl-C and a closed terminal are the runner's to handle
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: self._end())
        signal.signal(signal.SIGCHLD, lambda *_: self._reap())
        first = self._receive(wait=True)
        if first is None:  # cannot be: waiting gives a message, or ends this process
            self._end()
            return
        gc.disable()  # imports make much and throw little away: looking for garbage takes a fifth of their time
        self._to_import = ["kfp.dsl.executor_main", *first["modules"]]
        while True:
            request = self._receive(wait=not (self._to_import or self._waiting))
            if request is not None:
                self._waiting.append(request)
                announced = self._done.union(self._to_import)
                self._to_import[:0] = [module for module in request["modules"] if module not in announced]
                continue
            for ready in [each for each in self._waiting if self._done.issuperset(each["modules"])]:
                self._waiting.remove(ready)
                self._fork(ready)
            if self._to_import:
                self._import(self._to_import.pop(0))

    def _receive(self, *, wait: bool) -> dict[str, Any] | None:
        try:
            message = self._connection.recv(MAX_MESSAGE, 0 if wait else socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        if not message:
            self._end()
        received: dict[str, Any] = json.loads(message)
        return received

    def _send(self, **message: Any) -> None:
        try:
            self._connection.send(json.dumps(message).encode())
        except OSError:  # the runner is gone
            self._end()

    def _import(self, module: str) -> None:
        self._send(module=module)
        began = time.monotonic()
        try:
            importlib.import_module(module)
        except BaseException:
            traceback.print_exc()
        self._done.add(module)
        seconds = time.monotonic() - began
        print(f"{seconds:6.2f} s  {module}", flush=True)  # noqa: T201 - the log of the imports
        self._send(module=module, seconds=seconds)

    def _fork(self, request: dict[str, Any]) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        gc.freeze()  # pages that the collector never touches stay shared
        server = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # no end before the start is noted
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of any thread, idle or not
            child = os.fork()
        if child == 0:
            self._run_child(request, server)
        with contextlib.suppress(OSError):  # the child does the same; who comes first does not matter
            os.setpgid(child, child)
        self._children[child] = request["id"]
        self._send(id=request["id"], pid=child)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})

    def _run_child(self, request: dict[str, Any], server: int) -> None:
        try:
            gc.enable()
            with contextlib.suppress(OSError):
                os.setpgid(0, 0)
            for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            end_with_parent(signal.SIGKILL)
            if os.getppid() != server:
                leave(1)
            self._connection.close()
            redirect(Path(request["log"]))
            leave(run_step(Path(request["step"])))
        finally:
            os._exit(1)  # never back into the server's own loop

    def _reap(self) -> None:
        for child in list(self._children):
            try:
                pid, status, usage = os.wait4(child, os.WNOHANG)
            except ChildProcessError:  # another signal came in between, and its handler was first
                continue
            if pid == 0:
                continue
            with contextlib.suppress(OSError):  # processes that the step left behind
                os.killpg(child, signal.SIGKILL)
            self._send(
                id=self._children.pop(child),
                status=os.waitstatus_to_exitcode(status),
                cpu_seconds=usage.ru_utime + usage.ru_stime,
                peak_memory_bytes=usage.ru_maxrss * 1024,
            )

    def _end(self) -> None:
        """End every step with the processes it started, then this process."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        end_groups(list(self._children), _GRACE)
        os._exit(0)


def end_groups(leaders: list[int], grace: float) -> None:
    """End process groups whose leaders are children of this process: ask first, insist after a while.

    Args:
        leaders: Their leaders' process ids.
        grace: Seconds to wait between the two.
    """
    for leader in leaders:
        with contextlib.suppress(OSError):
            os.killpg(leader, signal.SIGTERM)
    deadline = time.monotonic() + grace
    waiting = set(leaders)
    while waiting and time.monotonic() < deadline:
        for leader in list(waiting):
            try:
                ended = os.waitpid(leader, os.WNOHANG)[0]
            except ChildProcessError:
                ended = leader
            if ended:
                waiting.discard(leader)
        time.sleep(0.01)
    for leader in leaders:
        with contextlib.suppress(OSError):
            os.killpg(leader, signal.SIGKILL)


def main() -> None:
    """Serve the runner at the other end of the file descriptor named on the command line."""
    end_with_parent(signal.SIGTERM)
    if os.getppid() != int(sys.argv[2]):
        os._exit(1)
    ForkServer(socket.socket(fileno=int(sys.argv[1]))).serve()
