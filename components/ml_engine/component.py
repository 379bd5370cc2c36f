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
    """Deploy a blessed model to an endpoint of Vertex AI, and verify its predictions.

    Cloud ML Engine (AI Platform Prediction), which this step deployed to in 2018, was shut down on 31 January 2025;
    Vertex AI is its successor. Running the step twice on the same model deploys it once.

    Args:
        model: A SavedModel with the signature serving_default, which the endpoint will serve.
        examples: The examples of the evaluation, from whose eval split golden requests are made.
        evaluation: What tfma_analyze wrote of this model: its predictions and its verdict.
        metrics: What tfma_analyze measured of this model, for the record of the deployment.
        model_name: The display name of model and endpoint, which must be a DNS label.
        project: The Google Cloud project of the model and of its endpoint.
        model_base_path: The gs://bucket/path under which the SavedModel is uploaded for Vertex AI.
        deployment: A directory with deployment.json: model, endpoint, traffic, and what was verified.
        region: The region of the endpoint and of its machines, such as us-central1.
        traffic_percentage: Share of the traffic for the new model; the models before keep the rest, in their
            proportions.
        machine_type: The type of the machines that the endpoint runs on.
        min_replicas: How many machines the endpoint has at least, whatever the load.
        max_replicas: How many machines the endpoint has at most under load.
        serving_image: The image of the serving container, which must accept {"b64": ...} instances.
        predict_route: Path for predictions of a custom container, for example /v1/models/taxi:predict; empty for
            a prebuilt container.
        health_route: Path for health checks of a custom container, for example /v1/models/taxi; empty for a
            prebuilt container.
        serving_port: Port of a custom container; 0 for the default of the container.
        service_account: The service account that the serving container runs as; empty for Vertex AI's default.
        deploy_unblessed: Whether to deploy a model that is not blessed, which deployment.json then records.
        golden_requests: Number of eval examples that the deployed model is verified with.
        code_modules: Modules that the model was made with, whose hashes deployment.json records.
        deadline_seconds: How many seconds each of upload and deployment may take.

    Returns:
        The endpoint's resource name, and the id of the deployed model in it.
    """
    from components.ml_engine.deploy import deploy

    deployed = deploy(
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
    deployment.metadata.update(deployed)
    return (deployed["endpoint"], deployed["deployed_model"])


REGISTRATION = Registration(factory=ml_engine_deploy)
