"""Names of a served model and of its files."""

from __future__ import annotations

import re

from pipeline_tools.errors import InputError

SAVED_MODEL_FILE = "saved_model.pb"
"""The file that makes a directory a SavedModel; a version without it is incomplete."""

_DNS_LABEL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


def check_model_name(name: str) -> None:
    """Check that a name can be a directory, a Kubernetes Service and a part of a URL.

    Args:
        name: The model's name.

    Raises:
        InputError: It is not a DNS label (RFC 1035) of at most 63 characters.
    """
    if not _DNS_LABEL.fullmatch(name):
        raise InputError(
            f"model_name={name!r} is not a DNS label: at most 63 lower-case letters, digits and '-', beginning with a "
            "letter and not ending with '-', for example 'taxi-tips'"
        )
