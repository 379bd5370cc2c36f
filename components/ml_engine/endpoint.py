"""An endpoint of Vertex AI: its deployments and its traffic split."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from components.ml_engine.options import VertexOptions
from pipeline_tools.errors import InputError
from pipeline_tools.extras import require
from pipeline_tools.google_errors import google_errors


class Vertex:
    """The services of a region.

    Args:
        region: For example ``us-central1``.
        emulator: ``host:port`` of an emulator to use without TLS.
        emulator_rest: ``host:port`` of the emulator's REST API.
        deadline_seconds: How long one operation may take.

    Attributes:
        predictions: The SDK's clients for predictions, by protocol.
    """

    def __init__(
        self, region: str, emulator: str = "", emulator_rest: str = "", deadline_seconds: float = 3600
    ) -> None:
        self._api: Any = require("google.cloud.aiplatform_v1", "cloud")
        self._deadline = deadline_seconds
        self._models = self._service("ModelService", region, emulator)
        self._endpoints = self._service("EndpointService", region, emulator)
        self.predictions = {"gRPC": self._service("PredictionService", region, emulator)}
        if emulator_rest or not emulator:
            self.predictions["REST"] = self._rest_predictions(region, emulator_rest)

    def _service(self, name: str, region: str, emulator: str) -> Any:
        kind = getattr(self._api, f"{name}Client")
        if not emulator:
            return kind(client_options={"api_endpoint": f"{region}-aiplatform.googleapis.com"})
        import grpc

        return kind(transport=kind.get_transport_class("grpc")(channel=grpc.insecure_channel(emulator)))

    def _rest_predictions(self, region: str, emulator: str) -> Any:
        kind = self._api.PredictionServiceClient
        if not emulator:
            return kind(transport="rest", client_options={"api_endpoint": f"{region}-aiplatform.googleapis.com"})
        from google.auth.credentials import AnonymousCredentials

        transport = kind.get_transport_class("rest")
        return kind(transport=transport(host=emulator, url_scheme="http", credentials=AnonymousCredentials()))

    def find_model(self, options: VertexOptions, digest: str) -> str:
        """Find an uploaded model by its digest.

        Args:
            options: Where to look.
            digest: What `upload` labelled it with.

        Returns:
            Its resource name; empty if there is none.
        """
        with _errors("looking for the model"):
            found = self._models.list_models(
                request={"parent": options.parent, "filter": f'labels.digest="{digest}"'}, timeout=60
            )
            return next((model.name for model in found if model.labels.get("digest") == digest), "")

    def upload(self, options: VertexOptions, artifact_uri: str, digest: str) -> str:
        """Upload a model.

        Args:
            options: Its container.
            artifact_uri: URI of its SavedModel.
            digest: A label to find it by.

        Returns:
            Its resource name.
        """
        container = self._api.ModelContainerSpec(image_uri=options.serving_image)
        if options.predict_route:
            container.predict_route, container.health_route = options.predict_route, options.health_route
        if options.serving_port:
            container.ports = [self._api.Port(container_port=options.serving_port)]
        model = self._api.Model(
            display_name=options.model_name,
            artifact_uri=artifact_uri,
            container_spec=container,
            labels={"digest": digest},
        )
        with _errors("uploading the model"):
            done = self._models.upload_model(parent=options.parent, model=model, timeout=60)
            return str(done.result(timeout=self._deadline).model)

    def find_or_create_endpoint(self, options: VertexOptions) -> str:
        """Find the endpoint by its display name, or create it.

        Args:
            options: Its name, project and region.

        Returns:
            Its resource name.

        Raises:
            InputError: Several endpoints have the name.
        """
        with _errors("looking for the endpoint"):
            listed = self._endpoints.list_endpoints(
                request={"parent": options.parent, "filter": f'display_name="{options.model_name}"'}, timeout=60
            )
            found = [each.name for each in listed if each.display_name == options.model_name]
            if len(found) > 1:
                raise InputError(
                    f"model_name={options.model_name}: {len(found)} endpoints have this name: {', '.join(found)}. "
                    "Delete or rename all but one"
                )
            if found:
                return str(found[0])
            endpoint = self._api.Endpoint(display_name=options.model_name)
            done = self._endpoints.create_endpoint(parent=options.parent, endpoint=endpoint, timeout=60)
            return str(done.result(timeout=self._deadline).name)

    def deployed(self, endpoint: str) -> tuple[dict[str, str], dict[str, int]]:
        """Read the deployments.

        Args:
            endpoint: Its resource name.

        Returns:
            Models by the id of their deployment, in the order of their deployment; and the traffic split by that id.
        """
        with _errors("reading the endpoint"):
            found = self._endpoints.get_endpoint(name=endpoint, timeout=60)
        models = sorted(found.deployed_models, key=lambda each: each.create_time)
        return {each.id: each.model for each in models}, {
            key: share for key, share in found.traffic_split.items() if share
        }

    def deploy(self, endpoint: str, model: str, split: Mapping[str, int], options: VertexOptions) -> str:
        """Deploy a model to an endpoint.

        Args:
            endpoint: Its resource name.
            model: The model's.
            split: Traffic by deployment; "0" is the new one.
            options: Machines and replicas.

        Returns:
            The id of the deployment.
        """
        machine = self._api.MachineSpec(machine_type=options.machine_type)
        deployed = self._api.DeployedModel(
            model=model,
            display_name=options.model_name,
            service_account=options.service_account,
            dedicated_resources=self._api.DedicatedResources(
                machine_spec=machine,
                min_replica_count=options.min_replicas,
                max_replica_count=options.max_replicas,
            ),
        )
        with _errors("deploying the model"):
            done = self._endpoints.deploy_model(
                endpoint=endpoint, deployed_model=deployed, traffic_split=dict(split), timeout=60
            )
            return str(done.result(timeout=self._deadline).deployed_model.id)

    def set_traffic(self, endpoint: str, split: Mapping[str, int]) -> None:
        """Set the traffic split.

        Args:
            endpoint: Its resource name.
            split: Percentages by deployment; they sum to 100.
        """
        body = self._api.Endpoint(name=endpoint, traffic_split=dict(split))
        with _errors("changing the traffic"):
            self._endpoints.update_endpoint(endpoint=body, update_mask={"paths": ["traffic_split"]}, timeout=60)

    def undeploy(self, endpoint: str, deployed_model: str) -> None:
        """Undeploy a deployment that has no traffic.

        Args:
            endpoint: Its resource name.
            deployed_model: The id of the deployment.
        """
        with _errors("undeploying the model"):
            done = self._endpoints.undeploy_model(endpoint=endpoint, deployed_model_id=deployed_model, timeout=60)
            done.result(timeout=self._deadline)

    def promote(self, endpoint: str) -> str:
        """Give the newest deployment all traffic, and undeploy the others.

        Args:
            endpoint: Its resource name.

        Returns:
            The id of the deployment.
        """
        models, _ = self.deployed(endpoint)
        if not models:
            raise InputError(f"{endpoint}: nothing is deployed to it, so there is nothing to promote")
        newest = [*models][-1]
        self.set_traffic(endpoint, {newest: 100})
        for other in [*models][:-1]:
            self.undeploy(endpoint, other)
        return newest

    def roll_back(self, endpoint: str) -> str:
        """Give the deployment before the newest all traffic, and undeploy the newest.

        Args:
            endpoint: Its resource name.

        Returns:
            The id of the deployment that has the traffic now.
        """
        models, _ = self.deployed(endpoint)
        if len(models) < 2:
            raise InputError(
                f"{endpoint}: only {len(models)} model is deployed to it, so there is none to roll back to"
            )
        *_, before, newest = models
        self.set_traffic(endpoint, {before: 100})
        self.undeploy(endpoint, newest)
        return before


def share_traffic(split: Mapping[str, int], percentage: int) -> dict[str, int]:
    """Give a new deployment its share, and leave the others the rest in their proportions.

    Args:
        split: Percentages before, by deployment; empty where nothing is deployed.
        percentage: The new one's share.

    Returns:
        Percentages that sum to 100; "0" is the new deployment.
    """
    if not split:
        return {"0": 100}
    rest = 100 - percentage
    shares = {key: share * rest // 100 for key, share in split.items()}
    largest = max(split, key=lambda key: split[key])
    shares[largest] += rest - sum(shares.values())
    return {"0": percentage, **shares}


def _errors(doing: str) -> AbstractContextManager[None]:
    return google_errors(f"Vertex AI, {doing}", "Vertex AI", roles="the role Vertex AI User on the project")
