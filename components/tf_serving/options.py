"""How a model is served on Kubernetes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline_tools.errors import InputError

_QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class ClusterOptions:
    """How a model is served on Kubernetes.

    Attributes:
        kind: ``deployment`` or ``kserve``.
        namespace: Where.
        serving_image: The image of TF-Serving.
        replicas: How many pods at least.
        max_replicas: Up to how many pods it scales with load; 0 turns scaling off.
        cpu: CPU request of a pod, for example ``500m``.
        memory: Memory request and limit of a pod, for example ``1Gi``.
        service_account: The pods' service account; empty for the namespace's default.
        deadline_seconds: How long the rollout may take.
        grpc_address: ``host:port`` by which this step reaches the model; empty for the Service's own name.
        rest_url: ``http://host:port`` by which this step reaches the model; empty for the Service's own name.
    """

    kind: str = "deployment"
    namespace: str = "default"
    serving_image: str = "tensorflow/serving:2.19.1"
    replicas: int = 1
    max_replicas: int = 0
    cpu: str = "500m"
    memory: str = "1Gi"
    service_account: str = ""
    deadline_seconds: int = 600
    grpc_address: str = ""
    rest_url: str = ""

    def check(self) -> None:
        """Check every field, before anything is sent.

        Raises:
            InputError: A field is invalid; the message names it.
        """
        if self.kind not in ("deployment", "kserve"):
            raise InputError(f"kind={self.kind!r}: must be 'deployment' or 'kserve'")
        if not _DNS_LABEL.fullmatch(self.namespace):
            raise InputError(f"namespace={self.namespace!r}: not a valid name of a Kubernetes namespace")
        if not self.serving_image.strip():
            raise InputError("serving_image is empty; name the image of TF-Serving")
        for name in ("cpu", "memory"):
            if not _QUANTITY.fullmatch(getattr(self, name)):
                raise InputError(f"{name}={getattr(self, name)!r}: must be a quantity such as 500m or 1Gi")
        if self.replicas < 1:
            raise InputError(f"replicas={self.replicas}: must be at least 1")
        if self.max_replicas and self.max_replicas < self.replicas:
            raise InputError(f"max_replicas={self.max_replicas}: must be 0, or at least replicas={self.replicas}")
        if self.deadline_seconds < 1:
            raise InputError(f"deadline_seconds={self.deadline_seconds}: must be at least 1")
