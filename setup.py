"""A shim for tools that still call setup.py (Beam's --setup_file among them); the metadata lives in pyproject.toml."""

from setuptools import setup

setup()
