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
    """Publish a blessed model as the next version under a model base path, and verify its predictions.

    Args:
        model: A SavedModel with the signature serving_default, which is published as it is.
        examples: The examples of the evaluation, from whose eval split golden requests are made.
        evaluation: What tfma_analyze wrote of this model: its predictions and its verdict.
        metrics: What tfma_analyze measured of this model, for the record of the deployment.
        model_name: The name that the model is served under, which must be a DNS label.
        deployment: A directory with deployment.json: version, path and what was verified; and with the model base path
            where none is given.
        model_base_path: A directory or gs://bucket/path that versions are published under; in local mode empty means
            `models` inside `deployment`.
        deploy_mode: How to publish: local writes the version and verifies it with an embedded server; cloud writes to
            gs://, serves the version on Kubernetes by TF-Serving, and verifies that.
        keep_versions: How many of the newest versions of the model are kept.
        deploy_unblessed: Whether to deploy a model that is not blessed, which deployment.json then records.
        golden_requests: Number of eval examples that the deployed model is verified with.
        code_modules: Modules that the model was made with, whose hashes deployment.json records.
        kind: What serves in cloud mode: deployment (Deployment and Service) or kserve (InferenceService).
        namespace: The Kubernetes namespace that the model is served in, in cloud mode.
        serving_image: The image of TF-Serving that the pods of cloud mode run.
        replicas: How many serving pods there are at least in cloud mode.
        max_replicas: Up to how many pods the model scales with load in cloud mode; 0 turns scaling off.
        cpu: How much CPU a serving pod requests in cloud mode, such as 500m.
        memory: How much memory a serving pod requests, and is limited to, in cloud mode, such as 1Gi.
        service_account: The Kubernetes service account of the serving pods in cloud mode, which must be allowed to read
            the bucket; empty for the default of the namespace.
        deadline_seconds: How many seconds the rollout may take in cloud mode.
        grpc_address: The host:port by which this step reaches the model in cloud mode; empty for the name of the
            Service.
        rest_url: The http://host:port by which this step reaches the model in cloud mode; empty for the name of the
            Service.

    Returns:
        The version, and the path that it was published at.
    """
    from components.tf_serving.deploy import deploy

    deployed = deploy(
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
    deployment.metadata.update(deployed)
    return (deployed["version"], deployed["model_path"])


REGISTRATION = Registration(factory=tf_serving_deploy)
