"""Submit a pipeline to a Kubeflow Pipelines service, or to Vertex AI Pipelines."""

from taxi_pipeline.submit.connection import Access, ServiceError
from taxi_pipeline.submit.kubeflow import Recurrence, submit
from taxi_pipeline.submit.submission import LostSightError, Submission
from taxi_pipeline.submit.vertex import Target, submit_to_vertex

__all__ = [
    "Access",
    "LostSightError",
    "Recurrence",
    "ServiceError",
    "Submission",
    "Target",
    "submit",
    "submit_to_vertex",
]
