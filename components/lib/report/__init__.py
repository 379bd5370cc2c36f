"""Analysis that a person can look at: one HTML file that needs no network, no extension and no server."""
