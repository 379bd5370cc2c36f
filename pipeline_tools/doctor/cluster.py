"""A Kubernetes cluster: what is installed, and which permissions one has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline_tools.doctor.finding import Finding, Findings

TIMEOUT = 10.0
"""Seconds for one request."""

_find = Findings("cluster")


@dataclass(frozen=True)
class Kind:
    """A kind of object that a cluster may have.

    Attributes:
        what: The project that provides it.
        api: Group and version.
        plural: Its name in the API.
        use: What it is needed for.
        remedy: How to install it.
    """

    what: str
    api: str
    plural: str
    use: str
    remedy: str

    @property
    def group(self) -> str:
        """The group without the version."""
        return self.api.partition("/")[0]


KINDS = {
    "kfp": Kind(
        "Kubeflow Pipelines",
        "kubeflow.org/v1beta1",
        "scheduledworkflows",
        "uploading packages to the Pipelines UI",
        "install Kubeflow Pipelines 2.17 or newer",
    ),
    "argo": Kind(
        "Argo Workflows",
        "argoproj.io/v1alpha1",
        "workflows",
        "running workflow.yaml, and by Kubeflow Pipelines itself",
        "install Argo Workflows 3.5 or newer: docs/argo.md",
    ),
    "trainjob": Kind(
        "Kubeflow Trainer v2",
        "trainer.kubeflow.org/v1alpha1",
        "trainjobs",
        "training with more than one worker",
        "install Kubeflow Trainer v2, or train with workers=1",
    ),
    "tfjob": Kind(
        "Kubeflow Training Operator v1",
        "kubeflow.org/v1",
        "tfjobs",
        "training with more than one worker where there is no Trainer v2",
        "install Kubeflow Trainer v2 (v1 is no longer developed), or train with workers=1",
    ),
    "kserve": Kind(
        "KServe",
        "serving.kserve.io/v1beta1",
        "inferenceservices",
        "deploying with kind=kserve",
        "install KServe, or deploy with kind=deployment, which needs no installation",
    ),
}
"""Name for `--need` -> kind."""

ALTERNATIVES = (("kfp", "argo"), ("trainjob", "tfjob"))
"""One of each is enough."""

DEPLOY = (
    *((verb, "apps", "deployments") for verb in ("get", "create", "patch")),
    *((verb, "", plural) for plural in ("services", "configmaps") for verb in ("get", "create", "patch")),
    *((verb, "autoscaling", "horizontalpodautoscalers") for verb in ("create", "patch")),
    ("list", "", "pods"),
)
"""(verb, group, plural): what tf_serving_deploy does in cloud mode."""

LAUNCH = ("get", "create", "patch", "delete")
"""What steps do with objects of these kinds."""

_FOLLOW = (("list", "", "pods"), ("get", "", "pods/log"))
_RUNTIME = tuple((verb, KINDS["trainjob"].group, "trainingruntimes") for verb in LAUNCH if verb != "get")

BESIDE = {"trainjob": (*_RUNTIME, *_FOLLOW), "tfjob": _FOLLOW}
"""Further permissions by kind: a TrainJob brings its runtime, and the logs of the pods are collected."""


def check_cluster(
    kubeconfig: str, context: str, namespace: str, need: Collection[str], service_account: str
) -> Iterator[Finding]:
    """Check a cluster.

    Args:
        kubeconfig: Kubeconfig file; empty for the default one, or in a pod for the pod's own cluster.
        context: A context in it; empty for the current one.
        namespace: Namespace of runs and models; empty for the context's.
        need: Which of `KINDS` the cluster must have.
        service_account: The account that steps run as, whose permissions are checked; empty for your own.

    Yields:
        What was found.
    """
    from kubernetes import client
    from kubernetes.client import exceptions
    from urllib3.exceptions import HTTPError

    problem = _configure(kubeconfig, context)
    if problem:
        yield _find.wrong("reach", f"no cluster is configured: {problem}", "give --kubeconfig and --context")
        return
    namespace = namespace or _namespace_of(kubeconfig, context)
    api = client.ApiClient()
    try:
        version = client.VersionApi(api).get_code(_request_timeout=TIMEOUT)
        yield _find.ok("reach", f"Kubernetes {version.git_version} answers at {api.configuration.host}")
        yield from _check_namespace(client.CoreV1Api(api), namespace)
        present = {name for name, kind in KINDS.items() if _knows(api, kind)}
        yield from _check_kinds(present, need)
        yield from _check_rights(client.AuthorizationV1Api(api), namespace, present, service_account)
    except exceptions.ApiException as error:
        yield _find.wrong(
            "reach", f"the cluster refuses: {error.status} {error.reason}", "log in again, or ask its administrator"
        )
    except (HTTPError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        yield _find.wrong(
            "reach", f"{api.configuration.host} does not answer: {reason}", "check the context and the VPN"
        )
    finally:
        api.close()


def _configure(kubeconfig: str, context: str) -> str:
    """Configure the client for the cluster; return why that is impossible."""
    from kubernetes import config

    try:
        config.load_kube_config(config_file=kubeconfig or None, context=context or None)
    except (config.ConfigException, OSError) as error:
        if kubeconfig or context:
            return str(error)
        try:
            config.load_incluster_config()
        except config.ConfigException:  # not in a pod
            return str(error)
    return ""


def _namespace_of(kubeconfig: str, context: str) -> str:
    from kubernetes import config

    try:
        contexts, active = config.list_kube_config_contexts(kubeconfig or None)
    except config.ConfigException:  # in a pod
        return "default"
    named = [each for each in contexts if each["name"] == context] or [active]
    return str(named[0]["context"].get("namespace") or "default")


def _check_namespace(core: Any, namespace: str) -> Iterator[Finding]:
    from kubernetes.client.exceptions import ApiException

    try:
        core.read_namespace(namespace, _request_timeout=TIMEOUT)
    except ApiException as error:
        if error.status == 404:
            yield _find.wrong(
                "namespace", f"namespace {namespace} does not exist", f"kubectl create namespace {namespace}"
            )
        elif error.status != 403:  # most users may not, and need not, read it
            raise
    else:
        yield _find.ok("namespace", namespace)


def _knows(api: Any, kind: Kind) -> bool:
    from kubernetes import client

    try:
        listed = client.CustomObjectsApi(api).get_api_resources(*kind.api.split("/"), _request_timeout=TIMEOUT)
    except client.ApiException as error:
        if error.status == 404:
            return False
        raise
    return any(each.name == kind.plural for each in listed.resources)


def _check_kinds(present: Collection[str], need: Collection[str]) -> Iterator[Finding]:
    needed = set(need)
    for names in ALTERNATIVES:
        found = [name for name in names if name in present]
        if not found and not needed.intersection(names) and names == ALTERNATIVES[0]:
            needed.add(names[0])  # a cluster without it cannot run a pipeline
    for name, kind in KINDS.items():
        instead = any(name in names and other in present for names in ALTERNATIVES for other in names if other != name)
        missing = f"{kind.what} is not installed (no {kind.plural} of {kind.api}): needed for {kind.use}"
        if name in present:
            yield _find.ok(name, f"{kind.what}: {kind.plural} of {kind.api}")
        elif name in needed:
            yield _find.wrong(name, missing, kind.remedy)
        elif not instead:
            yield _find.advice(name, missing, kind.remedy)


def _check_rights(authorization: Any, namespace: str, present: Collection[str], account: str) -> Iterator[Finding]:
    whose = f"service account {account}" if account else "you"
    launched = {
        name: [*((verb, KINDS[name].group, KINDS[name].plural) for verb in LAUNCH), *BESIDE.get(name, ())]
        for name in ("argo", "trainjob", "tfjob", "kserve")
        if name in present
    }
    # Kubeflow Pipelines makes the workflows itself.
    if "kfp" in present:
        launched.pop("argo", None)
    for subject, wanted in {"deploy": DEPLOY, **launched}.items():
        refused = [each for each in wanted if not _may(authorization, namespace, each, account)]
        if refused:
            yield _find.wrong(
                f"permissions: {subject}",
                f"{whose} cannot {_listed(refused)} in {namespace}",
                f"kubectl create rolebinding taxi-pipeline -n {namespace} --clusterrole=edit "
                + (f"--serviceaccount={namespace}:{account}" if account else "--user=…")
                + ", and a role for kinds that `edit` does not cover",
            )
        else:
            yield _find.ok(f"permissions: {subject}", f"{whose} can do everything necessary in {namespace}")


def _listed(refused: Sequence[tuple[str, str, str]]) -> str:
    verbs: dict[str, list[str]] = {}
    for verb, group, plural in refused:
        verbs.setdefault(f"{plural}.{group}" if group else plural, []).append(verb)
    return "; ".join(f"{'/'.join(each)} {kind}" for kind, each in verbs.items())


def _may(authorization: Any, namespace: str, wanted: tuple[str, str, str], account: str) -> bool:
    from kubernetes import client

    verb, group, plural = wanted
    resource, _, subresource = plural.partition("/")
    attributes = client.V1ResourceAttributes(
        namespace=namespace, verb=verb, group=group, resource=resource, subresource=subresource or None
    )
    if account:
        name = f"system:serviceaccount:{namespace}:{account}"
        spec = client.V1SubjectAccessReviewSpec(resource_attributes=attributes, user=name, groups=_groups(namespace))
        body = client.V1LocalSubjectAccessReview(metadata={"namespace": namespace}, spec=spec)
        review = authorization.create_namespaced_local_subject_access_review(namespace, body, _request_timeout=TIMEOUT)
    else:
        asked = client.V1SelfSubjectAccessReview(spec={"resourceAttributes": attributes})
        review = authorization.create_self_subject_access_review(asked, _request_timeout=TIMEOUT)
    return bool(review.status.allowed)


def _groups(namespace: str) -> list[str]:
    """Return the groups that every service account of a namespace belongs to."""
    return ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
