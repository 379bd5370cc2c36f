"""A namespace of a Kubernetes cluster: apply, read and delete objects, and report the state of pods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline_tools.errors import InputError

_STARTING = (None, "ContainerCreating", "PodInitializing", "Completed")


class Namespace:
    """A namespace of the configured cluster (in a pod its own cluster, otherwise that of the kubeconfig).

    Args:
        name: Of the namespace.
        parameter: What made a cluster necessary, for errors, for example ``deploy_mode=cloud``.
        manager: Field manager of everything that is applied.

    Raises:
        InputError: No cluster is configured, or it does not answer.
    """

    def __init__(self, name: str, parameter: str, manager: str) -> None:
        from kubernetes import client, config, dynamic

        self.name = name
        self._manager = manager
        try:
            config.load_config()
        except config.ConfigException as error:
            raise InputError(f"{parameter}: no Kubernetes cluster is configured: {error}") from None
        try:
            self._api = client.ApiClient()
            self._client = dynamic.DynamicClient(self._api)
        except Exception as error:
            raise InputError(f"{parameter}: the Kubernetes cluster does not answer: {error}") from None

    def knows(self, api_version: str, kind: str) -> bool:
        """Tell whether the cluster has a kind of object."""
        from kubernetes.dynamic.exceptions import ResourceNotFoundError

        try:
            self._client.resources.get(api_version=api_version, kind=kind)
        except ResourceNotFoundError:
            return False
        return True

    def apply(self, objects: Sequence[Mapping[str, Any]]) -> None:
        """Apply objects on the server's side.

        Args:
            objects: In this order.

        Raises:
            InputError: The cluster refuses one: a field that somebody else manages, a right that is missing, a kind
                that it does not know.
        """
        from kubernetes.dynamic.exceptions import DynamicApiError

        for body in objects:
            name = f"{body['kind']} {self.name}/{body['metadata']['name']}"
            resource = self._resource(body["apiVersion"], body["kind"], name)
            try:
                self._client.server_side_apply(resource, body=dict(body), field_manager=self._manager)
            except DynamicApiError as error:
                raise InputError(f"{name}: the cluster rejects it: {error.status} {_reason(error)}") from None

    def get(self, api_version: str, kind: str, name: str) -> dict[str, Any] | None:
        """Read an object.

        Args:
            api_version: Of its kind.
            kind: Its kind.
            name: Its name.

        Returns:
            The object; None where there is none.

        Raises:
            InputError: The cluster does not know the kind, or refuses.
        """
        from kubernetes.dynamic.exceptions import DynamicApiError, NotFoundError

        what = f"{kind} {self.name}/{name}"
        resource = self._resource(api_version, kind, what)
        try:
            found: dict[str, Any] = resource.get(name=name, namespace=self.name).to_dict()
        except NotFoundError:
            return None
        except DynamicApiError as error:
            raise InputError(f"{what}: {error.status} {_reason(error)}") from None
        return found

    def delete(self, api_version: str, kind: str, name: str) -> None:
        """Delete an object with its dependents; it is not an error if it does not exist.

        Args:
            api_version: Of its kind.
            kind: Its kind.
            name: Its name.

        Raises:
            InputError: The cluster does not know the kind, or refuses.
        """
        from kubernetes.dynamic.exceptions import DynamicApiError, NotFoundError

        what = f"{kind} {self.name}/{name}"
        resource = self._resource(api_version, kind, what)
        try:
            resource.delete(name=name, namespace=self.name, body={"propagationPolicy": "Foreground"})
        except NotFoundError:
            return
        except DynamicApiError as error:
            raise InputError(f"{what}: the cluster does not delete it: {error.status} {_reason(error)}") from None

    def pods(self, selector: str) -> list[dict[str, Any]]:
        """List pods.

        Args:
            selector: Of their labels.

        Returns:
            The pods; none where the right to list them is missing: what owns them then has to tell their reasons.
        """
        from kubernetes.dynamic.exceptions import DynamicApiError

        resource = self._client.resources.get(api_version="v1", kind="Pod")
        try:
            found: list[dict[str, Any]] = (
                resource.get(namespace=self.name, label_selector=selector).to_dict().get("items", [])
            )
        except DynamicApiError:
            return []
        return found

    def log(self, pod: str) -> str:
        """Read what a pod's only container has written so far.

        Args:
            pod: Name of the pod.

        Returns:
            The text; empty where it has not started, is gone, or may not be read.
        """
        from kubernetes import client
        from kubernetes.client.exceptions import ApiException

        try:
            response = client.CoreV1Api(self._api).read_namespaced_pod_log(pod, self.name, _preload_content=False)
        except ApiException:
            return ""
        return str(response.data.decode("utf-8", "replace"))

    def _resource(self, api_version: str, kind: str, what: str) -> Any:
        from kubernetes.dynamic.exceptions import ResourceNotFoundError

        try:
            return self._client.resources.get(api_version=api_version, kind=kind)
        except ResourceNotFoundError:
            raise InputError(f"{what}: the cluster has no kind {kind} of {api_version}") from None


def pod_troubles(pods: Sequence[Mapping[str, Any]]) -> list[str]:
    """Tell why pods do not run or have ended badly.

    Args:
        pods: As `Namespace.pods` lists them.

    Returns:
        A text for each trouble, with the pod's name; each once.
    """
    troubles: dict[str, None] = {}  # in order, each once
    for pod in pods:
        status = pod.get("status", {})
        found = [status] if status.get("reason") else []
        found += [
            each
            for each in status.get("conditions") or []
            if each.get("type") == "PodScheduled" and each.get("status") == "False"
        ]
        for each in status.get("containerStatuses") or []:
            state = each.get("state", {})
            found.append(state.get("waiting") or state.get("terminated") or {})
        for each in found:
            if each.get("reason") not in _STARTING:
                code = f" (exit code {each['exitCode']})" if "exitCode" in each else ""
                text = f"{each['reason']}{code}: {each.get('message', '')}".rstrip(": ")
                troubles[f"pod {pod['metadata']['name']}: {text}"] = None
    return list(troubles)


def _reason(error: Any) -> str:
    try:
        return str(error.summary())
    except Exception:  # a body that is no Status object
        return str(error.reason)
