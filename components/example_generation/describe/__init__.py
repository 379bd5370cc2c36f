"""What is said of written rows: their statistics, what does not fit the schema, and whether the splits are disjoint."""
