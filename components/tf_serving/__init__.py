"""SavedModel -> a versioned model base path, and who serves it."""
