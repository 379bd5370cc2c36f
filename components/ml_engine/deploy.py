"""Deploy a model to Vertex AI, and verify that the live endpoint predicts what the evaluation did."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.lib.deploy.golden import GoldenRequest, compare_predictions, summary
from components.lib.deploy.model_base import open_model_base
from components.lib.deploy.prepare import Candidate, prepare
from components.lib.serving.example import encode_row
from components.lib.serving.vertex_client import VertexClient
from components.ml_engine.endpoint import Vertex, share_traffic
from components.ml_engine.options import VertexOptions
from pipeline_tools.atomic import atomic_file
from pipeline_tools.errors import PipelineToolsError, ServiceError

_log = logging.getLogger(__name__)

ROWS = 64
TRIES = 200
"""How often a batch is sent until the new model happens to get it. At 10 % of the traffic, 200 misses in a row have a
probability of 7e-10."""

REQUEST_TIMEOUT = 60.0


def deploy(
    *,
    model: str,
    examples: str,
    evaluation: str,
    deployment: str,
    vertex: Mapping[str, Any],
    metrics: Mapping[str, Any] | None = None,
    deploy_unblessed: bool = False,
    golden_requests: int = 256,
    code_modules: Sequence[str] = (),
) -> dict[str, Any]:
    """Deploy a model. On the same model a second time, nothing is deployed again; the endpoint is verified again.

    Args:
        model: Directory of the SavedModel.
        examples: Directory of the `examples` artifact.
        evaluation: Directory of the `evaluation` artifact.
        deployment: Directory to write ``deployment.json`` to.
        vertex: Fields of `VertexOptions`.
        metrics: Scalars of the evaluation, for the provenance.
        deploy_unblessed: Deploy a model that is not blessed.
        golden_requests: Number of eval examples to verify the deployment with.
        code_modules: Modules that the model was made with, for the provenance.

    Returns:
        The content of ``deployment.json``.

    Raises:
        InputError: A parameter or artifact cannot be used, or the model is not blessed; nothing is deployed.
        PredictionMismatchError: The model predicts something else than the evaluation did; the traffic is restored.
        ServiceError: Vertex AI failed; the traffic is restored.
    """
    options = VertexOptions(**vertex)
    options.check()
    candidate = Candidate(model, examples, evaluation, metrics or {}, code_modules, deploy_unblessed, golden_requests)
    with prepare(candidate) as prepared:
        services = Vertex(options.region, options.emulator, options.emulator_rest, options.deadline_seconds)
        digest = _digest(prepared.provenance, options)
        uploaded = services.find_model(options, digest)
        if not uploaded:
            base = open_model_base(options.model_base_path, options.model_name)
            uploaded = services.upload(options, base.path(base.publish(prepared.model)), digest)
        endpoint = services.find_or_create_endpoint(options)
        deployed_model, verified = _deploy_once(services, endpoint, uploaded, prepared.requests, options)
    found = {
        "model": uploaded,
        "endpoint": endpoint,
        "deployed_model": deployed_model,
        "traffic_split": services.deployed(endpoint)[1],
        "blessed": prepared.blessing.blessed,
        "overridden": prepared.blessing.overridden,
        "model_sha256": prepared.provenance["model_sha256"],
        "verified": summary(prepared.requests, {"fresh process": prepared.difference, **verified}),
    }
    with atomic_file(Path(deployment) / "deployment.json") as scratch:
        scratch.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    _log.info("%s: %d golden requests agree, traffic %s", endpoint, len(prepared.requests), found["traffic_split"])
    return found


def _digest(provenance: Mapping[str, Any], options: VertexOptions) -> str:
    """Name what would be uploaded; a label's value has at most 63 characters."""
    parts = [provenance["model_sha256"], options.serving_image, options.predict_route, options.health_route]
    return hashlib.sha256(json.dumps([*parts, options.serving_port]).encode()).hexdigest()[:40]


def _deploy_once(
    services: Vertex, endpoint: str, model: str, requests: Sequence[GoldenRequest], options: VertexOptions
) -> tuple[str, dict[str, float]]:
    models, before = services.deployed(endpoint)
    already = [key for key, each in models.items() if each == model]
    if already and before.get(already[-1]):
        return already[-1], verify(services, endpoint, already[-1], requests)
    deployed_model = services.deploy(endpoint, model, share_traffic(before, options.traffic_percentage), options)
    try:
        return deployed_model, verify(services, endpoint, deployed_model, requests)
    except BaseException as error:
        if before:
            services.set_traffic(endpoint, before)
        services.undeploy(endpoint, deployed_model)
        if not isinstance(error, PipelineToolsError):
            raise
        outcome = (
            f"The traffic split is restored: {before}"
            if before
            else "Nothing was deployed before, and the new deployment is removed"
        )
        raise type(error)(f"{error}. {outcome}") from error


def verify(services: Vertex, endpoint: str, deployed_model: str, requests: Sequence[GoldenRequest]) -> dict[str, float]:
    """Send the golden requests to the live endpoint, by both protocols, until the new deployment has answered each.

    Vertex AI chooses the deployment by the traffic split, and reports which one answered.

    Args:
        services: Of the region.
        endpoint: Its resource name.
        deployed_model: The id of the deployment to verify.
        requests: Golden requests.

    Returns:
        The largest difference by protocol.

    Raises:
        PredictionMismatchError: The deployment predicts something else than the evaluation did.
        ServiceError: It never got a request.
    """
    return {
        protocol: compare_predictions(
            requests,
            _ask(VertexClient(endpoint, timeout=REQUEST_TIMEOUT, service=service), deployed_model, requests),
            f"{endpoint}, deployment {deployed_model} ({protocol})",
        )
        for protocol, service in services.predictions.items()
    }


def _ask(client: VertexClient, deployed_model: str, requests: Sequence[GoldenRequest]) -> list[float]:
    answers: list[float] = []
    for at in range(0, len(requests), ROWS):
        serialized = [encode_row(request.columns) for request in requests[at : at + ROWS]]
        for _ in range(TRIES):
            found = client.predict_serialized(serialized)
            if client.answered_by == deployed_model:
                answers += found
                break
        else:
            raise ServiceError(f"{client.server}: none of {TRIES} requests was answered by {deployed_model}")
    return answers
