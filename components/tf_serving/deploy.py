"""Publish a model for TF-Serving, and verify that the served model predicts what the evaluation did."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from components.lib.deploy.golden import summary
from components.lib.deploy.model_base import ModelBase, open_model_base
from components.lib.deploy.prepare import Candidate, PreparedModel, prepare
from components.lib.deploy.verify import verify
from components.tf_serving.options import ClusterOptions
from pipeline_tools import storage
from pipeline_tools.atomic import atomic_file
from pipeline_tools.errors import InputError

_log = logging.getLogger(__name__)

DEPLOYMENT_FILE = "deployment.json"


def deploy(
    *,
    model: str,
    examples: str,
    evaluation: str,
    deployment: str,
    model_name: str,
    model_base_path: str = "",
    deploy_mode: str = "local",
    keep_versions: int = 3,
    metrics: Mapping[str, Any] | None = None,
    deploy_unblessed: bool = False,
    golden_requests: int = 256,
    code_modules: Sequence[str] = (),
    cluster: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Deploy a model.

    Args:
        model: Directory of the SavedModel.
        examples: Directory of the `examples` artifact.
        evaluation: Directory of the `evaluation` artifact.
        deployment: Directory to write ``deployment.json`` to.
        model_name: A DNS label.
        model_base_path: A directory or ``gs://`` path; empty means ``models`` in ``deployment``.
        deploy_mode: ``local`` or ``cloud``.
        keep_versions: How many of the newest versions stay.
        metrics: Scalars of the evaluation, for the provenance.
        deploy_unblessed: Deploy a model that is not blessed.
        golden_requests: Number of eval examples to verify the deployment with.
        code_modules: Modules that the model was made with, for the provenance.
        cluster: Fields of `ClusterOptions`, for ``cloud``.

    Returns:
        The content of ``deployment.json``.

    Raises:
        InputError: A parameter or artifact cannot be used, or the model is not blessed; nothing is published.
        PredictionMismatchError: The model predicts something else than the evaluation did; it is not
            published, or it is withdrawn again.
        RolloutError: The cluster cannot bring it up; the version before it serves again.
    """
    options = ClusterOptions(**(cluster or {}))
    _check(deploy_mode, model_base_path, keep_versions, options)
    base_path = model_base_path or str(Path(deployment) / "models")
    base = open_model_base(base_path, model_name)
    candidate = Candidate(model, examples, evaluation, metrics or {}, code_modules, deploy_unblessed, golden_requests)
    with prepare(candidate) as prepared:
        version = base.publish(prepared.model)
        try:
            if deploy_mode == "cloud":
                from components.tf_serving.cluster import roll_out

                path = f"{base_path.rstrip('/')}/{model_name}"
                verified = roll_out(prepared.requests, path, model_name, version, options)
            else:
                verified = _verify_locally(prepared, base_path, model_name, version)
        except BaseException:
            base.withdraw(version)
            raise
    removed = base.prune(keep_versions)
    found = _describe(prepared, base, version, verified)
    found |= {"model_name": model_name, "model_base_path": base_path, "removed_versions": removed}
    with atomic_file(Path(deployment) / DEPLOYMENT_FILE) as scratch:
        scratch.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    differences = ", ".join(f"{protocol} {value:.1g}" for protocol, value in verified.items())
    _log.info(
        "%s: %d golden requests agree; largest difference: %s",
        found["model_path"],
        len(prepared.requests),
        differences,
    )
    return found


def _check(deploy_mode: str, model_base_path: str, keep_versions: int, options: ClusterOptions) -> None:
    if deploy_mode not in ("local", "cloud"):
        raise InputError(f"deploy_mode={deploy_mode!r}: must be 'local' or 'cloud'")
    if keep_versions < 1:
        raise InputError(f"keep_versions={keep_versions}: must be at least 1; the new version is one of them")
    if deploy_mode == "cloud":
        if not model_base_path.startswith("gs://"):
            raise InputError(
                f"model_base_path={model_base_path!r}: deploy_mode=cloud needs gs://bucket/path, which the cluster can "
                "read"
            )
        options.check()


def _verify_locally(prepared: PreparedModel, base_path: str, model_name: str, version: int) -> dict[str, float]:
    from components.lib.serving.client import connect
    from components.lib.serving.config import ModelConfig, VersionPolicy
    from components.lib.serving.manager import AVAILABLE
    from components.lib.serving.server import ModelServer, ServerOptions

    path = f"{base_path.rstrip('/')}/{model_name}"
    with ExitStack() as stack:
        served = path
        if storage.is_remote(path):  # the embedded server reads files: it verifies what the bucket gives back
            served = stack.enter_context(TemporaryDirectory())
            storage.download(f"{path}/{version}", Path(served) / str(version))
        only = ModelConfig(model_name, served, VersionPolicy(specific=(version,)))
        server = stack.enter_context(ModelServer([only], ServerOptions(port=0, rest_api_port=0)))
        (status,) = server.manager.status(model_name)
        if status.state != AVAILABLE:
            raise InputError(f"{path}/{version}: the model server cannot load it: {status.error}")
        servers = {"gRPC": f"127.0.0.1:{server.port}", "REST": f"http://127.0.0.1:{server.rest_api_port}"}
        clients = {
            protocol: stack.enter_context(connect(address, model_name, version=version, timeout=60))
            for protocol, address in servers.items()
        }
        return verify(prepared.requests, clients)


def _describe(prepared: PreparedModel, base: ModelBase, version: int, verified: dict[str, float]) -> dict[str, Any]:
    return {
        "version": version,
        "model_path": base.path(version),
        "blessed": prepared.blessing.blessed,
        "overridden": prepared.blessing.overridden,
        "model_sha256": prepared.provenance["model_sha256"],
        "verified": summary(prepared.requests, {"fresh process": prepared.difference, **verified}),
    }
