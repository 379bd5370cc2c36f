"""The Kubernetes settings of a step (`kfp-kubernetes`): what they mean on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline_tools.errors import InputError

_MOUNTS = {
    "secretAsVolume": "a secret",
    "configMapAsVolume": "a config map",
    "pvcMount": "a volume",
    "emptyDirMounts": "an empty directory",
    "genericEphemeralVolume": "a volume",
}


def settings_by_executor(documents: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Find the Kubernetes settings in what goes with a specification.

    Args:
        documents: What `pipeline_tools.compiler.read_documents` gives.

    Returns:
        Settings by executor label.
    """
    found: dict[str, Mapping[str, Any]] = _kubernetes(documents).get("deploymentSpec", {}).get("executors", {})
    return found


def pipeline_time_limit(documents: Sequence[Mapping[str, Any]]) -> float | None:
    """Give the seconds that a run of the whole pipeline may take, when there is a limit."""
    return time_limit(_kubernetes(documents).get("pipelineConfig", {}))


def _kubernetes(documents: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for document in documents[1:]:
        found.update(document.get("platforms", {}).get("kubernetes", {}))
    return found


def check_settings(settings: Mapping[str, Any]) -> None:
    """Check that a step finds on this machine what its settings give it in a cluster.

    Environment variables from secrets and the like must be set in this process's environment, and what is mounted
    must exist at its path. Settings that say where and how a pod runs (node selectors, tolerations, labels, pull
    policies, security contexts) mean nothing on one machine.

    Args:
        settings: A ``KubernetesExecutorConfig``.

    Raises:
        InputError: Something is not there; the message says what to set or make.
    """
    for kind in ("secretAsEnv", "configMapAsEnv"):
        for source in settings.get(kind, []):
            variables = [each["envVar"] for each in source.get("keyToEnv", [])]
            _check_variables(variables, optional=bool(source.get("optional")))
    _check_variables([each["name"] for each in settings.get("fieldPathAsEnv", [])], optional=False)
    for kind, name in _MOUNTS.items():
        for mount in settings.get(kind, []):
            path = mount.get("mountPath", "")
            if not mount.get("optional") and not Path(path).exists():
                raise InputError(f"it has {name} mounted at {path}, which does not exist; make it, with its content")


def time_limit(settings: Mapping[str, Any]) -> float | None:
    """Give the seconds that an attempt of a step may take, when there is a limit."""
    seconds = settings.get("activeDeadlineSeconds")
    return None if seconds is None else float(seconds)


def _check_variables(names: list[str], *, optional: bool) -> None:
    missing = [name for name in names if name not in os.environ]
    if missing and not optional:
        raise InputError(f"it takes {', '.join(missing)} from the cluster; set it in the environment of this run")
