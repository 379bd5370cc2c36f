"""Call an endpoint of Vertex AI."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from components.lib.serving.base_client import (
    Client,
    ClientError,
    DeadlineExceededError,
    ModelNotFoundError,
    ServerUnreachableError,
    as_probability,
)
from pipeline_tools.errors import InputError
from pipeline_tools.extras import require


class VertexClient(Client):
    """A client of a Vertex AI endpoint, over gRPC.

    The endpoint's container must accept ``{"b64": ...}`` instances, as TensorFlow's serving containers do. Vertex AI
    does not report a model's columns, so that only the model itself finds wrong ones.

    Args:
        endpoint: ``projects/P/locations/L/endpoints/E``.
        timeout: Seconds for one request.
        service: A ``PredictionServiceClient``; by default one for the endpoint's region, with the application
            default credentials.

    Attributes:
        answered_by: The id of the deployment that answered last; an endpoint shares its traffic among several.

    Raises:
        InputError: The endpoint's name has another form.
    """

    def __init__(self, endpoint: str, *, timeout: float = 30.0, service: Any = None) -> None:
        region = region_of(endpoint)
        super().__init__(f"vertex:{endpoint}", timeout)
        self._endpoint = endpoint
        self.answered_by = ""
        if service is None:
            api = require("google.cloud.aiplatform_v1", "cloud")
            host = f"{region}-aiplatform.googleapis.com"
            service = api.PredictionServiceClient(client_options={"api_endpoint": host})
        self._service = service

    def predict_serialized(self, examples: Sequence[bytes]) -> list[float]:
        """Predict serialized ``tf.Example``s.

        Args:
            examples: One per row.

        Returns:
            One probability per row.

        Raises:
            ClientError: The endpoint or its answer is missing, or another error.
        """
        from google.api_core import exceptions

        instances = [{"b64": base64.b64encode(example).decode()} for example in examples]
        try:
            answer = self._service.predict(
                endpoint=self._endpoint, instances=instances, timeout=self.timeout, retry=None
            )
        except exceptions.NotFound as error:
            raise ModelNotFoundError(f"{self.server}: {error.message}") from None
        except exceptions.DeadlineExceeded:
            raise DeadlineExceededError(f"{self.server} did not answer within {self.timeout:g} s") from None
        except exceptions.ServiceUnavailable as error:
            raise ServerUnreachableError(f"{self.server} cannot be reached: {error.message}") from None
        except exceptions.GoogleAPICallError as error:
            raise ClientError(f"{self.server} answers {error.code}: {error.message}") from None
        self.answered_by = str(answer.deployed_model_id)
        return [as_probability(_plain(value)) for value in answer.predictions]

    def _ask_columns(self) -> dict[str, str]:
        return {}


def region_of(endpoint: str) -> str:
    """Return the region in an endpoint's resource name.

    Args:
        endpoint: ``projects/P/locations/L/endpoints/E``.

    Returns:
        The region.

    Raises:
        InputError: It is not such a name.
    """
    parts = endpoint.split("/")
    if len(parts) != 6 or parts[::2] != ["projects", "locations", "endpoints"] or not all(parts):
        raise InputError(f"endpoint {endpoint!r}: must be projects/P/locations/L/endpoints/E")
    return parts[3]


def _plain(value: Any) -> Any:
    """Turn the SDK's views of JSON into plain lists and dictionaries."""
    if isinstance(value, (str, int, float, type(None))):
        return value
    if hasattr(value, "items"):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value]
