"""Serve SavedModels with TF-Serving's APIs, and clients of served models."""
