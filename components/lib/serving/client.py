"""Ask a served model: TF-Serving (or the embedded server) over gRPC or REST, or a Vertex AI endpoint.

::

    with connect("localhost:8500", "taxi") as client:
        client.predict([{"fare": 12.5, "payment_type": "Cash", ...}])
"""

from __future__ import annotations

import base64
import json
import math
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import quote

from components.lib.serving.example import encode_row
from pipeline_tools.errors import InputError
from pipeline_tools.extras import require

Row = Mapping[str, Any]

RAW_SIGNATURE = "serving_raw"
"""The signature whose inputs name the raw columns that a model needs."""


class ClientError(InputError):
    """A model could not be asked, or did not answer."""


class ServerUnreachableError(ClientError):
    """Nobody answers at this address."""


class ModelNotFoundError(ClientError):
    """The server answers, and serves no such model, version or label."""


class DeadlineExceededError(ClientError):
    """The answer did not come in time."""


def connect(
    server: str, model_name: str = "", *, version: int | None = None, label: str = "", timeout: float = 10.0
) -> Client:
    """Make a client; the first request connects.

    Args:
        server: ``host:port`` for gRPC, ``http://host:port`` for REST, or ``vertex:projects/P/locations/L/endpoints/E``.
        model_name: The served model; an endpoint of Vertex AI needs none.
        version: Which version; by default the server's choice.
        label: Which version, by its label.
        timeout: Seconds for one request.

    Returns:
        The client.

    Raises:
        InputError: The server or model is not named well.
    """
    if server.startswith("vertex:"):
        from components.lib.serving.vertex_client import VertexClient

        return VertexClient(server.removeprefix("vertex:"), timeout=timeout)
    if not model_name:
        raise InputError("model_name: which model shall be asked? A server may serve several")
    if version is not None and label:
        raise InputError("version and label: give one of them")
    if server.startswith(("http://", "https://")):
        return RestClient(server, model_name, version=version, label=label, timeout=timeout)
    host, _, port = server.removeprefix("grpc://").rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f"server={server!r}: must be host:port (gRPC), http://host:port (REST) or vertex:ENDPOINT")
    return GrpcClient(f"{host}:{port}", model_name, version=version, label=label, timeout=timeout)


