"""TF-Serving's REST API, on aiohttp."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

import tensorflow as tf
from aiohttp import web
from google.protobuf import json_format
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    regression_pb2,
)

from components.lib.serving import rest_json
from components.lib.serving.errors import HTTP_STATUS, Code, ServingError, invalid
from components.lib.serving.grpc_api import status_response
from components.lib.serving.inference import SIGNATURE_DEF, Inference
from components.lib.serving.metrics import ServerMetrics
from pipeline_tools.errors import InputError

LOG = logging.getLogger(__name__)

METRICS_PATH = "/monitoring/prometheus/metrics"

_WHICH = r"/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_INFER = re.compile(_WHICH + r":(?P<method>classify|regress|predict)", re.IGNORECASE)
_STATUS = re.compile(_WHICH + r"(?P<metadata>/metadata)?", re.IGNORECASE)


def open_port(host: str, port: int) -> socket.socket:
    """Take a port, before there is anything to answer with.

    Args:
        host: Where to listen.
        port: 0 for any free one.

    Returns:
        A bound socket.

    Raises:
        InputError: The port is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise InputError(
            f"port {port} on {host} cannot be opened for REST: {error.strerror}. Give another --rest-api-port"
        ) from None
    return listening


class RestServer:
    """Answers REST in a thread of its own.

    Args:
        inference: Answers.
        metrics: Counts.
        max_bytes: Largest body.
    """

    def __init__(self, inference: Inference, metrics: ServerMetrics, max_bytes: int) -> None:
        self._inference = inference
        self._metrics = metrics
        self._max_bytes = max_bytes
        self._pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="rest")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rest", daemon=True)
        self._runner: web.AppRunner | None = None

    def start(self, listening: socket.socket) -> None:
        """Start answering.

        Args:
            listening: As `open_port` returns it.
        """
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(listening), self._loop).result()

    async def _start(self, listening: socket.socket) -> None:
        app = web.Application(client_max_size=self._max_bytes)
        app.router.add_get(METRICS_PATH, self._serve_metrics)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=10)
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()

    def stop(self, grace: float) -> None:
        """Take no more requests, answer those that are under way, and end.

        Args:
            grace: Seconds to wait for them.
        """
        if self._runner is not None:
            asyncio.run_coroutine_threadsafe(self._end(self._runner), self._loop).result(timeout=grace + 15)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=15)
        self._loop.close()
        self._pool.shutdown()

    async def _end(self, runner: web.AppRunner) -> None:
        await runner.cleanup()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:  # connections that are kept open, and idle
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _serve_metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.page(), content_type="text/plain")

    async def _serve(self, request: web.Request) -> web.Response:
        began = time.perf_counter()
        code, method, model = Code.OK, "unknown", ""
        status, body = 200, b""
        try:
            found = _match(request)
            model, method = unquote(found["model"]), found.get("method") or "status"
            content = await request.read() if request.method == "POST" else b""
            body = await self._loop.run_in_executor(self._pool, self._answer, found, content)
        except ServingError as error:
            code = error.code
            status, body = HTTP_STATUS.get(code, 500), _error(error.message)
        except web.HTTPRequestEntityTooLarge as error:
            code, status = Code.RESOURCE_EXHAUSTED, 413
            body = _error(f"request body is larger than {self._max_bytes} bytes: {error.text}")
        except Exception as error:
            LOG.exception("%s %s", request.method, request.path)
            code, status = Code.INTERNAL, 500
            body = _error(f"{type(error).__name__}: {error}")
        known = model if self._inference.manager.knows(model) else ""
        self._metrics.observe_request(known, "rest", method.lower(), code, time.perf_counter() - began)
        return web.Response(status=status, body=body, content_type="application/json")

    def _answer(self, found: dict[str, Any], content: bytes) -> bytes:
        spec = model_pb2.ModelSpec(name=unquote(found["model"]))
        if found["version"]:
            if int(found["version"]) >= 2**63:
                raise invalid(f"Failed to convert version: {found['version']} to numeric.")
            spec.version.value = int(found["version"])
        if found["label"]:
            spec.version_label = unquote(found["label"])
        method = (found.get("method") or "").lower()
        if method == "predict":
            return self._predict(spec, content)
        if method == "classify":
            classify = classification_pb2.ClassificationRequest(model_spec=spec)
            _fill_examples(classify, content)
            return _dump({"results": rest_json.classifications(self._inference.classify(classify).result)})
        if method == "regress":
            regress = regression_pb2.RegressionRequest(model_spec=spec)
            _fill_examples(regress, content)
            return _dump({"results": rest_json.regressions(self._inference.regress(regress).result)})
        return self._metadata(spec) if found.get("metadata") else self._status(spec)

    def _predict(self, spec: model_pb2.ModelSpec, content: bytes) -> bytes:
        request = rest_json.parse_object(content)
        name = rest_json.signature_name(request)
        version = spec.version.value if spec.HasField("version") else None
        with self._inference.manager.use(spec.name, version, spec.version_label) as lease:
            inputs, in_rows = rest_json.predict_inputs(request, lease.servable.signature(name))
            outputs = self._inference.run(lease, name, inputs)
        return _dump(rest_json.predictions(outputs, in_rows))

    def _status(self, spec: model_pb2.ModelSpec) -> bytes:
        response: get_model_status_pb2.GetModelStatusResponse = status_response(self._inference, spec)
        text: str = json_format.MessageToJson(
            response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=1
        )
        return text.encode()

    def _metadata(self, spec: model_pb2.ModelSpec) -> bytes:
        request = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=spec, metadata_field=[SIGNATURE_DEF])
        response = self._inference.metadata(request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata[SIGNATURE_DEF].Unpack(signatures)

        def as_dict(message: Any) -> Any:
            return json_format.MessageToDict(
                message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
            )

        return _dump({"model_spec": as_dict(response.model_spec), "metadata": {SIGNATURE_DEF: as_dict(signatures)}})


def _match(request: web.Request) -> dict[str, Any]:
    path = request.rel_url.raw_path
    pattern = {"POST": _INFER, "GET": _STATUS}.get(request.method)
    found = pattern.fullmatch(path) if pattern else None
    if found is None:
        if re.fullmatch(r"/v1/models/?", path, re.IGNORECASE):
            raise invalid("Missing model name in request.")
        raise invalid(f"Malformed request: {request.method} {path}")
    return found.groupdict()


def _fill_examples(request: Any, content: bytes) -> None:
    body = rest_json.parse_object(content)
    request.model_spec.signature_name = rest_json.signature_name(body)
    for row in rest_json.example_rows(body):
        example = request.input.example_list.examples.add()
        for name, values in row.items():
            example.features.feature[name].CopyFrom(_as_feature(name, values))


def _as_feature(name: str, values: list[Any]) -> tf.train.Feature:
    kinds = {type(value) for value in values}
    if len(kinds) > 1:
        expected = {bytes: "bytes", float: "float", int: "int64"}[type(values[0])]
        raise invalid(f"Unexpected element type in feature: {name} expecting type: {expected}")
    if kinds == {bytes}:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if kinds == {float}:
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _dump(value: Any) -> bytes:
    return json.dumps(value).encode()


def _error(message: str) -> bytes:
    return json.dumps({"error": message}).encode()
