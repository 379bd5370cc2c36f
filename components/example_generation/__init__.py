"""Raw rows -> typed examples."""
