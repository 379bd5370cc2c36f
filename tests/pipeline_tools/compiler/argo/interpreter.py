"""Runs a lowered workflow the way Argo would: template substitution, one process a pod, files in and out.

It models what `workflow/controller` and `workflow/executor` of Argo 3.7 do with the parts of a manifest that the
lowering uses: the passes of substitution (globals, inputs, the pod with the template inside), template defaults,
dependencies and `depends`, conditions, loops and what they gather, retries, memoization, optional artifacts through a
repository of tar files. Images are not pulled: a pod is a process on this machine, its `/tmp/inputs` and
`/tmp/outputs` directories of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.pipeline_tools.compiler.argo.expr_lang import evaluate, go_json
from tests.pipeline_tools.compiler.argo.substitution import substitute

_DONE = ("Succeeded", "Skipped")


@dataclass
class Node:
    """What became of a task."""

    phase: str
    parameters: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    message: str = ""


@dataclass
class Pod:
    """A process that ran."""

    name: str
    template: str
    directory: Path
    code: int
    output: str
    line: list[str]
    environment: dict[str, str]


class Interpreter:
    """One run of one workflow."""

    def __init__(
        self,
        manifest: dict[str, Any],
        directory: Path,
        parameters: dict[str, str] | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.spec = manifest["spec"]
        self.templates = {template["name"]: template for template in self.spec["templates"]}
        self.directory = directory
        self.environment = environment or {}
        self.pods: list[Pod] = []
        self.memory: dict[str, Node] = {}
        self.most_children: dict[str, int] = {}
        given = dict(parameters or {})
        self.variables = {
            "workflow.name": manifest["metadata"]["generateName"] + "x7k2p",
            "workflow.uid": "00000000-1111-2222-3333-444444444444",
            "workflow.creationTimestamp.RFC3339": "2026-01-01T00:00:00Z",
        }
        for parameter in self.spec["arguments"].get("parameters", []):
            value = given.pop(parameter["name"], parameter.get("value"))
            assert isinstance(value, str), f"parameter {parameter['name']} has no value"
            self.variables[f"workflow.parameters.{parameter['name']}"] = value
        assert not given, f"the workflow has no parameters {sorted(given)}"

    def run(self) -> Node:
        """Run the workflow to its end."""
        return self._execute(self.spec["entrypoint"], {}, {}, "root")

    def _execute(self, name: str, parameters: dict[str, str], artifacts: dict[str, Any], path: str) -> Node:
        template = json.loads(json.dumps(self.templates[name]))
        for parameter in template.get("inputs", {}).get("parameters", []):
            parameter["value"] = parameters.get(parameter["name"], parameter.get("value"))
            if parameter["value"] is None:
                return Node("Error", message=f"{path}: inputs.parameters.{parameter['name']} was not supplied")
        for artifact in template.get("inputs", {}).get("artifacts", []):
            artifact.update(artifacts.get(artifact["name"], {}))
        attempts = int(template.get("retryStrategy", {}).get("limit", "0")) + 1
        node = Node("Error")
        for attempt in range(attempts):
            node = self._once(template, f"{path}({attempt})" if attempts > 1 else path)
            if node.phase in _DONE:
                break
        return node

    def _once(self, template: dict[str, Any], path: str) -> Node:
        processed = substitute(template, {**self.variables, "pod.name": _pod_name(path)})
        inputs = {
            f"inputs.parameters.{p['name']}": p["value"] for p in processed.get("inputs", {}).get("parameters", [])
        }
        processed = substitute(processed, {**self.variables, **inputs})
        if "memoize" not in processed:
            return self._dag(processed, path) if "dag" in processed else self._pod(processed, path)
        key = processed["memoize"]["key"]
        assert re.fullmatch("[a-zA-Z0-9][-a-zA-Z0-9]*", key), key
        if key not in self.memory:
            node = self._dag(processed, path) if "dag" in processed else self._pod(processed, path)
            if node.phase != "Succeeded":
                return node
            self.memory[key] = node
        return self.memory[key]

    def _dag(self, template: dict[str, Any], path: str) -> Node:
        tasks = {task["name"]: task for task in template["dag"]["tasks"]}
        nodes: dict[str, Node] = {}
        scope = {f"inputs.parameters.{p['name']}": p["value"] for p in template.get("inputs", {}).get("parameters", [])}
        files = {a["name"]: a for a in template.get("inputs", {}).get("artifacts", [])}
        fail_fast = template["dag"].get("failFast", True)
        for name in _topological(tasks):
            if fail_fast and any(node.phase in ("Failed", "Error") for node in nodes.values()):
                break
            nodes[name] = self._task(tasks[name], template, tasks, nodes, scope, files, f"{path}.{name}")
        phase = _phase(template["dag"], tasks, nodes)
        messages = "; ".join(node.message for node in nodes.values() if node.message)
        if phase != "Succeeded":
            return Node(phase, message=messages)
        known = {**scope, **_outputs_of(nodes)}
        result = Node("Succeeded", message=messages)
        for parameter in template.get("outputs", {}).get("parameters", []):
            value = evaluate(parameter["valueFrom"]["expression"], known)
            assert isinstance(value, str), f"{path}: output {parameter['name']} is {value!r}"
            result.parameters[parameter["name"]] = value
        for artifact in template.get("outputs", {}).get("artifacts", []):
            found = self._artifact(artifact, known, nodes, files)
            if found is not None:
                result.artifacts[artifact["name"]] = found
            else:
                assert artifact.get("optional"), f"{path}: no artifact {artifact['name']}"
        return result

    def _task(
        self,
        task: dict[str, Any],
        template: dict[str, Any],
        tasks: dict[str, Any],
        nodes: dict[str, Node],
        scope: dict[str, str],
        files: dict[str, Any],
        path: str,
    ) -> Node:
        if not _may_run(task, nodes):
            return Node("Omitted")
        ancestors = _ancestors(task["name"], tasks)
        seen = {name: node for name, node in nodes.items() if name in ancestors}
        known = {**scope, **_outputs_of(seen)}
        task = substitute(task, {**self.variables, **known})
        if task.get("when", "true") not in ("true", "false"):
            return Node("Error", message=f"{path}: when is {task['when']!r}")
        if task.get("when") == "false":
            return Node("Skipped")
        artifacts = {}
        for artifact in task.get("arguments", {}).get("artifacts", []):
            found = self._artifact(artifact, known, seen, files)
            if found is not None:
                artifacts[artifact["name"]] = found
            elif not artifact.get("optional"):
                return Node("Error", message=f"{path}: no artifact {artifact['name']}")
        if "withParam" not in task:
            return self._execute(task["template"], _arguments(task), artifacts, path)
        items = json.loads(task["withParam"])
        children = []
        limit = template.get("parallelism", len(items) or 1)
        self.most_children[path] = limit
        for at, item in enumerate(items):
            child = substitute(task, {"item": go_json(item)[1:-1] if isinstance(item, str) else go_json(item)})
            children.append(self._execute(task["template"], _arguments(child), artifacts, f"{path}({at}:{item})"))
        return _gathered(children)

    def _artifact(
        self, artifact: dict[str, Any], known: dict[str, Any], nodes: dict[str, Node], files: dict[str, Any]
    ) -> dict[str, Any] | None:
        everything: dict[str, Any] = {f"inputs.artifacts.{name}": one for name, one in files.items() if "key" in one}
        for task, node in nodes.items():
            everything |= {f"tasks.{task}.outputs.artifacts.{name}": one for name, one in node.artifacts.items()}
        if "from" in artifact:
            found = everything.get(artifact["from"].strip("{}"))
        else:
            handles = {name: f"\0{name}" for name in everything}
            handle = evaluate(artifact["fromExpression"], {**known, **handles})
            found = None if handle is None else everything[handle.strip("\0")]
        return None if found is None else {"key": found["key"]}

    def _pod(self, template: dict[str, Any], path: str) -> Node:
        name = _pod_name(path)
        directory = self.directory / f"{len(self.pods):03d}-{re.sub('[^a-z0-9-]+', '-', path.lower())[-60:]}"
        directory.mkdir(parents=True)
        template = json.loads(_in_pod(json.dumps(_merged(template, self.spec.get("templateDefaults", {}))), directory))
        # The executor reads the template from a variable of the pod, and the pod is substituted once more.
        inputs = {
            f"inputs.parameters.{p['name']}": p["value"] for p in template.get("inputs", {}).get("parameters", [])
        }
        pod = {"container": template["container"], "ARGO_TEMPLATE": json.dumps(template)}
        pod = substitute(pod, {**self.variables, **inputs, "pod.name": name})
        template, container = json.loads(pod["ARGO_TEMPLATE"]), pod["container"]
        problem = self._load(template)
        if problem:
            return Node("Error", message=f"{path}: {problem}")
        environment: dict[str, str] = {}
        for item in container.get("env", []):
            environment[item["name"]] = kubernetes_expand(item.get("value", ""), environment)
        given = [*container.get("command", []), *container.get("args", [])]
        line = [kubernetes_expand(text, environment) for text in given]
        base = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **self.environment}
        for key, value in environment.items():
            assert len(value.encode()) < 131072, f"{key} is too long for one variable"
        done = subprocess.run(
            line,
            env={**base, **environment, "HOME": str(directory)},
            cwd=directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=float(template.get("activeDeadlineSeconds", 600)),
            check=False,
        )
        output = done.stdout.decode(errors="replace")
        self.pods.append(Pod(name, template["name"], directory, done.returncode, output, line, environment))
        if done.returncode != 0:
            return Node("Failed", message=f"{path}: exit code {done.returncode}: {output}")
        return self._save(template, path, name)

    def _load(self, template: dict[str, Any]) -> str:
        for artifact in template.get("inputs", {}).get("artifacts", []):
            target = Path(artifact["path"])
            target.parent.mkdir(parents=True, exist_ok=True)
            if "raw" in artifact:
                target.write_text(artifact["raw"]["data"], encoding="utf-8", newline="")
            elif "key" in artifact:
                _unpack(self.directory / "repository" / artifact["key"], target)
            elif "http" in artifact:
                subprocess.run(["curl", "-sf", "-o", str(target), artifact["http"]["url"]], check=True)
            elif not artifact.get("optional"):
                return f"artifact {artifact['name']} was not supplied"
        return ""

    def _save(self, template: dict[str, Any], path: str, pod: str) -> Node:
        node = Node("Succeeded")
        for parameter in template.get("outputs", {}).get("parameters", []):
            source = Path(parameter["valueFrom"]["path"])
            if not source.is_file():
                return Node("Error", message=f"{path}: no file for output parameter {parameter['name']}")
            node.parameters[parameter["name"]] = source.read_bytes().decode().removesuffix("\n")
        for artifact in template.get("outputs", {}).get("artifacts", []):
            source = Path(artifact["path"])
            if source.exists():
                key = f"{self.variables['workflow.name']}/{pod}/{artifact['name']}.tgz"
                _pack(source, self.directory / "repository" / key)
                node.artifacts[artifact["name"]] = {"key": key}
            elif not artifact.get("optional"):
                return Node("Error", message=f"{path}: no file for output artifact {artifact['name']}")
        return node


def kubernetes_expand(text: str, environment: dict[str, str]) -> str:
    """Expand ``$(NAME)`` as the kubelet does in arguments and variables: unknown names stay, ``$$`` is one ``$``."""

    def value(match: re.Match[str]) -> str:
        if match.group(0) == "$$":
            return "$"
        return environment.get(match.group(1), match.group(0))

    return re.sub(r"\$\$|\$\(([^)]*)\)", value, text)


def _in_pod(text: str, directory: Path) -> str:
    return text.replace("/tmp/inputs", f"{directory}/inputs").replace("/tmp/outputs", f"{directory}/outputs")


def _pod_name(path: str) -> str:
    return re.sub("[^a-z0-9-]+", "-", path.lower())[-200:].strip("-")


def _merged(template: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Strategic merge: the template's own fields win, environment variables merge by name."""
    container = {**defaults.get("container", {}), **template["container"]}
    names = {item["name"] for item in template["container"].get("env", [])}
    kept = [item for item in defaults.get("container", {}).get("env", []) if item["name"] not in names]
    container["env"] = [*kept, *template["container"].get("env", [])]
    return {**template, "container": container}


