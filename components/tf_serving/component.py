"""The factory of the `tf_serving_deploy` step."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output

from pipeline_tools.image import IMAGE
from pipeline_tools.registry import Registration


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def tf_serving_deploy(
    model: Input[Model],
    examples: Input[Dataset],
    evaluation: Input[Artifact],
    metrics: Input[Metrics],
    model_name: str,
    deployment: Output[Artifact],
    model_base_path: str = "",
    deploy_mode: str = "local",
    keep_versions: int = 3,
    deploy_unblessed: bool = False,
    golden_requests: int = 256,
    code_modules: list = [],  # noqa: B006 - a component's defaults are part of its specification
    kind: str = "deployment",
    namespace: str = "default",
    serving_image: str = "tensorflow/serving:2.19.1",
    replicas: int = 1,
    max_replicas: int = 0,
    cpu: str = "500m",
    memory: str = "1Gi",
    service_account: str = "",
    deadline_seconds: int = 600,
    grpc_address: str = "",
    rest_url: str = "",
) -> NamedTuple("Outputs", [("version", int), ("model_path", str)]):
    """Publish a blessed model as the next version under a model base path, and prove that it answers as evaluated.

    Args:
        model: A SavedModel with the signature serving_default.
        examples: What example_gen wrote; golden requests are taken from its eval split.
        evaluation: What tfma_analyze wrote of this model.
        metrics: What tfma_analyze measured, for the receipt.
        model_name: A DNS label.
        deployment: `deployment.json`: version, path, what was proved; and the model base path where none is given.
        model_base_path: A directory, or gs://bucket/path. In local mode empty means `models` inside `deployment`.
        deploy_mode: local: publish, and prove it by an embedded server. cloud: publish to gs://, then serve it on
            Kubernetes by TF-Serving, and prove that.
        keep_versions: How many of the newest versions stay.
        deploy_unblessed: Deploy a model that is not blessed; the receipt records it.
        golden_requests: How many eval examples the deployment must answer as the evaluation did.
        code_modules: Modules that the model was made with, hashed in the receipt.
        kind: In cloud mode, deployment (Deployment and Service) or kserve (InferenceService).
        namespace: In cloud mode, where.
        serving_image: In cloud mode, the image of TF-Serving.
        replicas: In cloud mode, how many pods at least.
        max_replicas: In cloud mode, up to how many pods it scales with load; 0 turns scaling off.
        cpu: In cloud mode, what a pod asks for.
        memory: In cloud mode, what a pod asks for and may take.
        service_account: In cloud mode, the pods' Kubernetes service account, which must be allowed to read the bucket.
        deadline_seconds: In cloud mode, how long the rollout may take.
        grpc_address: In cloud mode, host:port by which the step reaches the model; empty for the Service's own name.
        rest_url: In cloud mode, http://host:port by which the step reaches it; empty for the Service's own name.

    Returns:
        The version, and where it lies.
    """
    from components.tf_serving.deploy import deploy

    found = deploy(
        model=model.path,
        examples=examples.path,
        evaluation=evaluation.path,
        metrics=metrics.metadata,
        deployment=deployment.path,
        model_name=model_name,
        model_base_path=model_base_path,
        deploy_mode=deploy_mode,
        keep_versions=keep_versions,
        deploy_unblessed=deploy_unblessed,
        golden_requests=golden_requests,
        code_modules=code_modules,
        cluster={
            "kind": kind,
            "namespace": namespace,
            "serving_image": serving_image,
            "replicas": replicas,
            "max_replicas": max_replicas,
            "cpu": cpu,
            "memory": memory,
            "service_account": service_account,
            "deadline_seconds": deadline_seconds,
            "grpc_address": grpc_address,
            "rest_url": rest_url,
        },
    )
    deployment.metadata.update(found)
    return (found["version"], found["model_path"])


REGISTRATION = Registration(factory=tf_serving_deploy)
