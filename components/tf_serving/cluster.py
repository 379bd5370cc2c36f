"""Roll out a published version on Kubernetes, and roll back if it does not predict what the evaluation did."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from components.lib.deploy.golden import GoldenRequest
from components.lib.deploy.verify import verify
from components.lib.kubernetes import Namespace, pod_troubles
from components.lib.serving.client import connect
from components.tf_serving.manifests import (
    GRPC_PORT,
    MANAGER,
    REST_PORT,
    VERSION_ANNOTATION,
    manifests,
)
from components.tf_serving.options import ClusterOptions
from pipeline_tools.errors import PipelineToolsError

POLL_SECONDS = 2.0
REQUEST_TIMEOUT = 30.0


class RolloutError(PipelineToolsError):
    """The cluster could not bring a version up."""


def roll_out(
    requests: Sequence[GoldenRequest], base_path: str, model_name: str, version: int, options: ClusterOptions
) -> dict[str, float]:
    """Serve a version, and verify it.

    Args:
        requests: Golden requests.
        base_path: ``gs://`` path of the model's versions.
        model_name: A DNS label.
        version: Which version.
        options: How.

    Returns:
        The largest difference from the evaluation, by protocol.

    Raises:
        InputError: No cluster can be reached, or it rejects an object.
        RolloutError: The pods do not become ready; the message has the cluster's reason.
        PredictionMismatchError: The endpoint predicts something else than the evaluation did.
        ClientError: The endpoint does not answer.
    """
    cluster = Cluster(options)
    before = cluster.served(model_name)
    try:
        cluster.apply(manifests(model_name, base_path, version, options))
        cluster.wait(model_name)
        with ExitStack() as stack:
            clients = {
                protocol: stack.enter_context(connect(server, model_name, version=version, timeout=REQUEST_TIMEOUT))
                for protocol, server in _servers(model_name, options).items()
            }
            return verify(requests, clients)
    except Exception as error:
        outcome = "No version was served before; this one stays in the cluster"
        if before is not None:
            version_before, image_before = before
            options_before = replace(options, serving_image=image_before or options.serving_image)
            cluster.apply(manifests(model_name, base_path, version_before, options_before))
            outcome = f"Version {version_before} serves again"
        if not isinstance(error, PipelineToolsError):
            raise
        raise type(error)(f"{error}. {outcome}") from error


def _servers(model_name: str, options: ClusterOptions) -> dict[str, str]:
    found = {"gRPC": options.grpc_address, "REST": options.rest_url}
    if options.kind == "kserve":
        found["REST"] = found["REST"] or f"http://{model_name}-predictor.{options.namespace}.svc"
    else:
        host = f"{model_name}.{options.namespace}.svc"
        found["gRPC"] = found["gRPC"] or f"{host}:{GRPC_PORT}"
        found["REST"] = found["REST"] or f"http://{host}:{REST_PORT}"
    return {protocol: server for protocol, server in found.items() if server}


class Cluster:
    """Where a model is served on Kubernetes.

    Args:
        options: Kind, namespace and deadline.

    Raises:
        InputError: No cluster can be reached.
    """

    def __init__(self, options: ClusterOptions) -> None:
        self._options = options
        self._namespace = Namespace(options.namespace, "deploy_mode=cloud", MANAGER)
        self.apply = self._namespace.apply

    def served(self, model_name: str) -> tuple[int, str] | None:
        """Tell the version that is served now.

        Args:
            model_name: The model.

        Returns:
            Version and image (of an InferenceService empty); None where none is served.
        """
        found = self._get(model_name)
        version = (found or {}).get("metadata", {}).get("annotations", {}).get(VERSION_ANNOTATION, "")
        if found is None or not version.isdecimal():
            return None
        containers = found.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])
        return int(version), containers[0]["image"] if containers else ""

    def wait(self, model_name: str) -> None:
        """Wait until what was applied is ready.

        Args:
            model_name: The model.

        Raises:
            RolloutError: It failed, or the deadline is over; the message has the cluster's reason.
        """
        deadline = time.monotonic() + self._options.deadline_seconds
        ready = _service_ready if self._options.kind == "kserve" else _deployment_ready
        while True:
            found = self._get(model_name) or {}
            done, reason, failed = ready(found)
            if done:
                return
            if failed or time.monotonic() > deadline:
                late = "" if failed else f"not ready after {self._options.deadline_seconds} s: "
                details = "; ".join(part for part in (reason, *self._pod_reasons(model_name)) if part)
                raise RolloutError(f"{model_name} in namespace {self._options.namespace}: {late}{details}")
            time.sleep(POLL_SECONDS)

    def _get(self, model_name: str) -> dict[str, Any] | None:
        if self._options.kind == "kserve":
            return self._namespace.get("serving.kserve.io/v1beta1", "InferenceService", model_name)
        return self._namespace.get("apps/v1", "Deployment", model_name)

    def _pod_reasons(self, model_name: str) -> list[str]:
        if self._options.kind == "kserve":
            return []
        return pod_troubles(self._namespace.pods(f"app.kubernetes.io/name={model_name}"))


def _deployment_ready(found: Mapping[str, Any]) -> tuple[bool, str, bool]:
    """Tell whether a Deployment is rolled out, why not, and whether it never will be."""
    status = found.get("status", {})
    if status.get("observedGeneration", 0) < found.get("metadata", {}).get("generation", 1):
        return False, "the cluster has not processed it yet", False
    conditions = {each["type"]: each for each in status.get("conditions", [])}
    progress = conditions.get("Progressing", {})
    if progress.get("reason") == "ProgressDeadlineExceeded":
        return False, f"ProgressDeadlineExceeded: {progress.get('message', '')}", True
    wanted = found.get("spec", {}).get("replicas", 1)
    counts = {name: status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")}
    if all(count == wanted for count in counts.values()):
        return True, "", False
    failure = conditions.get("ReplicaFailure", {})
    text = f"{counts['availableReplicas']} of {wanted} pods available, {counts['updatedReplicas']} of this version"
    if failure.get("status") == "True":
        text += f"; {failure.get('reason')}: {failure.get('message', '')}"
    return False, text, False


def _service_ready(found: Mapping[str, Any]) -> tuple[bool, str, bool]:
    """Tell whether an InferenceService is ready, and why not."""
    status = found.get("status", {})
    if status.get("observedGeneration", 0) < found.get("metadata", {}).get("generation", 1):
        return False, "KServe has not processed it yet", False
    conditions = {each["type"]: each for each in status.get("conditions", [])}
    if conditions.get("Ready", {}).get("status") == "True":
        return True, "", False
    bad = [each for each in conditions.values() if each.get("status") == "False" and each.get("message")]
    return False, "; ".join(f"{each['type']}: {each['message']}" for each in bad) or "not ready", False