def _arguments(task: dict[str, Any]) -> dict[str, str]:
    return {p["name"]: p["value"] for p in task.get("arguments", {}).get("parameters", [])}


def _dependencies(task: dict[str, Any]) -> set[str]:
    if "depends" in task:
        return {word.split(".")[0] for word in re.findall(r"[A-Za-z0-9][-\w.]*", task["depends"])}
    return set(task.get("dependencies", []))


def _ancestors(name: str, tasks: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    waiting = list(_dependencies(tasks[name]))
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += _dependencies(tasks[each])
    return found


def _topological(tasks: dict[str, Any]) -> list[str]:
    order: list[str] = []
    while len(order) < len(tasks):
        ready = [name for name in tasks if name not in order and _dependencies(tasks[name]) <= set(order)]
        assert ready, "the tasks go round in a circle"
        order += ready
    return order


def _may_run(task: dict[str, Any], nodes: dict[str, Node]) -> bool:
    if "depends" not in task:
        return all(nodes[name].phase in _DONE for name in task.get("dependencies", []))

    def term(match: re.Match[str]) -> str:
        name, _, wanted = match.group(0).partition(".")
        phase = {"Error": "Errored"}.get(nodes[name].phase, nodes[name].phase)
        return str(phase == wanted if wanted else phase in _DONE)

    logic = re.sub(r"[A-Za-z0-9][-\w.]*", term, task["depends"])
    return bool(eval(logic.replace("&&", " and ").replace("||", " or ")))


def _phase(dag: dict[str, Any], tasks: dict[str, Any], nodes: dict[str, Node]) -> str:
    """The phase of a DAG: of its targets, an omitted task taking the phase of those before it."""
    followed = {each for task in tasks.values() for each in _dependencies(task)}
    targets = dag["target"].split() if "target" in dag else sorted(set(tasks) - followed)

    def phase(name: str) -> str:
        own = nodes[name].phase if name in nodes else "Omitted"
        if own in ("Succeeded", "Failed", "Error"):
            return own
        before = [phase(each) for each in _dependencies(tasks[name])]
        return next((each for each in before if each in ("Failed", "Error")), "Succeeded")

    phases = [phase(name) for name in targets]
    return next((each for each in phases if each != "Succeeded"), "Succeeded")


def _outputs_of(nodes: dict[str, Node]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for name, node in nodes.items():
        known[f"tasks.{name}.status"] = node.phase
        known |= {f"tasks.{name}.outputs.parameters.{key}": value for key, value in node.parameters.items()}
    return known


def _gathered(children: list[Node]) -> Node:
    """What a loop's task has: each output a JSON list, of values where all are lists or mappings, else of texts."""
    if not children:
        return Node("Skipped")
    failed = [child for child in children if child.phase not in _DONE]
    node = Node(failed[0].phase if failed else "Succeeded", message="; ".join(c.message for c in children if c.message))
    done = [child for child in children if child.phase == "Succeeded"]
    for name in {key for child in done for key in child.parameters}:
        texts = [child.parameters[name] for child in done if name in child.parameters]
        values = [json.loads(text) for text in texts]
        nested = all(isinstance(value, list | dict) for value in values)
        node.parameters[name] = json.dumps(values if nested else texts, ensure_ascii=False)
    return node


def _pack(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w:gz") as archive:
        archive.add(source, arcname=source.name)


def _unpack(source: Path, target: Path) -> None:
    scratch = target.with_name(f"{target.name}.unpacked")
    with tarfile.open(source) as archive:
        archive.extractall(scratch, filter="data")
    (only,) = scratch.iterdir()
    shutil.move(only, target)
    scratch.rmdir()
