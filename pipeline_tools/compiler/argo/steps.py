"""Lower a step: a container, or an importer, to an Argo template that makes one pod.

Two kinds of container: one that speaks KFP's executor protocol (it asks for the whole executor input, as Python
components do) is run by `launcher`, in its own image. Any other is run as it is, its arguments decoded by a line of
POSIX shell where they are known only when the pipeline runs; it needs no Python in its image.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline_tools.compiler.argo.expressions import Value, encode, input_parameter, joined, quote, tag
from pipeline_tools.compiler.argo.names import described
from pipeline_tools.compiler.argo.pods import CACHE_OPT_OUT, Json, Pod, check_fields, resources
from pipeline_tools.errors import InputError
from pipeline_tools.spec.placeholders import (
    EXECUTOR_INPUT,
    OUTPUT_FILE,
    Placeholder,
    find,
    has_placeholder,
    split,
    structure,
    texts,
)

INPUTS = "/tmp/inputs"  # noqa: S108 (a path in the pod)
OUTPUTS = "/tmp/outputs"  # noqa: S108
LAUNCH = ["python3", "-c", "import os; exec(os.environ['KFP_LAUNCHER'])"]

_PROTOCOL = (EXECUTOR_INPUT, *OUTPUT_FILE)
"""What a command of KFP's executor protocol asks for: the executor input, and the file for its results."""

Provided = Callable[[str], bool | str]
"""Tells whether an input has a value, or gives the expression for it where only a run can know."""

RUN_VARIABLES = {
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
        part.path in _PROTOCOL
        for element in (*container.get("command", []), *container.get("args", []))
        for text in texts(structure(element))
        for part in find(text)
    )


class StepTemplate:
    """A container of the specification, in the making of its template."""

    def __init__(
        self, component: Mapping[str, Any], container: Mapping[str, Any], config: Mapping[str, Any], where: str
    ):
        """Read a step.

        Args:
            component: Its component of the specification.
            container: Its container.
            config: Its Kubernetes settings.
            where: Names the task in errors.

        Raises:
            InputError: Something of the step cannot be expressed.
        """
        check_fields(container, "image", "command", "args", "env", "resources", where=where)
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
        late = [str(self.source.get("image", "")), *(v for side in self.late.values() for v in side.values())]
        asked = {part.name for text in late for part in find(text) if part.name}
        return sorted(asked - set(self.inputs.get("parameters", {})))

    def template(self, name: str, lists: Mapping[str, int], provided: Provided, *, fingerprint: bool) -> Json:
        """Make the template.

        Args:
            name: The template's name.
            lists: For each input that is a list of artifacts, how many there are.
            provided: Tells whether an input has a value, or gives the expression for it.
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
        """The document that the launcher reads: constants encoded, values by tags where JSON has values."""
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
        placeholders = [part for each in fixed["command"] for text in texts(structure(each)) for part in find(text)]
        asked = {part.path for part in placeholders}
        run_variables = {**RUN_VARIABLES, ".pipeline_task_name": self.task}
        for part in placeholders:
            if not part.side and part.path not in (*_PROTOCOL, *run_variables):
                raise InputError(f"{self.where}: the placeholder {part.text} cannot be expressed")
        lines.append(f'"run": {json.dumps({path: run_variables[path] for path in sorted(asked & set(run_variables))})}')
        lines += [
            f'"{key}": {{ {", ".join(f"{json.dumps(name)}: {text}" for name, text in of.items())} }}'
            for key, of in (("parameters", values), ("artifacts", descriptions))
        ]
        return "{\n" + ",\n".join(lines) + "\n}\n"

    def _plain(self, provided: Provided) -> Json:
        """Command and arguments of a container that does not speak the executor protocol."""
        command = [e for text in self.source.get("command", []) for e in self._elements(structure(text), provided)]
        arguments = [e for text in self.source.get("args", []) for e in self._elements(structure(text), provided)]
        files_of_text = sorted(n for n, s in self.outputs.get("parameters", {}).items() if _type(s) == "STRING")
        paths = [
            f"{OUTPUTS}/{kind}/{name}" for kind in ("parameters", "artifacts") for name in self.outputs.get(kind, {})
        ]
        whole = [*command, *arguments]
        if not paths and not self.braced_env and all(e.static is not None and "{{" not in e.static for e in whole):
            parts = {"command": command, "args": arguments}
            return {key: [_as_it_is(e.static or "") for e in elements] for key, elements in parts.items() if elements}
        if not command:
            raise InputError(
                f"{self.where}: the container has no command; Argo needs one to hand it values and take outputs"
            )
        script = [f"mkdir -p {OUTPUTS}/parameters {OUTPUTS}/artifacts"] if paths else []
        for name, value in sorted(self.braced_env.items()):
            text = _shell(_Element((value,))).replace("'", "'\\''")
            script.append(f"{name}=$(printf '%b.' '{text}'); export {name}=\"${{{name}%.}}\"")
        conditional = any(element.when for element in whole)
        script.append(_DECODE_CHOSEN if conditional else _DECODE)
        if files_of_text:
            # Argo takes the last newline off an output parameter; one more keeps the text as it was written.
            files = " ".join(f"{OUTPUTS}/parameters/{name}" for name in files_of_text)
            script.append(f'"$@" || exit $?; for f in {files}; do if [ -f "$f" ]; then echo >> "$f"; fi; done')
        else:
            script.append('exec "$@"')
        return {
            "command": ["sh", "-c", "; ".join(script), "sh"],
            "args": [_chosen(e) if conditional else _shell(e) for e in whole],
        }

    def _elements(self, part: Any, provided: Provided) -> list[_Element]:
        """Resolve one element of a command, as `structure` reads it, to arguments."""
        if isinstance(part, str):
            return [_Element(tuple(self._parts(part)))]
        if isinstance(part, list):
            return [element for item in part for element in self._elements(item, provided)]
        if "Concat" in part:
            joined_parts = [piece for e in self._elements(part["Concat"], provided) for piece in e.as_parts()]
            return [_Element(tuple(joined_parts))]
        choice = part["IfPresent"]
        given = provided(choice["InputName"])
        then = self._elements(choice["Then"], provided) if given else []
        otherwise = self._elements(choice.get("Else") or [], provided) if given is not True else []
        if isinstance(given, bool):
            return then if given else otherwise
        return [*(e.only_when(given) for e in then), *(e.only_when(f"not ({given})") for e in otherwise)]

    def _parts(self, text: str) -> list[str | Text]:
        return [part if isinstance(part, str) else self._placeholder(part) for part in split(text)]

    def _placeholder(self, part: Placeholder) -> str | Text:
        if part.side == "inputs" and part.kind == "parameters":
            return Text(Value(input_parameter(part.name)).text)
        if part.side == "outputs" and part.kind == "parameters":
            return f"{OUTPUTS}/parameters/{part.name}"
        if part.kind == "artifacts" and part.field in ("path", "uri"):
            if part.side == "outputs":
                return f"{OUTPUTS}/artifacts/{part.name}"
            own = encode(f"{INPUTS}/{part.name}")
            uri = f"fromJSON({input_parameter(described(part.name))}).uri"
            return Text(f"({uri} ?? {quote(json.loads(own))})")
        if part.kind == "artifacts" and part.side == "inputs" and part.field == "metadata":
            return _metadata(part)
        if part.path in RUN_VARIABLES:
            variable = RUN_VARIABLES[part.path]
            return Text(variable[2:-2]) if variable.startswith("{{") else variable
        if part.path == ".pipeline_task_name":
            return self.task
        raise InputError(f"{self.where}: the placeholder {part.text} cannot be expressed")


_DECODE = 'n=$#; while [ "$n" -gt 0 ]; do a=$(printf "%b." "$1"); shift; set -- "$@" "${a%.}"; n=$((n-1)); done'
"""Undo `_shell` in every argument; the full stop keeps the newlines that a command substitution would take off."""
_DECODE_CHOSEN = (
    'n=$#; while [ "$n" -gt 0 ]; do case "$1" in +*) a=$(printf "%b." "${1#+}"); shift; set -- "$@" "${a%.}";; '
    "*) shift;; esac; n=$((n-1)); done"
)
"""Undo `_chosen` in every argument: keep those with a plus in front."""


def _type(spec: Mapping[str, Any]) -> str:
    return str(spec.get("parameterType", "STRING"))


def _metadata(part: Placeholder) -> Text:
    """The text of an artifact's metadata; of a key that it does not have, an expression that fails and says so."""
    metadata = f"fromJSON({input_parameter(described(part.name))}).metadata"
    if not part.key:
        return Text(Value(f"toJson({metadata})").text)
    missing = quote(f"the metadata of {part.name} has no {part.key}")
    return Text(Value(f"toJson({metadata}[{quote(part.key)}] ?? fromJSON({missing}))").text)


