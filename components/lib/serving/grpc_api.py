"""TF-Serving's gRPC API: the services `PredictionService` and `ModelService`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

from components.lib.serving.config import ModelConfig, VersionPolicy
from components.lib.serving.errors import Code, ServingError, invalid
from components.lib.serving.inference import Inference
from components.lib.serving.metrics import ServerMetrics
from pipeline_tools.errors import InputError

LOG = logging.getLogger(__name__)

_STATUS = {code: status for status in grpc.StatusCode for code in Code if code.value == status.value[0]}


class _Service:
    def __init__(self, inference: Inference, metrics: ServerMetrics) -> None:
        self._inference = inference
        self._metrics = metrics

    def _answer(self, method: str, model: str, context: Any, call: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        code, message, answer = Code.OK, "", None
        try:
            answer = call()
        except ServingError as error:
            code, message = error.code, error.message
        except Exception as error:
            LOG.exception("%s", method)
            code, message = Code.INTERNAL, f"{type(error).__name__}: {error}"
        known = model if self._inference.manager.knows(model) else ""
        self._metrics.observe_request(known, "grpc", method, code, time.perf_counter() - began)
        if code is not Code.OK:
            context.abort(_STATUS[code], message)
        return answer


class _PredictionService(_Service, prediction_service_pb2_grpc.PredictionServiceServicer):
    def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802 - names of the API
        return self._infer("predict", self._inference.predict, request, context)

    def Classify(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._infer("classify", self._inference.classify, request, context)

    def Regress(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._infer("regress", self._inference.regress, request, context)

    def MultiInference(self, request: Any, context: Any) -> Any:  # noqa: N802
        model = request.tasks[0].model_spec.name if request.tasks else ""
        return self._answer(
            "multi_inference",
            model,
            context,
            lambda: self._inference.multi_inference(request, context.time_remaining()),
        )

    def GetModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._answer("metadata", request.model_spec.name, context, lambda: self._inference.metadata(request))

    def _infer(self, method: str, call: Callable[..., Any], request: Any, context: Any) -> Any:
        return self._answer(method, request.model_spec.name, context, lambda: call(request, context.time_remaining()))


class _ModelService(_Service, model_service_pb2_grpc.ModelServiceServicer):
    def GetModelStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._answer("status", request.model_spec.name, context, lambda: self._status(request))

    def HandleReloadConfigRequest(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._answer("reload", "", context, lambda: self._reload(request))

    def _status(self, request: Any) -> Any:
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        return status_response(self._inference, request.model_spec)

    def _reload(self, request: Any) -> Any:
        response = model_management_pb2.ReloadConfigResponse()
        try:
            self._inference.manager.reload(_read_config(request.config))
        except ServingError as error:
            response.status.error_code = int(error.code)
            response.status.error_message = error.message
        return response


def status_response(inference: Inference, spec: Any) -> get_model_status_pb2.GetModelStatusResponse:
    """Tell the state of a model's versions.

    Args:
        inference: Whose models.
        spec: A ``ModelSpec``.

    Returns:
        TF-Serving's message.

    Raises:
        ServingError: Nothing is known of it.
    """
    version = spec.version.value if spec.HasField("version") else None
    response = get_model_status_pb2.GetModelStatusResponse()
    for each in inference.manager.status(spec.name, version, spec.version_label):
        status = response.model_version_status.add(version=each.version, state=each.state)
        status.status.error_code = int(Code.UNKNOWN if each.error else Code.OK)
        status.status.error_message = each.error
    return response


def _read_config(config: model_server_config_pb2.ModelServerConfig) -> list[ModelConfig]:
    if config.WhichOneof("config") != "model_config_list":
        raise invalid("ModelServerConfig must hold a model_config_list")
    models = []
    for each in config.model_config_list.config:
        if not each.name or not each.base_path:
            raise invalid("each ModelConfig must have a name and a base_path")
        if each.model_platform not in ("", "tensorflow"):
            raise invalid(f"model platform {each.model_platform!r} is not supported; only tensorflow is")
        policy = each.model_version_policy
        kind = policy.WhichOneof("policy_choice")
        try:
            if kind == "specific":
                chosen = VersionPolicy(specific=tuple(policy.specific.versions))
            elif kind == "all":
                chosen = VersionPolicy(latest=0)
            else:
                chosen = VersionPolicy(latest=policy.latest.num_versions or 1)
        except InputError as error:
            raise invalid(str(error)) from None
        models.append(ModelConfig(each.name, each.base_path, chosen, dict(each.version_labels)))
    names = [model.name for model in models]
    if len(set(names)) < len(names):
        raise invalid("Illegal to list model more than once in config list")
    return models


def open_grpc(inference: Inference, metrics: ServerMetrics, host: str, port: int, max_bytes: int) -> tuple[Any, int]:
    """Make a gRPC server and take its port; it answers once it is started.

    Args:
        inference: Answers.
        metrics: Counts.
        host: Where to listen.
        port: 0 for any free one.
        max_bytes: Largest request.

    Returns:
        The server, and its port.

    Raises:
        InputError: The port is taken.
    """
    server = grpc.server(
        ThreadPoolExecutor(max_workers=16, thread_name_prefix="grpc"),
        maximum_concurrent_rpcs=512,
        options=[
            ("grpc.max_receive_message_length", max_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # otherwise a second server on this port would take half of the requests
        ],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_PredictionService(inference, metrics), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_ModelService(inference, metrics), server)
    try:
        bound = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError:
        bound = 0
    if not bound:
        raise InputError(f"port {port} on {host} cannot be opened for gRPC: another server has it. Give another --port")
    return server, bound
