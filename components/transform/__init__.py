"""Examples -> transform graph and transformed examples."""
