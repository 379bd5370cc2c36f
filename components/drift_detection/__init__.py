"""Two sets of examples -> how far each column has moved."""
