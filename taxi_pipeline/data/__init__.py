"""The bundled trips."""

from __future__ import annotations

from pathlib import Path

TRIPS = Path(__file__).with_name("trips.parquet")
"""Offered to the components as ``sample://trips``."""
