"""The factory of the `ml_engine_deploy` step."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output

from pipeline_tools.image import IMAGE
from pipeline_tools.registry import Registration


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def ml_engine_deploy(
    model: Input[Model],
    examples: Input[Dataset],
    evaluation: Input[Artifact],
    metrics: Input[Metrics],
    model_name: str,
    project: str,
    model_base_path: str,
    deployment: Output[Artifact],
    region: str = "us-central1",
    traffic_percentage: int = 100,
    machine_type: str = "n1-standard-2",
    min_replicas: int = 1,
    max_replicas: int = 1,
    serving_image: str = "us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest",
    predict_route: str = "",
    health_route: str = "",
    serving_port: int = 0,
    service_account: str = "",
    deploy_unblessed: bool = False,
    golden_requests: int = 256,
    code_modules: list = [],  # noqa: B006 - a component's defaults are part of its specification
    deadline_seconds: int = 3600,
) -> NamedTuple("Outputs", [("endpoint", str), ("deployed_model", str)]):
    """Deploy a blessed model to an endpoint of Vertex AI, and prove that it answers as evaluated.

    Cloud ML Engine (AI Platform Prediction), which this step deployed to in 2018, was shut down on 31 January 2025;
    Vertex AI is its heir. Running the step twice on the same model deploys it once.

    Args:
        model: A SavedModel with the signature serving_default.
        examples: What example_gen wrote; golden requests are taken from its eval split.
        evaluation: What tfma_analyze wrote of this model.
        metrics: What tfma_analyze measured, for the receipt.
        model_name: A DNS label; display name of model and endpoint.
        project: The Google Cloud project.
        model_base_path: gs://bucket/path that the SavedModel is uploaded under.
        deployment: `deployment.json`: model, endpoint, traffic, what was proved.
        region: Of the endpoint.
        traffic_percentage: What the new model gets; the models before keep the rest, in their proportions.
        machine_type: Of the endpoint's machines.
        min_replicas: How many machines at least.
        max_replicas: How many at most.
        serving_image: The serving container. It must take {"b64": ...} instances.
        predict_route: Of a container of one's own, for example /v1/models/taxi:predict; empty for a prebuilt one.
        health_route: Of a container of one's own, for example /v1/models/taxi.
        serving_port: Of a container of one's own; 0 for the container's default.
        service_account: What the container runs as; empty for the default.
        deploy_unblessed: Deploy a model that is not blessed; the receipt records it.
        golden_requests: How many eval examples the deployment must answer as the evaluation did.
        code_modules: Modules that the model was made with, hashed in the receipt.
        deadline_seconds: How long each of upload and deployment may take.

    Returns:
        The endpoint's resource name, and the id of the deployed model in it.
    """
    from components.ml_engine.deploy import deploy

    found = deploy(
        model=model.path,
        examples=examples.path,
        evaluation=evaluation.path,
        metrics=metrics.metadata,
        deployment=deployment.path,
        deploy_unblessed=deploy_unblessed,
        golden_requests=golden_requests,
        code_modules=code_modules,
        vertex={
            "project": project,
            "region": region,
            "model_name": model_name,
            "model_base_path": model_base_path,
            "traffic_percentage": traffic_percentage,
            "machine_type": machine_type,
            "min_replicas": min_replicas,
            "max_replicas": max_replicas,
            "serving_image": serving_image,
            "predict_route": predict_route,
            "health_route": health_route,
            "serving_port": serving_port,
            "service_account": service_account,
            "deadline_seconds": deadline_seconds,
        },
    )
    deployment.metadata.update(found)
    return (found["endpoint"], found["deployed_model"])


REGISTRATION = Registration(factory=ml_engine_deploy)
