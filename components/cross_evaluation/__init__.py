"""Two models and two sets of examples -> how each model does on each set."""
