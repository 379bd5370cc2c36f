"""Submit a pipeline to a Kubeflow Pipelines service, or to Vertex AI Pipelines."""

from pipeline_tools.errors import ServiceError
from pipeline_tools.submit.connection import Access
from pipeline_tools.submit.kubeflow import Recurrence, submit
from pipeline_tools.submit.submission import ConnectionLostError, Submission
from pipeline_tools.submit.vertex import Target, submit_to_vertex

__all__ = [
    "Access",
    "ConnectionLostError",
    "Recurrence",
    "ServiceError",
    "Submission",
    "Target",
    "submit",
    "submit_to_vertex",
]
