"""The embedded model server against a direct call of the same signature, and under load.

python -m benchmarks.serving MODEL_BASE_PATH MODEL_NAME [--seconds 60]

MODEL_BASE_PATH is what a deploy step published to: the requests are the golden requests of the newest version.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from components.lib.deploy.golden import read_requests
from components.lib.deploy.model_base import LocalModelBase
from components.lib.serving.example import encode_row

CALLS = 1000
CLIENTS = 16


def main() -> None:
    """Measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model_base_path")
    parser.add_argument("model_name")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--load-client", metavar="ADDRESS", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    source = LocalModelBase(arguments.model_base_path, arguments.model_name)
    model = Path(source.path(source.versions()[-1]))
    rows = [encode_row(request.columns) for request in read_requests(model)]
    if arguments.load_client:
        print(json.dumps(load(arguments.load_client, arguments.model_name, rows, arguments.seconds)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        base = LocalModelBase(scratch, arguments.model_name)
        base.publish(model)
        with Server(scratch) as server:
            figures = {"one client": side_by_side(server.address, arguments.model_name, model, rows)}
            figures["load"] = under_load(server, base, model, arguments)
    print(json.dumps(figures, indent=2))


class Server:
    """`taxi-pipeline serve` in a process of its own."""

    def __init__(self, base_path: str) -> None:
        command = [sys.executable, "-m", "taxi_pipeline", "serve", "--model-base-path", base_path]
        self.process = subprocess.Popen(
            [*command, "--port", "0", "--rest-api-port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        for line in self.process.stdout:
            if found := re.search(r"gRPC at (\S+),", line):
                self.address = found.group(1)
                break

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.communicate()

    def memory(self) -> float:
        """Resident memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


def request_of(name: str, rows: list[bytes]) -> Any:
    """Ask for serialized examples by `serving_default`."""
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.inputs["examples"].CopyFrom(tf.make_tensor_proto(rows))
    return request


def side_by_side(address: str, name: str, model: Path, rows: list[bytes]) -> dict:
    """Time a request and a direct call in turns, so that the machine's noise falls on both."""
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_service_pb2_grpc

    loaded = tf.saved_model.load(str(model))
    function = loaded.signatures["serving_default"]
    figures = {}
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for count in (1, 64):
            some = (rows * 64)[:count]
            request = request_of(name, some)
            served, direct = [], []
            for _ in range(CALLS):
                began = time.perf_counter()
                stub.Predict(request, 10)
                middle = time.perf_counter()
                function(examples=tf.constant(some))["probability"].numpy()
                direct.append(time.perf_counter() - middle)
                served.append(middle - began)
            p50 = [float(np.median(times[50:])) * 1000 for times in (served, direct)]
            figures[f"{count} examples"] = {
                "server p50 ms": round(p50[0], 3),
                "direct p50 ms": round(p50[1], 3),
                "ratio": round(p50[0] / p50[1], 2),
            }
    return figures


def under_load(server: Server, base: LocalModelBase, model: Path, arguments: argparse.Namespace) -> dict:
    """Let 16 clients ask for a while, from another process; publish a version in the middle."""
    command = [sys.executable, "-m", "benchmarks.serving", arguments.model_base_path, arguments.model_name]
    with subprocess.Popen(
        [*command, "--seconds", str(arguments.seconds), "--load-client", server.address],
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        memory = []
        began = time.monotonic()
        published = False
        while client.poll() is None:
            time.sleep(1)
            memory.append(server.memory())
            if not published and time.monotonic() - began > 15 + arguments.seconds / 2:
                base.publish(model)
                published = True
        figures = json.loads(client.stdout.read())
    quarter = len(memory) // 4
    figures["memory MB, by quarter"] = [
        round(float(np.mean(memory[at : at + quarter])), 1) for at in range(0, 4 * quarter, quarter)
    ]
    return figures


def load(address: str, name: str, rows: list[bytes], seconds: float) -> dict:
    """Ask with 16 clients at a time."""
    import grpc
    from tensorflow_serving.apis import prediction_service_pb2_grpc

    times: list[float] = []
    errors: list[str] = []
    versions: set[int] = set()
    lock = threading.Lock()
    end = time.monotonic() + seconds

    def ask(number: int) -> None:
        request = request_of(name, [rows[number % len(rows)]])
        mine, seen = [], set()
        with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            while time.monotonic() < end:
                began = time.perf_counter()
                try:
                    seen.add(stub.Predict(request, 10).model_spec.version.value)
                except grpc.RpcError as error:
                    with lock:
                        errors.append(f"{error.code().name}: {error.details()}")
                mine.append(time.perf_counter() - began)
        with lock:
            times.extend(mine[5:])
            versions.update(seen)

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(ask, range(CLIENTS)))
    p50, p99, worst = (float(value) * 1000 for value in np.percentile(times, [50, 99, 100]))
    return {
        "clients": CLIENTS,
        "seconds": seconds,
        "requests": len(times),
        "errors": errors[:5],
        "error count": len(errors),
        "versions seen": sorted(versions),
        "p50 ms": round(p50, 2),
        "p99 ms": round(p99, 2),
        "max ms": round(worst, 1),
        "p99 / p50": round(p99 / p50, 2),
    }


if __name__ == "__main__":
    main()
