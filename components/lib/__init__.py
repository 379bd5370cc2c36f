"""What components share, and no pipeline author calls."""
