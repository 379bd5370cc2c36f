"""What a run is and was: its directory, its record, its progress, its result."""
