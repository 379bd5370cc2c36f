"""A compiled pipeline as an Argo Workflow."""
