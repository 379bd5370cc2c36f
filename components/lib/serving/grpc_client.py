"""Call TF-Serving, or the embedded server, over gRPC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.lib.serving.base_client import KINDS, RAW_SIGNATURE, Client, ClientError, client_error
from pipeline_tools.extras import require


class GrpcClient(Client):
    """A client of TF-Serving's gRPC API.

    Args:
        address: ``host:port``.
        model_name: The served model.
        version: Version to call. Default: the server's choice.
        label: Label of the version to call.
        timeout: Seconds for one request.
    """

    def __init__(
        self, address: str, model_name: str, *, version: int | None = None, label: str = "", timeout: float = 10.0
    ) -> None:
        super().__init__(address, timeout)
        self._grpc = require("grpc", "serve")
        service = require("tensorflow_serving.apis.prediction_service_pb2_grpc", "serve")
        self._apis = service
        self._channel = self._grpc.insecure_channel(
            address, options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        )
        self._stub = service.PredictionServiceStub(self._channel)
        self._name, self._version, self._label = model_name, version, label

    def predict_serialized(self, examples: Sequence[bytes]) -> list[float]:
        """Predict serialized ``tf.Example``s.

        Args:
            examples: One per row.

        Returns:
            One probability per row.

        Raises:
            ClientError: The server, the model or its answer is missing.
        """
        from tensorflow import make_ndarray
        from tensorflow.core.framework import types_pb2
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        self._fill(request.model_spec)
        tensor = request.inputs["examples"]
        tensor.dtype = types_pb2.DT_STRING
        tensor.tensor_shape.dim.add(size=len(examples))
        tensor.string_val.extend(examples)
        outputs = self._call(self._stub.Predict, request).outputs
        return [float(value) for value in make_ndarray(_only(outputs)).ravel()]

    def _ask_columns(self) -> dict[str, str]:
        from tensorflow.core.framework import types_pb2
        from tensorflow_serving.apis import get_model_metadata_pb2

        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        self._fill(request.model_spec)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        self._call(self._stub.GetModelMetadata, request).metadata["signature_def"].Unpack(signatures)
        raw = signatures.signature_def.get(RAW_SIGNATURE)
        return {name: KINDS[types_pb2.DataType.Name(info.dtype)] for name, info in raw.inputs.items()} if raw else {}

    def _fill(self, spec: Any) -> None:
        spec.name = self._name
        if self._version is not None:
            spec.version.value = self._version
        if self._label:
            spec.version_label = self._label

    def _call(self, method: Any, request: Any) -> Any:
        try:
            return method(request, self.timeout)
        except self._grpc.RpcError as error:
            raise client_error(error.code().name, error.details() or "", self) from None

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()


def _only(outputs: Any) -> Any:
    if len(outputs) != 1:
        raise ClientError(f"the model returns {sorted(outputs)}; one output was expected")
    return next(iter(outputs.values()))
