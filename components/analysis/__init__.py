"""SavedModel and raw eval examples -> sliced metrics and a verdict."""
