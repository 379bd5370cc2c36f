"""Lower a step: a container, or an importer, to an Argo template that makes one pod.

Two kinds of container: one that speaks KFP's executor protocol (it asks for the whole executor input, as Python
components do) is run by `launcher`, in its own image. Any other is run as it is, its arguments decoded by a line of
POSIX shell where they are known only when the pipeline runs; it needs no Python in its image.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pipeline_tools.compiler.argo.expressions import Value, encode, input_parameter, joined, quote, tag
from pipeline_tools.compiler.argo.names import described
from pipeline_tools.compiler.argo.pods import CACHE_OPT_OUT, Json, Pod, known, resources
from pipeline_tools.errors import InputError
from pipeline_tools.spec.placeholders import Placeholder, has_placeholder, split

INPUTS = "/tmp/inputs"  # noqa: S108 (a path in the pod)
OUTPUTS = "/tmp/outputs"  # noqa: S108
LAUNCH = ["python3", "-c", "import os; exec(os.environ['KFP_LAUNCHER'])"]

_PROTOCOL = ("", ".outputs.output_file", ".outputMetadataUri")
"""What a command of KFP's executor protocol asks for: the executor input, and the file for its results."""

RUN_FACTS = {
    ".pipeline_job_name": "{{workflow.name}}",
    ".pipeline_job_resource_name": "{{workflow.name}}",
    ".pipeline_job_uuid": "{{workflow.uid}}",
    ".pipeline_job_create_time_utc": "{{workflow.creationTimestamp.RFC3339}}",
    ".pipeline_job_schedule_time_utc": "{{workflow.creationTimestamp.RFC3339}}",
    ".pipeline_task_uuid": "{{pod.name}}",
    ".pipeline_root": OUTPUTS,
}
"""What a command may ask of its run, and the Argo variable that knows it."""


def speaks_executor_protocol(container: Mapping[str, Any]) -> bool:
    """Tell whether a command asks for the executor input, or for the file that results are written to."""
    return any(
        isinstance(part, Placeholder) and part.path in _PROTOCOL
        for text in (*container.get("command", []), *container.get("args", []))
        for part in split(text)
    )


