"""Starts Beam's Python workers for one TaskManager, as the container beside it does in a pod.

Run with: python pool.py ADDRESS:PORT

Beam's own `worker_pool_main` takes its port on every address of the machine. Two TaskManagers on one machine need a
pool each, behind the same name and port: they give their workers the same ids, and a shared pool would end the wrong
one.
"""

from __future__ import annotations

import sys

import grpc
from apache_beam.portability.api import beam_fn_api_pb2_grpc
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer
from apache_beam.utils import thread_pool_executor


def main(address: str) -> None:
    """Serve until this process is ended."""
    server = grpc.server(thread_pool_executor.shared_unbounded_instance())
    pool = BeamFnExternalWorkerPoolServicer(use_process=True)
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    assert server.add_insecure_port(address), address
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main(sys.argv[1])
