"""How a model is served on Vertex AI."""

from __future__ import annotations

import re
from dataclasses import dataclass

from components.lib.deploy.names import check_model_name
from pipeline_tools.errors import InputError


@dataclass(frozen=True)
class VertexOptions:
    """How a model is served on Vertex AI.

    Attributes:
        project: The Google Cloud project.
        model_name: Display name of model and endpoint; a DNS label.
        model_base_path: ``gs://`` path that the SavedModel is uploaded under.
        region: Of the endpoint.
        traffic_percentage: What the new model gets, 1 to 100.
        machine_type: Of the endpoint's machines.
        min_replicas: How many machines at least.
        max_replicas: How many at most.
        serving_image: The serving container.
        predict_route: Prediction route of a custom container; empty for a prebuilt one.
        health_route: Health route of a custom container.
        serving_port: Port of a custom container; 0 for its default.
        service_account: What the container runs as; empty for the default.
        deadline_seconds: How long each of upload and deployment may take.
        emulator: ``host:port`` of an emulator to speak to, in plain text, instead of Google; its models may lie in a
            directory.
        emulator_rest: ``host:port`` of its REST API.
    """

    project: str = ""
    model_name: str = ""
    model_base_path: str = ""
    region: str = "us-central1"
    traffic_percentage: int = 100
    machine_type: str = "n1-standard-2"
    min_replicas: int = 1
    max_replicas: int = 1
    serving_image: str = "us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest"
    predict_route: str = ""
    health_route: str = ""
    serving_port: int = 0
    service_account: str = ""
    deadline_seconds: int = 3600
    emulator: str = ""
    emulator_rest: str = ""

    @property
    def parent(self) -> str:
        """The resource name of project and region."""
        return f"projects/{self.project}/locations/{self.region}"

    def check(self) -> None:
        """Check every field, before anything is sent.

        Raises:
            InputError: A field is invalid; the message names it.
        """
        check_model_name(self.model_name)
        if not re.fullmatch(r"[a-z][-a-z0-9]{4,28}[a-z0-9]|\d+", self.project):
            raise InputError(f"project={self.project!r}: must be the id or number of a Google Cloud project")
        if not re.fullmatch(r"[a-z]+-[a-z]+\d+", self.region):
            raise InputError(f"region={self.region!r}: must be a region such as us-central1")
        if not self.model_base_path.startswith("gs://") and not self.emulator:
            raise InputError(f"model_base_path={self.model_base_path!r}: must be gs://bucket/path")
        if not 1 <= self.traffic_percentage <= 100:
            raise InputError(f"traffic_percentage={self.traffic_percentage}: must be 1 to 100")
        if not 1 <= self.min_replicas <= self.max_replicas:
            raise InputError(
                f"min_replicas={self.min_replicas}, max_replicas={self.max_replicas}: must be at least 1, the second "
                "not less than the first"
            )
        if bool(self.predict_route) != bool(self.health_route):
            raise InputError("predict_route and health_route: give both, or neither")
        if self.deadline_seconds < 1:
            raise InputError(f"deadline_seconds={self.deadline_seconds}: must be at least 1")
