"""The embedded model server: TF-Serving's gRPC and REST APIs over the versions under a base path.

It is for laptops, tests and rehearsals, and no substitute for TF-Serving in production: one process, no TLS, no
authentication, and Python between the socket and the model.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from components.lib.serving.config import ModelConfig
from components.lib.serving.grpc_api import open_grpc
from components.lib.serving.inference import Inference
from components.lib.serving.manager import Manager
from components.lib.serving.metrics import ServerMetrics
from components.lib.serving.rest_api import RestServer, open_port


@dataclass(frozen=True)
class ServerOptions:
    """Addresses and limits of a server.

    Attributes:
        host: Address to listen on. Default: loopback, since the server has no authentication.
        port: For gRPC; 0 for any free one.
        rest_api_port: For REST; 0 for any free one.
        poll_seconds: How often to look for new versions.
        request_timeout: Seconds that a request may wait and run.
        max_request_bytes: Largest request.
    """

    host: str = "127.0.0.1"
    port: int = 8500
    rest_api_port: int = 8501
    poll_seconds: float = 1.0
    request_timeout: float = 30.0
    max_request_bytes: int = 64 * 1024 * 1024


class ModelServer:
    """A running server; use it in a ``with`` block, or call `start` and `stop`.

    Args:
        models: What to serve.
        options: How.

    Attributes:
        port: The gRPC port, once it is started.
        rest_api_port: The REST port, once it is started.
    """

    def __init__(self, models: Sequence[ModelConfig], options: ServerOptions | None = None) -> None:
        self.options = options or ServerOptions()
        self.metrics = ServerMetrics()
        self.manager = Manager(models, self.options.poll_seconds, self.metrics.observe_batch)
        self._inference = Inference(self.manager, self.options.request_timeout)
        self._rest: RestServer | None = None
        self._grpc: Any = None
        self.port = 0
        self.rest_api_port = 0

    def start(self) -> ModelServer:
        """Open both ports, load the models, then serve.

        Returns:
            The server.

        Raises:
            InputError: A port is taken.
        """
        options = self.options
        self._grpc, self.port = open_grpc(
            self._inference, self.metrics, options.host, options.port, options.max_request_bytes
        )
        try:
            with contextlib.ExitStack() as on_error:
                listening = on_error.enter_context(open_port(options.host, options.rest_api_port))
                self.rest_api_port = listening.getsockname()[1]
                self.manager.start()
                self._grpc.start()
                self._rest = RestServer(self._inference, self.metrics, options.max_request_bytes)
                self._rest.start(listening)
                on_error.pop_all()
        except BaseException:
            self._grpc.stop(0)
            raise
        return self

    def stop(self, grace: float = 10.0) -> None:
        """Accept no more requests, finish the open ones, and stop.

        Args:
            grace: Seconds to wait for them.
        """
        self._grpc.stop(grace).wait()
        if self._rest:
            self._rest.stop(grace)
        self.manager.stop()

    def available(self) -> dict[str, list[int]]:
        """Return the available versions by model."""
        return {name: self.manager.available(name) for name in self.manager.model_names()}

    def __enter__(self) -> ModelServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
