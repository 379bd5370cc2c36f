"""Train by several processes on this machine, and start them again where one is lost."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from components.training.request import Request, Workers
from components.training.tf_config import VARIABLE, make_tf_config
from components.training.worker import BAD_INPUT, RESULT
from pipeline_tools.errors import InputError, PipelineToolsError
from pipeline_tools.signals import terminable

COMMAND = (sys.executable, "-m", "components.training.worker")

_POLL = 0.05  # seconds
_LAST = 1.0  # seconds in which a lost worker's peers may end of it before it is seen itself


class WorkerError(PipelineToolsError):
    """A worker failed, or workers were lost too often; the log has what it said."""


def train_by_workers(request: Request, model: str, options: Workers) -> dict[str, float]:
    """Train by several fresh processes, which talk to each other on loopback.

    They end with this process, however it ends. Their output is told line by line, with the worker's number.

    Args:
        request: What to train; checked.
        model: Directory to write.
        options: How many, and what if one is lost; checked.

    Returns:
        Metrics, as the first worker measured them.

    Raises:
        InputError: A worker says so.
        WorkerError: A worker failed, or they were lost more than ``max_restarts`` times.
    """
    target = Path(model)
    target.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(terminable())
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".workers.", dir=target.parent)))
        order = scratch / "order.json"
        content = {
            "request": dataclasses.asdict(request),
            "checkpoint_dir": options.checkpoint_dir or str(scratch / "checkpoints"),
            "checkpoint_steps": options.checkpoint_steps,
            "model": str(target.absolute()),
            "result": str(scratch),
        }
        order.write_text(json.dumps(content), encoding="utf-8")
        for attempt in range(options.max_restarts + 1):
            lost = _attempt(order, options.workers)
            if lost is None:
                result: dict[str, dict[str, float]] = json.loads((scratch / "0" / RESULT).read_text(encoding="utf-8"))
                return result["metrics"]
            if attempt < options.max_restarts:
                _tell(f"{lost}; all workers start again (restart {attempt + 1} of {options.max_restarts})")
    raise WorkerError(f"{lost}, and the workers have been started again max_restarts={options.max_restarts} times")


def _attempt(order: Path, workers: int) -> str | None:
    """Run the workers once; tell of one that was lost."""
    with _free_ports(workers) as ports:
        hosts = [f"127.0.0.1:{port}" for port in ports]
    with ExitStack() as stack:
        processes = [stack.enter_context(_worker(order, hosts, number)) for number in range(workers)]
        codes = _wait(processes)
    for number, code in enumerate(codes):
        if code == BAD_INPUT:
            found = json.loads((order.parent / str(number) / RESULT).read_text(encoding="utf-8"))
            raise InputError(found["error"])
    for number, code in enumerate(codes):
        if code is not None and code < 0:
            return f"worker {number} was ended by {signal.Signals(-code).name}"
    for number, code in enumerate(codes):
        if code:
            raise WorkerError(f"worker {number} of {workers} failed with exit code {code}; its log lines say why")
    return None


def _wait(processes: Sequence[subprocess.Popen[bytes]]) -> list[int | None]:
    """Wait until the first has ended well, or one has not; then give the others a moment to tell who was first."""
    while True:
        codes = [process.poll() for process in processes]
        if codes[0] == 0:  # the model is there, and whole
            return [0] * len(codes)
        if any(codes):
            deadline = time.monotonic() + _LAST
            while time.monotonic() < deadline and not any(code == BAD_INPUT or (code or 0) < 0 for code in codes):
                time.sleep(_POLL)
                codes = [process.poll() for process in processes]
            return codes
        time.sleep(_POLL)


@contextmanager
def _worker(order: Path, hosts: Sequence[str], number: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        VARIABLE: make_tf_config(hosts, number),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONUNBUFFERED": "1",
    }
    # gRPC would take the way to the neighbour through a proxy.
    environment["no_proxy"] = ",".join(filter(None, [environment.get("no_proxy", ""), "127.0.0.1"]))
    process = subprocess.Popen(
        [*COMMAND, str(order), "--end-with-stdin"],
        env=environment,
        stdin=subprocess.PIPE,  # closed by the kernel when this process ends: the worker ends with it
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    reader = threading.Thread(target=_prefix, args=(process.stdout, f"[worker {number}] "), daemon=True)
    reader.start()
    try:
        yield process
    finally:
        # Nothing that a worker could still do is wanted: checkpoints and the model are whole, or not there.
        process.kill()
        process.wait()
        reader.join(timeout=5)
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.stdout.close()


def _prefix(stream: IO[bytes], prefix: str) -> None:
    for line in stream:
        print(prefix + line.decode("utf-8", "replace").rstrip("\r\n"), flush=True)  # noqa: T201


def _tell(text: str) -> None:
    print(text, flush=True)  # noqa: T201


@contextmanager
def _free_ports(count: int) -> Iterator[list[int]]:
    """Find ports that nobody listens on, all at once so that they differ."""
    with ExitStack() as stack:
        sockets: list[Any] = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        yield [each.getsockname()[1] for each in sockets]
