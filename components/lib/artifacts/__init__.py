"""Artifacts that components hand over: how they are laid out, written and read."""