class Step:
    """A container of the specification, in the making of its template."""

    def __init__(
        self, component: Mapping[str, Any], container: Mapping[str, Any], config: Mapping[str, Any], where: str
    ):
        """Take a step.

        Args:
            component: Its component of the specification.
            container: Its container.
            config: Its Kubernetes settings.
            where: Names the task in errors.

        Raises:
            InputError: Something of the step cannot be expressed.
        """
        known(container, "image", "command", "args", "env", "resources", where=where)
        if str(container.get("image", "")).startswith("argostub/"):
            raise InputError(
                f"{where}: creating and deleting persistent volume claims ({container['image']}) cannot be expressed; "
                "make the claim beforehand and mount it by name"
            )
        self.where = where
        self.task = where.split("`")[1]
        self.source = container
        self.inputs: Json = component.get("inputDefinitions", {})
        for name, spec in self.inputs.get("parameters", {}).items():
            if spec.get("parameterType") == "TASK_CONFIG":
                raise InputError(f"{where}: input {name!r}, the task's own configuration, cannot be expressed")
        self.outputs: Json = component.get("outputDefinitions", {})
        self.protocol = speaks_executor_protocol(container)
        self.pod = Pod(config, where)
        self.fixed, self.late = resources(container.get("resources", {}), where)

    @property
    def braced_env(self) -> dict[str, str]:
        """Variables whose values Argo would read as tags; they are set inside the pod instead."""
        return {e["name"]: e["value"] for e in self.source.get("env", []) if "{{" in e.get("value", "")}

    @property
    def late_inputs(self) -> list[str]:
        """Inputs that the component does not declare, but that its image or resources ask for."""
        texts = [str(self.source.get("image", "")), *(v for side in self.late.values() for v in side.values())]
        asked = {part.name for text in texts for part in split(text) if isinstance(part, Placeholder) and part.name}
        return sorted(asked - set(self.inputs.get("parameters", {})))

    def template(self, name: str, lists: Mapping[str, int], provided: set[str], *, fingerprint: bool) -> Json:
        """Make the template.

        Args:
            name: The template's name.
            lists: For each input that is a list of artifacts, how many there are.
            provided: The inputs that have a value, for commands that ask.
            fingerprint: Whether descriptions of output artifacts shall hold a hash of their content.

        Returns:
            The template.

        Raises:
            InputError: Something of the step cannot be expressed.
        """
        names = [*sorted(self.inputs.get("parameters", {})), *self.late_inputs]
        artifacts = sorted(self.inputs.get("artifacts", {}))
        parameters = [{"name": each} for each in (*names, *(described(each) for each in artifacts))]
        files = [
            {"name": each, "path": f"{INPUTS}/{each}", "optional": True}
            for artifact in artifacts
            for each in ([f"{artifact}--{at}" for at in range(lists[artifact])] if artifact in lists else [artifact])
        ]
        container = self._container()
        if self.protocol:
            document = self._document(names, artifacts, fingerprint=fingerprint)
            files.append({"name": "kfp-step", "path": f"{INPUTS}/kfp-step.json", "raw": {"data": document}})
            container["command"] = list(LAUNCH)
        else:
            container.update(self._plain(provided))
        template: Json = {"name": name, **self.pod.template}
        annotations = {**CACHE_OPT_OUT, **template.get("metadata", {}).get("annotations", {})}
        template["metadata"] = {**template.get("metadata", {}), "annotations": annotations}
        if parameters or files:
            template["inputs"] = {
                **({"parameters": parameters} if parameters else {}),
                **({"artifacts": files} if files else {}),
            }
        outputs = self._outputs()
        if outputs:
            template["outputs"] = outputs
        template["container"] = container
        if self.late:
            # The patch is JSON in JSON: an expression in it must do without a character that JSON escapes.
            patch = {
                side: {kind: tag(self._late(value).replace('"', "'")) for kind, value in of.items()}
                for side, of in self.late.items()
            }
            template["podSpecPatch"] = json.dumps(
                {"containers": [{"name": "main", "resources": patch}]}, sort_keys=True
            )
        return template

    def _late(self, text: str) -> str:
        """The expression of a text known only when the pipeline runs, as its plain value."""
        return joined(
            [quote(part) if isinstance(part, str) else Value(input_parameter(part.name)).text for part in split(text)]
        )

    def _container(self) -> Json:
        image = str(self.source.get("image", ""))
        container: Json = {"image": tag(self._late(image)) if has_placeholder(image) else image}
        container.update({key: value for key, value in self.pod.container.items() if key != "env"})
        given = [
            {"name": item["name"], "value": item.get("value", "")}
            for item in self.source.get("env", [])
            if "{{" not in item.get("value", "")
        ]
        env = [*given, *self.pod.container.get("env", [])]
        if env:
            container["env"] = env
        if self.fixed:
            container["resources"] = self.fixed
        return container

    def _outputs(self) -> Json:
        parameters = [
            {"name": name, "valueFrom": {"path": f"{OUTPUTS}/parameters/{name}"}}
            for name in sorted(self.outputs.get("parameters", {}))
        ]
        artifacts = sorted(self.outputs.get("artifacts", {}))
        if self.protocol:
            for name in artifacts:
                path = f"{OUTPUTS}/descriptions/{name}"
                parameters.append({"name": described(name), "valueFrom": {"path": path}})
        files = [{"name": name, "path": f"{OUTPUTS}/artifacts/{name}", "optional": True} for name in artifacts]
        return {**({"parameters": parameters} if parameters else {}), **({"artifacts": files} if files else {})}

    def _document(self, names: list[str], artifacts: list[str], *, fingerprint: bool) -> str:
        """The document that the launcher reads: constants encoded, values by tags that stand where JSON wants them."""
        values = {name: tag(input_parameter(name)) for name in names if name in self.inputs.get("parameters", {})}
        descriptions = {name: tag(input_parameter(described(name))) for name in artifacts}
        outputs = self.outputs.get("artifacts", {})
        fixed: Json = {
            "types": {n: _type(spec) for n, spec in sorted(self.inputs.get("parameters", {}).items())},
            "output_parameters": {n: _type(s) for n, s in sorted(self.outputs.get("parameters", {}).items())},
            "output_artifacts": {n: dict(outputs[n].get("artifactType", {})) for n in sorted(outputs)},
            "command": [*self.source.get("command", []), *self.source.get("args", [])],
            **({"fingerprint": True} if fingerprint else {}),
            **({"env": self.braced_env} if self.braced_env else {}),
        }
        for name, spec in outputs.items():
            if spec.get("isArtifactList"):
                raise InputError(f"{self.where}: output {name!r}, a list of artifacts, cannot be expressed")
        lines = [f'"{key}": {encode(value)}' for key, value in fixed.items()]
        placeholders = [part for text in fixed["command"] for part in split(text) if isinstance(part, Placeholder)]
        asked = {part.path for part in placeholders}
        facts = {**RUN_FACTS, ".pipeline_task_name": self.task}
        for part in placeholders:
            if not part.side and part.path not in (*_PROTOCOL, *facts):
                raise InputError(f"{self.where}: the placeholder {part.text} cannot be expressed")
        lines.append(f'"run": {json.dumps({path: facts[path] for path in sorted(asked & set(facts))})}')
        lines += [
            f'"{key}": {{ {", ".join(f"{json.dumps(name)}: {text}" for name, text in of.items())} }}'
            for key, of in (("parameters", values), ("artifacts", descriptions))
        ]
        return "{\n" + ",\n".join(lines) + "\n}\n"

    def _plain(self, provided: set[str]) -> Json:
        """Command and arguments of a container that does not speak the executor protocol."""
        command = [e for text in self.source.get("command", []) for e in self._elements(text, provided)]
        arguments = [e for text in self.source.get("args", []) for e in self._elements(text, provided)]
        texts = sorted(n for n, s in self.outputs.get("parameters", {}).items() if _type(s) == "STRING")
        paths = [
            f"{OUTPUTS}/{kind}/{name}" for kind in ("parameters", "artifacts") for name in self.outputs.get(kind, {})
        ]
        whole = [*command, *arguments]
        if not paths and not self.braced_env and all(_is_static(e) and "{{" not in _static(e) for e in whole):
            parts = {"command": command, "args": arguments}
            return {key: [_as_it_is(_static(e)) for e in elements] for key, elements in parts.items() if elements}
        if not command:
            raise InputError(
                f"{self.where}: the container has no command; Argo needs one to hand it values and take outputs"
            )
        script = [f"mkdir -p {OUTPUTS}/parameters {OUTPUTS}/artifacts"] if paths else []
        for name, value in sorted(self.braced_env.items()):
            text = _shell([value]).replace("'", "'\\''")
            script.append(f"{name}=$(printf '%b.' '{text}'); export {name}=\"${{{name}%.}}\"")
        script.append(_DECODE)
        if texts:
            # Argo takes the last newline off an output parameter; one more keeps the text as it was written.
            files = " ".join(f"{OUTPUTS}/parameters/{name}" for name in texts)
            script.append(f'"$@" || exit $?; for f in {files}; do if [ -f "$f" ]; then echo >> "$f"; fi; done')
        else:
            script.append('exec "$@"')
        return {"command": ["sh", "-c", "; ".join(script), "sh"], "args": [_shell(element) for element in whole]}

    def _elements(self, text: str, provided: set[str]) -> list[list[str | Value]]:
        """Resolve one element of a command to elements, each a list of texts and values to join."""
        if text.startswith(('{"Concat": ', '{"IfPresent": ')):
            return [element for part in self._expand(json.loads(text), provided) for element in [part]]
        return [self._parts(text)]

    def _expand(self, part: Any, provided: set[str]) -> list[list[str | Value]]:
        if isinstance(part, str):
            return [self._parts(part)]
        if isinstance(part, list):
            return [element for item in part for element in self._expand(item, provided)]
        if "Concat" in part:
            return [[piece for item in part["Concat"] for element in self._expand(item, provided) for piece in element]]
        choice = part["IfPresent"]
        chosen = choice["Then"] if choice["InputName"] in provided else choice.get("Else")
        return [] if chosen is None else self._expand(chosen, provided)

    def _parts(self, text: str) -> list[str | Value]:
        return [part if isinstance(part, str) else self._placeholder(part) for part in split(text)]

    def _placeholder(self, part: Placeholder) -> str | Value:
        if part.side == "inputs" and part.kind == "parameters":
            return Value(input_parameter(part.name))
        if part.side == "outputs" and part.kind == "parameters":
            return f"{OUTPUTS}/parameters/{part.name}"
        if part.kind == "artifacts" and part.field in ("path", "uri"):
            if part.side == "outputs":
                return f"{OUTPUTS}/artifacts/{part.name}"
            own = encode(f"{INPUTS}/{part.name}")
            uri = f"fromJSON({input_parameter(described(part.name))}).uri"
            return Value(f"toJson({uri} ?? {quote(json.loads(own))})")
        if part.path in RUN_FACTS:
            fact = RUN_FACTS[part.path]
            return Value(f"toJson({fact[2:-2]})") if fact.startswith("{{") else fact
        if part.path == ".pipeline_task_name":
            return self.task
        raise InputError(f"{self.where}: the placeholder {part.text} cannot be expressed")


