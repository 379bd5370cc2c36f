"""How a step learns which package it belongs to."""

PACKAGE_VARIABLE = "PIPELINE_PACKAGE_SHA256"
"""Environment variable in which whoever runs a package says its SHA-256."""
