"""What a server counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from components.lib.serving.errors import Code

# Seconds: 0.25 ms to 8 s, doubling.
_LATENCIES = tuple(0.00025 * 2**power for power in range(16))


class ServerMetrics:
    """Counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "model_server_requests",
            "Requests answered, by model, API, method and canonical code.",
            ["model", "api", "method", "code"],
            registry=self._registry,
        )
        self._latency = Histogram(
            "model_server_request_seconds",
            "Time from a request's arrival to its answer.",
            ["api", "method"],
            buckets=_LATENCIES,
            registry=self._registry,
        )
        self._batch = Histogram(
            "model_server_batch_rows",
            "Rows answered in one call of the model.",
            ["model"],
            buckets=tuple(2**power for power in range(11)),
            registry=self._registry,
        )

    def observe_request(self, model: str, api: str, method: str, code: Code, seconds: float) -> None:
        """Count a request.

        Args:
            model: A model that the server knows, or empty: names from outside would make labels without end.
            api: ``grpc`` or ``rest``.
            method: For example ``predict``.
            code: How it ended.
            seconds: How long it took.
        """
        self._requests.labels(model, api, method, code.name).inc()
        self._latency.labels(api, method).observe(seconds)

    def observe_batch(self, model: str, rows: int) -> None:
        """Count a batch.

        Args:
            model: Which model answered it.
            rows: How many rows it had.
        """
        self._batch.labels(model).observe(rows)

    def page(self) -> bytes:
        """Write everything in Prometheus' text format."""
        return generate_latest(self._registry)
