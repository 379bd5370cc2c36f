"""Tests that repeat: a few seeds in the gate, many in `make campaign`."""

from __future__ import annotations

from typing import Any

import pytest


def seeds(gate: int, campaign: int) -> list[Any]:
    """Give seeds to parametrize a test with.

    Args:
        gate: How many of them every run of the tests takes.
        campaign: How many there are; the others have the marker `campaign`.
    """
    return [*range(gate), *(pytest.param(seed, marks=pytest.mark.campaign) for seed in range(gate, campaign))]
