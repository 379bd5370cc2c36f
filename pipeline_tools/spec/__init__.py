"""The one reader of a compiled pipeline specification."""
