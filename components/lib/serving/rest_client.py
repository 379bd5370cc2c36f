"""Call TF-Serving, or the embedded server, over REST; needs no TensorFlow."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from components.lib.serving.base_client import KINDS, RAW_SIGNATURE, Client, ClientError, as_probability, client_error

_CODES = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}


class RestClient(Client):
    """A client of TF-Serving's REST API; needs no TensorFlow.

    Args:
        url: ``http://host:port``.
        model_name: The served model.
        version: Version to call. Default: the server's choice.
        label: Label of the version to call.
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
            examples: One per row.

        Returns:
            One probability per row.

        Raises:
            ClientError: The server, the model or its answer is missing.
        """
        instances = [{"b64": base64.b64encode(example).decode()} for example in examples]
        answer = self._call(":predict", {"instances": instances})
        return [as_probability(value) for value in answer["predictions"]]

    def _ask_columns(self) -> dict[str, str]:
        # TF-Serving nests the map once more than its name says.
        signatures = self._call("/metadata")["metadata"]["signature_def"]["signature_def"]
        inputs = signatures.get(RAW_SIGNATURE, {}).get("inputs", {})
        return {name: KINDS[info["dtype"]] for name, info in inputs.items()}

    def _call(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - connect lets only http and https pass
            self._model + path, data, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:  # noqa: S310
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise client_error(_CODES.get(error.code, "UNKNOWN"), _error_text(error), self) from None
        except TimeoutError:
            raise client_error("DEADLINE_EXCEEDED", "", self) from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            code = "DEADLINE_EXCEEDED" if isinstance(reason, TimeoutError) else "UNAVAILABLE"
            raise client_error(code, str(reason), self) from None
        except ValueError as error:
            raise ClientError(f"{self.server} does not answer with JSON; is it a model server? {error}") from None


def _error_text(error: urllib.error.HTTPError) -> str:
    text = error.read().decode(errors="replace")
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text[:500] or error.reason
