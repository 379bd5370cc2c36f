"""What all clients of a served model share: rows in, predictions out, and their errors."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from components.lib.serving.example import encode_row
from pipeline_tools.errors import InputError

Row = Mapping[str, Any]

RAW_SIGNATURE = "serving_raw"
"""The signature whose inputs name the raw columns that a model needs."""

KINDS = {"DT_INT64": "INT", "DT_INT32": "INT", "DT_FLOAT": "FLOAT", "DT_DOUBLE": "FLOAT", "DT_STRING": "BYTES"}
"""Column type by the tensor type of a signature's input."""


class ClientError(InputError):
    """A model could not be called, or did not answer."""


class ServerUnreachableError(ClientError):
    """No server answers at this address."""


class ModelNotFoundError(ClientError):
    """The server answers, but serves no such model, version or label."""


class DeadlineExceededError(ClientError):
    """The server did not answer in time."""


class Client(ABC):
    """A client of one model.

    Attributes:
        server: The address, as it was given.
        timeout: Seconds for one request.
    """

    def __init__(self, server: str, timeout: float) -> None:
        self.server = server
        self.timeout = timeout
        self._columns: dict[str, str] | None = None

    def predict(self, rows: Sequence[Row]) -> list[float]:
        """Predict raw rows by the signature ``serving_default``.

        Args:
            rows: Values by column. Other columns than the model's are not sent; None or NaN is a missing value.

        Returns:
            One probability per row.

        Raises:
            ClientError: The server, the model or its answer is missing, or columns are wrong.
            InputError: A value is of a type that no column has.
        """
        if not rows:
            return []
        columns = self.columns()
        return self.predict_serialized([encode_row(_fit(row, columns, at)) for at, row in enumerate(rows)])

    def columns(self) -> dict[str, str]:
        """Return the raw columns that the model needs.

        Returns:
            ``INT``, ``FLOAT`` or ``BYTES`` by column; empty if the server does not say.

        Raises:
            ClientError: The server or the model is missing.
        """
        if self._columns is None:
            self._columns = self._ask_columns()
        return self._columns

    @abstractmethod
    def predict_serialized(self, examples: Sequence[bytes]) -> list[float]:
        """Predict serialized ``tf.Example``s.

        Args:
            examples: One per row.

        Returns:
            One probability per row.

        Raises:
            ClientError: The server, the model or its answer is missing.
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


def as_probability(value: Any) -> float:
    """Read one prediction of a JSON response.

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
        raise ClientError(f"the model returns {value!r}, which is not a probability")
    return float(value)


def client_error(code: str, message: str, client: Client) -> ClientError:
    """Make the error for a canonical code.

    Args:
        code: Its name, for example ``NOT_FOUND``.
        message: What the server said.
        client: The client.

    Returns:
        The error, to be raised.
    """
    if code == "UNAVAILABLE":
        return ServerUnreachableError(
            f"no model server answers at {client.server}: {message}. Check that it is running, and the port"
        )
    if code == "NOT_FOUND":
        return ModelNotFoundError(f"{client.server}: {message}")
    if code == "DEADLINE_EXCEEDED":
        return DeadlineExceededError(f"{client.server} did not answer within {client.timeout:g} s. {message}".rstrip())
    return ClientError(f"{client.server} answers {code}: {message}")


def _fit(row: Row, columns: Mapping[str, str], at: int) -> dict[str, int | float | str | bytes | None]:
    """Select the model's columns of a row, converted to the model's types."""
    if not columns:
        return {name: None if _missing(value) else value for name, value in row.items()}
    lacking = [name for name in columns if name not in row]
    if lacking:
        raise ClientError(
            f"row {at} lacks the columns {', '.join(lacking)}; it has {', '.join(row) or 'none'}. A missing "
            "value is None"
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
    raise ClientError(f"row {at}, column {name!r}: {value!r} is not of type {kind}")
