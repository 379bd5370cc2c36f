"""Keep libraries from logging to the terminal of a command."""

from __future__ import annotations

import os

_VARIABLES = {"TF_CPP_MIN_LOG_LEVEL": "3", "GRPC_VERBOSITY": "NONE"}


def quiet_libraries() -> None:
    """Let TensorFlow and gRPC log errors alone, unless the environment says otherwise."""
    for name, value in _VARIABLES.items():
        os.environ.setdefault(name, value)
