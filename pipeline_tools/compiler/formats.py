"""What a package may hold, and the names of its members."""

WORKFLOW_MEMBER = "workflow.yaml"
"""The member that ``argo submit`` takes."""
FORMATS = ("both", "kfp", "argo")
"""The specification and the Argo Workflow, or one of them."""
