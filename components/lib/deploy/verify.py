"""The verification after a deployment: the live endpoint gives the evaluation's predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from components.lib.deploy.golden import GoldenRequest, compare_predictions
from components.lib.serving.client import Client
from components.lib.serving.example import encode_row

ROWS = 64
"""Requests sent at a time."""


def verify(requests: Sequence[GoldenRequest], clients: Mapping[str, Client]) -> dict[str, float]:
    """Send the golden requests to a live endpoint by every protocol.

    Args:
        requests: Golden requests.
        clients: Clients by protocol.

    Returns:
        The largest difference by protocol.

    Raises:
        PredictionMismatchError: It predicts something else than the evaluation did; the message names the rows.
        ClientError: It does not answer.
    """
    serialized = [encode_row(request.columns) for request in requests]
    found = {}
    for protocol, client in clients.items():
        answers: list[float] = []
        for at in range(0, len(serialized), ROWS):
            answers += client.predict_serialized(serialized[at : at + ROWS])
        found[protocol] = compare_predictions(requests, answers, f"{client.server} ({protocol})")
    return found
