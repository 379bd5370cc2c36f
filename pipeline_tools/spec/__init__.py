"""The one reader of a compiled pipeline specification."""

SPEC_MEMBER = "pipeline.yaml"
"""The member of a package that the Pipelines UI looks for, by exactly this name."""
