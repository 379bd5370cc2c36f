"""Transformed examples -> SavedModel."""
