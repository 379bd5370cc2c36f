"""Lower an importer: something that exists outside becomes an artifact of the run.

What is in an object store or behind http(s) is fetched by Argo itself and put into the cluster's artifact repository.
A path stays where it is (on a volume that its readers mount): what is handed on is the path.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pipeline_tools.compiler.argo.expressions import (
    Value,
    encoded,
    input_parameter,
    joined,
    literal,
    output_artifact,
    output_parameter,
    quote,
    succeeded,
    tag,
)
from pipeline_tools.compiler.argo.inputs import TaskInputs
from pipeline_tools.compiler.argo.names import described
from pipeline_tools.compiler.argo.pods import Json, check_fields
from pipeline_tools.compiler.argo.settings import ArgoSettings
from pipeline_tools.compiler.argo.steps import INPUTS, OUTPUTS
from pipeline_tools.errors import InputError
from pipeline_tools.spec.placeholders import split

_FETCH = f"mkdir -p {OUTPUTS}/artifacts && cp -R {INPUTS}/artifact {OUTPUTS}/artifacts/artifact"
_REFER = (
    f'if grep -q \'"uri": *"[a-z0-9]*://\' {INPUTS}/kfp-step.json; then cat {INPUTS}/kfp-step.json; '
    "echo 'Argo cannot fetch this uri' >&2; exit 1; fi; "
    # Nothing to pass on, but Argo's expressions have no word for a missing artifact.
    f"mkdir -p {OUTPUTS}/artifacts && : > {OUTPUTS}/artifacts/artifact"
)
_URI = input_parameter("uri")


def _bucket_and_key(scheme: str) -> tuple[str, str]:
    rest = f'split(trimPrefix(fromJSON({_URI}), {quote(scheme)}), "/", 2)'
    return tag(f"{rest}[0]"), tag(f"{rest}[1]")


def _locations() -> dict[str, Json]:
    """How Argo reaches each kind of address, by what the address begins with."""
    bucket, key = _bucket_and_key("gs://")
    s3_bucket, s3_key = _bucket_and_key("s3://")
    s3 = {"endpoint": "s3.amazonaws.com", "bucket": s3_bucket, "key": s3_key, "useSDKCreds": True}
    http = {"http": {"url": tag(f"fromJSON({_URI})")}}
    return {"gs://": {"gcs": {"bucket": bucket, "key": key}}, "s3://": {"s3": s3}, "http://": http, "https://": http}


def template(
    name: str,
    component: Mapping[str, Any],
    importer: Mapping[str, Any],
    inputs: TaskInputs,
    settings: ArgoSettings,
    add: Callable[[str, Json], str],
    where: str,
) -> Json:
    """Make the template of an importer.

    Args:
        name: Name for the template.
        component: The importer's component.
        importer: ``ImporterSpec``.
        inputs: The inputs of the task.
        settings: What the compiler's caller chose.
        add: Keeps a further template and gives its name.
        where: Names the task in errors.

    Returns:
        The template: of one pod where the address is a constant, else a DAG that chooses the kind when it is known.

    Raises:
        InputError: The address is of a kind that Argo cannot fetch from.
    """
    check_fields(importer, "artifactUri", "typeSchema", "metadata", "reimport", where=f"{where}: importer")
    uri = importer.get("artifactUri", {})
    constant = uri.get("constant")
    if constant is None:
        given = inputs.parameters[uri["runtimeParameter"]].constant
        constant = json.loads(given) if given is not None else None
        definition = component["inputDefinitions"]["parameters"].get(uri["runtimeParameter"], {})
        if uri["runtimeParameter"] not in inputs.parameters:
            constant = definition.get("defaultValue")
    names = sorted(component.get("inputDefinitions", {}).get("parameters", {}))
    parameters: list[Json] = [{"name": each} for each in sorted({*names, "uri"})]
    if "constant" in uri:
        parameters = [
            {"name": "uri", "value": Value.of(constant).argument},
            *(p for p in parameters if p["name"] != "uri"),
        ]
    locations = _locations()
    if constant is not None:
        scheme = next((each for each in locations if constant.startswith(each)), None)
        if scheme is None and "://" in constant.removeprefix("file://"):
            kinds = ", ".join(locations)
            raise InputError(f"{where}: importer: Argo cannot fetch {constant}; give a path, or one of {kinds}")
        return _leaf(name, importer, parameters, locations.get(scheme or ""), settings)
    leaves = {
        "from-gcs": ("gs://",),
        "from-s3": ("s3://",),
        "from-http": ("http://", "https://"),
        "from-path": (),
    }
    passed = [{"name": each["name"], "value": tag(input_parameter(each["name"]))} for each in parameters]
    remote = " || ".join(_begins(scheme) for scheme in locations)
    tasks = []
    for task, schemes in leaves.items():
        leaf = _leaf(f"{name}-{task}", importer, parameters, locations[schemes[0]] if schemes else None, settings)
        when = " || ".join(_begins(scheme) for scheme in schemes) or f"not ({remote})"
        entry = {
            "name": task,
            "template": add(leaf["name"], leaf),
            "arguments": {"parameters": passed},
            "when": tag(when),
        }
        tasks.append(entry)
    description, files = output_parameter("from-path", described("artifact")), output_artifact("from-path", "artifact")
    for task in ("from-http", "from-s3", "from-gcs"):
        description = f"{succeeded(task)} ? {output_parameter(task, described('artifact'))} : ({description})"
        files = f"{succeeded(task)} ? {output_artifact(task, 'artifact')} : ({files})"
    return {
        "name": name,
        "inputs": {"parameters": parameters},
        "dag": {"tasks": tasks},
        "outputs": {
            "parameters": [{"name": described("artifact"), "valueFrom": {"expression": description}}],
            "artifacts": [{"name": "artifact", "fromExpression": files, "optional": True}],
        },
    }


def _begins(scheme: str) -> str:
    return f"(fromJSON({_URI}) startsWith {quote(scheme)})"


def _leaf(
    name: str, importer: Mapping[str, Any], parameters: list[Json], location: Json | None, settings: ArgoSettings
) -> Json:
    """Make the template of one pod that imports from one kind of address, or hands a path on."""
    fixed = {"name": "artifact", "type": dict(importer.get("typeSchema", {})), "metadata": importer.get("metadata", {})}
    description = literal(fixed, _text).removesuffix(" }")
    uri = "" if location else f', "uri": trimPrefix(fromJSON({_URI}), "file://")'
    data = tag(encoded(f"{description}{uri} }}".replace("}}", "} }")))
    files: list[Json] = [{"name": "kfp-step", "path": f"{INPUTS}/kfp-step.json", "raw": {"data": data}}]
    if location:
        files.insert(0, {"name": "artifact", "path": f"{INPUTS}/artifact", "archive": {"none": {}}, **location})
    outputs = {
        "parameters": [{"name": described("artifact"), "valueFrom": {"path": f"{INPUTS}/kfp-step.json"}}],
        "artifacts": [{"name": "artifact", "path": f"{OUTPUTS}/artifacts/artifact"}],
    }
    return {
        "name": name,
        "inputs": {"parameters": parameters, "artifacts": files},
        "outputs": outputs,
        "container": {"image": settings.helper_image, "command": ["sh", "-c", _FETCH if location else _REFER]},
    }


def _text(text: str) -> str:
    parts = split(text)
    return joined([quote(part) if isinstance(part, str) else Value(input_parameter(part.name)).text for part in parts])


__all__ = ["template"]