_DECODE = 'n=$#; while [ "$n" -gt 0 ]; do a=$(printf "%b." "$1"); shift; set -- "$@" "${a%.}"; n=$((n-1)); done'
"""Undo `_shell` in every argument; the full stop keeps the newlines that a command substitution would take off."""


def _type(spec: Mapping[str, Any]) -> str:
    return str(spec.get("parameterType", "STRING"))


def _is_static(element: list[str | Value]) -> bool:
    return all(isinstance(part, str) for part in element)


def _static(element: list[str | Value]) -> str:
    return "".join(part for part in element if isinstance(part, str))


_MARKS = {"\\": "\\\\", "{{": "{\\0173", "$$": "\\0044\\0044", "$(": "\\0044("}
"""What ``printf %b`` shall restore: ``{{`` is Argo's, ``$(`` and ``$$`` are what Kubernetes expands in arguments."""


def _shell(element: list[str | Value]) -> str:
    """Write an argument so that neither Argo nor Kubernetes sees anything of its own in it; `_DECODE` undoes it."""
    if _is_static(element):
        text = _static(element)
        for mark, written in _MARKS.items():
            text = text.replace(mark, written)
        return text
    expression = joined([quote(part) if isinstance(part, str) else part.text for part in element])
    for mark, written in _MARKS.items():
        expression = f"replace({expression}, {quote(mark)}, {quote(written)})"
    return tag(expression)


def _as_it_is(text: str) -> str:
    """Write a constant argument so that Kubernetes does not expand it."""
    return re.sub(r"\$(?=[$(])", "$$", text)


__all__ = ["INPUTS", "OUTPUTS", "Step", "speaks_executor_protocol"]
