"""How a step learns which package it belongs to."""

PACKAGE_HASH_VARIABLE = "PIPELINE_PACKAGE_SHA256"
"""Environment variable with the SHA-256 of the package that a step belongs to; whoever runs the package sets it."""