class Client(ABC):
    """Asks one model.

    Attributes:
        server: As it was named.
    """

    def __init__(self, server: str, timeout: float) -> None:
        self.server = server
        self._timeout = timeout
        self._columns: dict[str, str] | None = None

    def predict(self, rows: Sequence[Row]) -> list[float]:
        """Predict raw rows by the signature ``serving_default``.

        Args:
            rows: Values by column. Columns that the model does not need are not sent; None or NaN is a missing value.

        Returns:
            One probability a row.

        Raises:
            ClientError: There is no server, no such model, no answer in time, or columns are wrong.
            InputError: A value is of a type that no column has.
        """
        if not rows:
            return []
        columns = self.columns()
        return self.predict_serialized([encode_row(_fit(row, columns, at)) for at, row in enumerate(rows)])

    def columns(self) -> dict[str, str]:
        """Tell the raw columns that the model needs.

        Returns:
            ``INT``, ``FLOAT`` or ``BYTES`` by column; nothing where the server cannot tell.

        Raises:
            ClientError: There is no server or no such model.
        """
        if self._columns is None:
            self._columns = self._ask_columns()
        return self._columns

    @abstractmethod
    def predict_serialized(self, examples: Sequence[bytes]) -> list[float]:
        """Predict serialized ``tf.Example``s.

        Args:
            examples: One a row.

        Returns:
            One probability a row.

        Raises:
            ClientError: There is no server, no such model, or no answer in time.
        """

    @abstractmethod
    def _ask_columns(self) -> dict[str, str]: ...

    def close(self) -> None:
        """Close the connection."""
        return

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class GrpcClient(Client):
    """Asks over TF-Serving's gRPC API.

    Args:
        address: ``host:port``.
        model_name: The served model.
        version: Which version; by default the server's choice.
        label: Which version, by its label.
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
            examples: One a row.

        Returns:
            One probability a row.

        Raises:
            ClientError: There is no server, no such model, or no answer in time.
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
        return {name: _KINDS[types_pb2.DataType.Name(info.dtype)] for name, info in raw.inputs.items()} if raw else {}

    def _fill(self, spec: Any) -> None:
        spec.name = self._name
        if self._version is not None:
            spec.version.value = self._version
        if self._label:
            spec.version_label = self._label

    def _call(self, method: Any, request: Any) -> Any:
        try:
            return method(request, self._timeout)
        except self._grpc.RpcError as error:
            raise _client_error(error.code().name, error.details() or "", self) from None

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()


class RestClient(Client):
    """Asks over TF-Serving's REST API; needs no TensorFlow.

    Args:
        url: ``http://host:port``.
        model_name: The served model.
        version: Which version; by default the server's choice.
        label: Which version, by its label.
        timeout: Seconds for one request.
    """

    def __init__(
        self, url: str, model_name: str, *, version: int | None = None, label: str = "", timeout: float = 10.0
    ) -> None:
        super().__init__(url, timeout)
        self._model = f"{url.rstrip('/')}/v1/models/{quote(model_name, safe='')}"
        if version is not None:
            self._model += f"/versions/{version}"
        if label:
            self._model += f"/labels/{quote(label, safe='')}"

    def predict_serialized(self, examples: Sequence[bytes]) -> list[float]:
        """Predict serialized ``tf.Example``s.

        Args:
            examples: One a row.

        Returns:
            One probability a row.

        Raises:
            ClientError: There is no server, no such model, or no answer in time.
        """
        instances = [{"b64": base64.b64encode(example).decode()} for example in examples]
        answer = self._call(":predict", {"instances": instances})
        return [as_probability(value) for value in answer["predictions"]]

    def _ask_columns(self) -> dict[str, str]:
        # TF-Serving nests the map once more than its name says.
        signatures = self._call("/metadata")["metadata"]["signature_def"]["signature_def"]
        inputs = signatures.get(RAW_SIGNATURE, {}).get("inputs", {})
        return {name: _KINDS[info["dtype"]] for name, info in inputs.items()}

    def _call(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - connect lets only http and https pass
            self._model + path, data, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:  # noqa: S310
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise _client_error(_CODES.get(error.code, "UNKNOWN"), _error_text(error), self) from None
        except TimeoutError:
            raise _client_error("DEADLINE_EXCEEDED", "", self) from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            code = "DEADLINE_EXCEEDED" if isinstance(reason, TimeoutError) else "UNAVAILABLE"
            raise _client_error(code, str(reason), self) from None
        except ValueError as error:
            raise ClientError(f"{self.server} answers no JSON, so it is no model server: {error}") from None


_KINDS = {"DT_INT64": "INT", "DT_INT32": "INT", "DT_FLOAT": "FLOAT", "DT_DOUBLE": "FLOAT", "DT_STRING": "BYTES"}
_CODES = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}


def as_probability(value: Any) -> float:
    """Read one prediction of a JSON answer.

    Args:
        value: A number, a list of one, or an object of one output.

    Returns:
        The number.

    Raises:
        ClientError: It is anything else.
    """
    while isinstance(value, (list, dict)) and len(value) == 1:
        value = value[0] if isinstance(value, list) else next(iter(value.values()))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ClientError(f"the model answers {value!r}, which is no probability")
    return float(value)


def _only(outputs: Any) -> Any:
    if len(outputs) != 1:
        raise ClientError(f"the model answers {sorted(outputs)}; one output was expected")
    return next(iter(outputs.values()))


def _error_text(error: urllib.error.HTTPError) -> str:
    text = error.read().decode(errors="replace")
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text[:500] or error.reason


def _client_error(code: str, message: str, client: Client) -> ClientError:
    if code == "UNAVAILABLE":
        return ServerUnreachableError(
            f"no model server answers at {client.server}: {message}. Is it running, and is the port right?"
        )
    if code == "NOT_FOUND":
        return ModelNotFoundError(f"{client.server}: {message}")
    if code == "DEADLINE_EXCEEDED":
        return DeadlineExceededError(f"{client.server} gave no answer within {client._timeout:g} s. {message}".rstrip())
    return ClientError(f"{client.server} answers {code}: {message}")


def _fit(row: Row, columns: Mapping[str, str], at: int) -> dict[str, int | float | str | bytes | None]:
    """Take what the model needs out of a row, in the model's types."""
    if not columns:
        return {name: None if _missing(value) else value for name, value in row.items()}
    lacking = [name for name in columns if name not in row]
    if lacking:
        raise ClientError(
            f"row {at} lacks the columns {', '.join(lacking)}; it has {', '.join(row) or 'none'}. A value may be "
            "missing (None), a column may not"
        )
    return {name: None if _missing(row[name]) else _cast(row[name], kind, name, at) for name, kind in columns.items()}


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _cast(value: Any, kind: str, name: str, at: int) -> int | float | str | bytes:
    if kind == "BYTES" and isinstance(value, (str, bytes)):
        return value
    if kind == "FLOAT" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if kind == "INT" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind == "INT" and isinstance(value, float) and value.is_integer():  # how a file with missing values reads
        return int(value)
    raise ClientError(f"row {at}, column {name!r}: {value!r} is no {kind}")
