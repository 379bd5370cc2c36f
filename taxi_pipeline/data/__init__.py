"""The bundled trips."""

from __future__ import annotations

from pathlib import Path

TRIPS = Path(__file__).with_name("trips.parquet")
"""The file, offered to the components by the entry point ``trips``."""

SAMPLE = "sample://trips"
"""Its handle."""