@dataclass(frozen=True)
class Text:
    """A part of an argument that is known only when the pipeline runs.

    Attributes:
        expression: The expression of the text.
    """

    expression: str


@dataclass(frozen=True)
class _Element:
    """One argument of a command.

    Attributes:
        parts: What it is joined from.
        when: The expression for whether it is there at all; empty where it always is.
    """

    parts: tuple[str | Text, ...]
    when: str = ""

    @property
    def static(self) -> str | None:
        """Its text, where that is known and always there."""
        known = [part for part in self.parts if isinstance(part, str)]
        return "".join(known) if len(known) == len(self.parts) and not self.when else None

    @property
    def expression(self) -> str:
        """The expression of its text."""
        return joined([quote(part) if isinstance(part, str) else part.expression for part in self.parts])

    def only_when(self, condition: str) -> _Element:
        """Give the same argument, which is there only under a condition."""
        return replace(self, when=f"({condition}) && ({self.when})" if self.when else condition)

    def as_parts(self) -> tuple[str | Text, ...]:
        """Give what it adds to an argument that it is joined into."""
        return (Text(f'({self.when} ? {self.expression} : "")'),) if self.when else self.parts


_MARKS = {"\\": "\\\\", "{{": "{\\0173", "$$": "\\0044\\0044", "$(": "\\0044("}
"""What ``printf %b`` shall restore: ``{{`` is Argo's, ``$(`` and ``$$`` are what Kubernetes expands in arguments."""


def _shell(element: _Element) -> str:
    """Write an argument so that neither Argo nor Kubernetes sees anything of its own in it; `_DECODE` undoes it."""
    if element.static is not None:
        return _marked(element.static)
    return tag(_marked_expression(element.expression))


def _chosen(element: _Element) -> str:
    """Write an argument as `_shell` does, with a plus in front; one that is not there is a minus."""
    if element.static is not None:
        return "+" + _marked(element.static)
    text = f'"+" + {_marked_expression(element.expression)}'
    return tag(f'{element.when} ? {text} : "-"' if element.when else text)


def _marked(text: str) -> str:
    for mark, written in _MARKS.items():
        text = text.replace(mark, written)
    return text


def _marked_expression(expression: str) -> str:
    for mark, written in _MARKS.items():
        expression = f"replace({expression}, {quote(mark)}, {quote(written)})"
    return expression


def _as_it_is(text: str) -> str:
    """Write a constant argument so that Kubernetes does not expand it."""
    return re.sub(r"\$(?=[$(])", "$$", text)


__all__ = ["INPUTS", "OUTPUTS", "StepTemplate", "speaks_executor_protocol"]
