"""Call a served model: TF-Serving (or the embedded server) over gRPC or REST, or a Vertex AI endpoint.

::

    with connect("localhost:8500", "taxi") as client:
        client.predict([{"fare": 12.5, "payment_type": "Cash", ...}])
"""

from __future__ import annotations

from components.lib.serving.base_client import (
    Client,
    ClientError,
    DeadlineExceededError,
    ModelNotFoundError,
    ServerUnreachableError,
)
from pipeline_tools.errors import InputError

__all__ = [
    "Client",
    "ClientError",
    "DeadlineExceededError",
    "ModelNotFoundError",
    "ServerUnreachableError",
    "connect",
]


def connect(
    server: str, model_name: str = "", *, version: int | None = None, label: str = "", timeout: float = 10.0
) -> Client:
    """Make a client; the first request connects.

    Args:
        server: ``host:port`` for gRPC, ``http://host:port`` for REST, or ``vertex:projects/P/locations/L/endpoints/E``.
        model_name: The served model; not needed for an endpoint of Vertex AI.
        version: Version to call. Default: the server's choice.
        label: Label of the version to call.
        timeout: Seconds for one request.

    Returns:
        The client.

    Raises:
        InputError: The server or the model is not given correctly.
    """
    if server.startswith("vertex:"):
        from components.lib.serving.vertex_client import VertexClient

        return VertexClient(server.removeprefix("vertex:"), timeout=timeout)
    if not model_name:
        raise InputError("model_name is empty; give the name of the served model")
    if version is not None and label:
        raise InputError("version and label exclude each other; give one of them")
    if server.startswith(("http://", "https://")):
        from components.lib.serving.rest_client import RestClient

        return RestClient(server, model_name, version=version, label=label, timeout=timeout)
    host, _, port = server.removeprefix("grpc://").rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f"server={server!r}: must be host:port (gRPC), http://host:port (REST) or vertex:ENDPOINT")
    from components.lib.serving.grpc_client import GrpcClient

    return GrpcClient(f"{host}:{port}", model_name, version=version, label=label, timeout=timeout)
