"""Serve SavedModels, and ask whoever serves them, in TF-Serving's own APIs."""
