"""An Apache Flink cluster on loopback: a JobManager, TaskManagers of one slot each, and Beam's job server.

Run with: python -m tests.flink.cluster [WORKERS]

Every TaskManager has a pool of Python workers beside it, as in a pod on Kubernetes. The cluster is one process with its
children; it writes one line of JSON when it is ready, and ends when its standard input does: with whoever started it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.flink.jars import classpath

ROOT = Path(__file__).parents[2]
POOL = Path(__file__).parent / "pool.py"
START = 120.0
"""Seconds that a process may take to start, on a machine that has other work."""

_HEAP = 768  # MiB, of a TaskManager; the JVM takes what it needs

_FLINK = "org.apache.flink.runtime"
_LOG = "-Dorg.slf4j.simpleLogger"
_JAVA = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # short jobs: what is compiled better comes too late
    f"{_LOG}.showDateTime=true",
    f"{_LOG}.dateTimeFormat=HH:mm:ss",
    f"{_LOG}.defaultLogLevel=warn",
    f"{_LOG}.log.org.apache.beam.runners.jobsubmission=info",
    f"{_LOG}.log.org.apache.flink.client=info",
    f"{_LOG}.log.org.apache.beam.runners.flink.FlinkPipelineRunner=info",
)

_CONFIG = {
    "blob.server.port": "0",
    # Beam lies on the class path of Flink itself; only then does it keep Python workers from stage to stage.
    "classloader.resolve-order": "parent-first",
    "heartbeat.timeout": "300000",  # a busy machine is no dead worker
    "jobmanager.bind-host": "localhost",
    "jobmanager.rpc.address": "localhost",
    "parallelism.default": "1",
    "pekko.ask.timeout": "120 s",
    "rest.address": "localhost",
    "rest.bind-address": "localhost",
    "restart-strategy.type": "none",  # what fails is to be seen
    "taskmanager.bind-host": "localhost",
    "taskmanager.cpu.cores": "1.0",
    "taskmanager.host": "localhost",
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.max": "192m",
    "taskmanager.memory.jvm-overhead.min": "192m",
    "taskmanager.memory.managed.size": "256m",
    "taskmanager.memory.network.max": "256m",
    "taskmanager.memory.network.min": "256m",
    "taskmanager.memory.task.heap.size": f"{_HEAP - 128}m",
    "taskmanager.memory.task.off-heap.size": "0m",
    # TFT's and TFMA's jobs have dozens of shuffles at a time, and by default each takes 512 buffers at least.
    "taskmanager.network.sort-shuffle.min-buffers": "64",
    "taskmanager.numberOfTaskSlots": "1",
}


@contextmanager
def flink_cluster(workers: int) -> Iterator[list[str]]:
    """Run a cluster as a process of its own until the block ends.

    Args:
        workers: TaskManagers; a job can use as many.

    Yields:
        The flags that send a pipeline of the ``PortableRunner`` there.

    Raises:
        FlinkMissingError: Flink cannot be had here.
    """
    classpath()  # once, and with its error here
    command = [sys.executable, "-m", "tests.flink.cluster", str(workers)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, f"the cluster did not start; it ended with {process.wait()}"
        yield json.loads(line)["flags"]
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(120)


def main(workers: int) -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started ends, too
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flink-")))
        endpoint, pool = _start(stack, home, workers)
        flags = [
            f"--job_endpoint={endpoint}",
            "--environment_type=EXTERNAL",
            f"--environment_config={pool}",
            f"--parallelism={workers}",
            # Python workers outlive a stage: each new one would import TensorFlow anew.
            "--environment_cache_millis=60000",
            # Nothing is staged: workers have what they need, and the job server no directory in common with them.
            "--experiments=disable_logging_submission_environment",
        ]
        print(json.dumps({"flags": flags, "logs": str(home)}), flush=True)
        sys.stdin.read()


def _start(stack: ExitStack, home: Path, workers: int) -> tuple[str, str]:
    """Start all processes; return the address of the job server, and the one that TaskManagers find their pool at."""
    rpc, rest, pool = (_free_port() for _ in range(3))
    ports = {"jobmanager.rpc.port": rpc, "rest.port": rest, "rest.bind-port": rest}
    config = {**_CONFIG, **ports, "io.tmp.dirs": home}
    (home / "config.yaml").write_text("".join(f"{key}: {value}\n" for key, value in config.items()))
    jars, configured = classpath(), ["--configDir", str(home)]

    def java(name: str, heap: int, main_class: str, arguments: list[str], *options: str) -> Path:
        sizes = [f"-Xmx{heap}m", f"-Djava.io.tmpdir={home}"]
        command = ["java", *sizes, *_JAVA, *options, "-cp", jars, main_class, *arguments]
        return _run(stack, home / f"{name}.log", command)

    java("jobmanager", 512, f"{_FLINK}.entrypoint.StandaloneSessionClusterEntrypoint", configured)
    for worker in range(workers):
        address, hosts = f"127.0.0.{worker + 2}", home / f"hosts{worker}"
        hosts.write_text(f"127.0.0.1 localhost {socket.gethostname()}\n{address} workers\n")
        _run(stack, home / f"pool{worker}.log", [sys.executable, str(POOL), f"{address}:{pool}"])
        names = f"-Djdk.net.hosts.file={hosts}"
        java(f"taskmanager{worker}", _HEAP, f"{_FLINK}.taskexecutor.TaskManagerRunner", configured, names)
    served = ["--job-host=localhost", "--job-port=0", "--artifact-port=0", "--expansion-port=-1"]
    served += [f"--flink-master=localhost:{rest}", f"--artifacts-dir={home / 'artifacts'}"]
    server = java("jobserver", 512, "org.apache.beam.runners.flink.FlinkJobServerDriver", served)
    found = _wait(lambda: re.search(r"JobService started on (\S+)", server.read_text()), server)
    _wait(lambda: _taskmanagers(rest) == workers, home / "taskmanager0.log")
    return found[1], f"workers:{pool}"


def _run(stack: ExitStack, log: Path, command: list[str]) -> Path:
    """Start a process that ends, with its children, when the stack is left."""
    environment = {
        **os.environ,
        # A pool starts `python`, whichever comes first.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True
        )
    stack.callback(_end, process)
    return log


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, subprocess.TimeoutExpired):
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # its children, too
    process.wait()


def _wait(ready: Callable[[], Any], log: Path) -> Any:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        if found := ready():
            return found
        time.sleep(0.2)
    sys.exit(f"not ready after {START:.0f} seconds:\n{log.read_text()[-3000:]}")


def _taskmanagers(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://localhost:{port}/overview", timeout=60) as answer:
            return int(json.load(answer)["taskmanagers"])
    except OSError:
        return 0


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
