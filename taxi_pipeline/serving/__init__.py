"""Serve the trained models on this machine, and ask whoever serves them."""
