"""`taxi-pipeline manifests`."""

from __future__ import annotations

import click

from components.lib.deploy.names import check_model_name
from components.tf_serving.options import ClusterOptions
from pipeline_tools.errors import InputError


@click.command("manifests")
@click.option("--model-name", required=True, help="Name of the model; a DNS label.")
@click.option("--model-base-path", required=True, help="gs://bucket/path of the published models.")
@click.option("--version", "model_version", type=click.IntRange(1), default=1, show_default=True)
@click.option("--kind", default="deployment", show_default=True, help="deployment or kserve.")
@click.option("--namespace", default="default", show_default=True)
@click.option("--serving-image", default=ClusterOptions.serving_image, show_default=True)
@click.option("--replicas", type=int, default=1, show_default=True)
@click.option("--max-replicas", type=int, default=0, show_default=True, help="0: no autoscaling.")
@click.option("--service-account", default="", help="Service account of the pods; it must be able to read the bucket.")
@click.option(
    "--step-service-account", help="Print the permissions that the deploy step needs as this account instead."
)
def manifests_command(
    model_name: str,
    model_base_path: str,
    model_version: int,
    kind: str,
    namespace: str,
    serving_image: str,
    replicas: int,
    max_replicas: int,
    service_account: str,
    step_service_account: str | None,
) -> None:
    """Print the manifests that tf_serving_deploy applies in cloud mode, or the permissions it needs. Applies nothing.

    \b
    Examples:
      taxi-pipeline manifests --model-name taxi --model-base-path gs://bucket/models
      taxi-pipeline manifests --model-name taxi --model-base-path gs://bucket/models \\
        --step-service-account pipeline-runner | kubectl apply -f -
    """  # noqa: D301
    import yaml

    from components.tf_serving.manifests import manifests, rbac

    check_model_name(model_name)
    options = ClusterOptions(
        kind=kind,
        namespace=namespace,
        serving_image=serving_image,
        replicas=replicas,
        max_replicas=max_replicas,
        service_account=service_account,
    )
    options.check()
    if not model_base_path.startswith("gs://"):
        raise InputError(f"--model-base-path {model_base_path}: must be gs://bucket/path, which the cluster can read")
    if step_service_account:
        objects = rbac(namespace, kind, step_service_account)
    else:
        objects = manifests(model_name, f"{model_base_path.rstrip('/')}/{model_name}", model_version, options)
    click.echo(yaml.safe_dump_all(objects, sort_keys=False), nl=False)
