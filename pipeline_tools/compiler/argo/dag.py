"""Lower the tasks of a specification: nested pipelines, conditions, loops and exit handlers become DAG templates."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipeline_tools.compiler.argo import importers
from pipeline_tools.compiler.argo.caching import memoization
from pipeline_tools.compiler.argo.expressions import (
    Value,
    condition,
    encode,
    encoded,
    input_parameter,
    output_artifact,
    output_parameter,
    tag,
)
from pipeline_tools.compiler.argo.inputs import Artifacts, Scope, TaskInputs
from pipeline_tools.compiler.argo.names import described, template_name
from pipeline_tools.compiler.argo.pods import Json, check_fields
from pipeline_tools.compiler.argo.ports import (
    collected,
    dag_inputs,
    first_of,
    output,
    unrolled_outputs,
    with_defaults,
    without,
)
from pipeline_tools.compiler.argo.settings import ArgoSettings
from pipeline_tools.compiler.argo.steps import StepTemplate, speaks_executor_protocol
from pipeline_tools.compiler.argo.targets import targets
from pipeline_tools.errors import InputError
from pipeline_tools.spec.tasks import runs_after_failures, topological_order

_TASK_FIELDS = (
    "taskInfo",
    "inputs",
    "dependentTasks",
    "cachingOptions",
    "componentRef",
    "triggerPolicy",
    "parameterIterator",
    "retryPolicy",
    "iteratorPolicy",
)
_ARGO_DISPLAYS = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.-]{0,61}[a-zA-Z0-9]")
"""What Argo takes as a display name; any other would fail the task. The Pipelines UI reads an annotation of the pod."""
_ANY_END = ("Succeeded", "Failed", "Errored", "Skipped", "Omitted")


@dataclass(frozen=True)
class _Dag:
    """A DAG component in the making of its template."""

    tasks: Mapping[str, Any]
    scope: Scope
    counts: dict[tuple[str, str], int]  # (task, artifact output) -> how many, where it is a list


class Lowering:
    """Makes the templates of one specification.

    Attributes:
        templates: The templates so far, in the order in which they were finished: leaves first.
        pull_secrets: Names of the image pull secrets that steps ask for.
    """

    def __init__(self, spec: Mapping[str, Any], configs: Mapping[str, Any], settings: ArgoSettings) -> None:
        """Take a specification.

        Args:
            spec: The ``PipelineSpec``.
            configs: Kubernetes settings by executor label.
            settings: What the compiler's caller chose.
        """
        self.templates: dict[str, Json] = {}
        self.pull_secrets: set[str] = set()
        self._settings = settings
        self._components: Json = spec.get("components", {})
        self._executors: Json = spec.get("deploymentSpec", {}).get("executors", {})
        self._configs = configs
        self._bodies: dict[str, str] = {}
        self._root_name = template_name(spec["pipelineInfo"]["name"])

    def dag(
        self, name: str, component: Mapping[str, Any], lists: Mapping[str, int], *, root: bool = False
    ) -> tuple[str, dict[str, int]]:
        """Lower a component made of tasks.

        Args:
            name: Name for its template.
            component: The component.
            lists: For each input that is a list of artifacts, how many there are.
            root: Whether it is the whole pipeline.

        Returns:
            The template's name, and for each artifact output that is a list, how many there are.

        Raises:
            InputError: Something cannot be expressed; the message names the task and the construct.
        """
        tasks = component["dag"].get("tasks", {})
        if not tasks:
            raise InputError(f"`{name}`: a pipeline without tasks cannot be expressed as an Argo Workflow")
        dag = _Dag(tasks, Scope(component.get("inputDefinitions", {}), root, lists), {})
        tolerant = any(map(runs_after_failures, tasks.values()))
        lowered = {task: self._task(task, dag, tolerant=tolerant) for task in topological_order(tasks)}
        body: Json = {"tasks": [lowered[task] for task in tasks]}
        if tolerant:
            # A task that runs after a failure must not make the failure a success: what it follows is a target too.
            body.update(failFast=False, target=" ".join(sorted(targets(tasks))))
        template: Json = {"dag": body}
        if not root:
            inputs = dag_inputs(component, lists)
            if inputs:
                template = {"inputs": inputs, **template}
        outputs, counts = self._dag_outputs(component, dag)
        if outputs:
            template["outputs"] = outputs
        return self._add(name, template, root=root), counts

    def _add(self, name: str, template: Json, *, root: bool = False) -> str:
        """Keep a template under a name of its own; one that is there already, by whatever name, is used again."""
        body = json.dumps({key: value for key, value in template.items() if key != "name"}, sort_keys=True)
        if body in self._bodies:
            return self._bodies[body]
        unique, number = name, 1
        while unique in self.templates or (unique == self._root_name and not root):
            number += 1
            unique = f"{name}-v{number}"
        self.templates[unique] = {"name": unique, **{key: value for key, value in template.items() if key != "name"}}
        self._bodies[body] = unique
        return unique

    def _task(self, name: str, dag: _Dag, *, tolerant: bool) -> Json:
        task, where = dag.tasks[name], f"task `{name}`"
        if "artifactIterator" in task:
            raise InputError(f"{where}: ParallelFor over artifacts cannot be expressed as an Argo Workflow")
        check_fields(task, *_TASK_FIELDS, where=where)
        component = self._components[task["componentRef"]["name"]]
        produced, made = partial(self._produced, dag), partial(self._made, dag)
        inputs = TaskInputs(task, component, dag.scope, produced, made, where)
        lists = {each: len(item.origins) for each, item in inputs.artifacts.items() if item.is_list}
        template, counts = self._template(name, task, component, inputs, lists)
        for made_list, count in counts.items():
            dag.counts[name, made_list] = count
        entry: Json = {"name": name, "template": template}
        arguments = inputs.arguments()
        if "parameterIterator" not in task and "executorLabel" in component:
            self._restrict(arguments, template)
        if arguments:
            entry["arguments"] = arguments
        after = sorted(inputs.producers | set(task.get("dependentTasks", [])))
        policy = task.get("triggerPolicy", {})
        check_fields(policy, "condition", "strategy", where=f"{where}: trigger")
        if after and tolerant:
            ends = _ANY_END if runs_after_failures(task) else ()
            terms = [f"({' || '.join(f'{each}.{end}' for end in ends)})" if ends else each for each in after]
            entry["depends"] = " && ".join(terms)
        elif after:
            entry["dependencies"] = after
        if policy.get("condition"):
            entry["when"] = tag(self._condition(policy["condition"], inputs, where))
        return entry

    def _restrict(self, arguments: Json, template: str) -> None:
        """Leave out what the step does not declare: inputs that were there for a constant's placeholders only."""
        declared = {each["name"] for each in self.templates[template].get("inputs", {}).get("parameters", [])}
        kept = [each for each in arguments.pop("parameters", []) if each["name"] in declared]
        if kept:
            arguments["parameters"] = kept

    def _condition(self, text: str, inputs: TaskInputs, where: str) -> str:
        try:
            return condition(text, lambda name: inputs.parameters[name])
        except InputError as error:
            raise InputError(f"{where}: {error}") from error

    def _template(
        self,
        name: str,
        task: Mapping[str, Any],
        component: Mapping[str, Any],
        inputs: TaskInputs,
        lists: Mapping[str, int],
    ) -> tuple[str, dict[str, int]]:
        """Lower what a task runs."""
        where, base = f"task `{name}`", template_name(task["componentRef"]["name"])
        check_fields(component, "inputDefinitions", "outputDefinitions", "dag", "executorLabel", where=where)
        counts: dict[str, int] = {}
        if "dag" in component:
            lowered, counts = (
                self._loop(base, task, component, lists, where)
                if "parameterIterator" in task
                else self.dag(base, component, lists)
            )
            template = self.templates[lowered]
        else:
            template = self._step(base, task, component, inputs, lists, where)
        extra = {**_retry(task.get("retryPolicy", {}), where), **_display(name, task)}
        if extra or "dag" not in component:
            # A retried or renamed DAG is a template of its own; the unchanged one is not left behind unused.
            return self._add(base, with_defaults({**template, **extra}, component)), counts
        return template["name"], counts

    def _step(
        self,
        base: str,
        task: Mapping[str, Any],
        component: Mapping[str, Any],
        inputs: TaskInputs,
        lists: Mapping[str, int],
        where: str,
    ) -> Json:
        label = component["executorLabel"]
        executor = self._executors[label]
        check_fields(executor, "container", "importer", where=where)
        if "importer" in executor:
            return importers.template(base, component, executor["importer"], inputs, self._settings, self._add, where)
        step = StepTemplate(component, executor["container"], self._configs.get(label, {}), where)
        self.pull_secrets.update(step.pod.pull_secrets)
        caching = task.get("cachingOptions", {})
        check_fields(caching, "enableCache", "cacheKey", where=f"{where}: caching")
        age = self._settings.memoize
        template = step.template(base, lists, inputs.provided, fingerprint=age is not None)
        shown = task.get("taskInfo", {}).get("name", "")
        if shown != step.task:
            template["metadata"]["annotations"]["pipelines.kubeflow.org/task_display_name"] = shown
        if age and caching.get("enableCache") and step.protocol:
            template["memoize"] = memoization(template, component, caching.get("cacheKey"), age, self._settings)
        return template

    def _loop(
        self,
        base: str,
        task: Mapping[str, Any],
        component: Mapping[str, Any],
        lists: Mapping[str, int],
        where: str,
    ) -> tuple[str, dict[str, int]]:
        """Lower a ParallelFor: a DAG around its body, so that the loop is one task to whatever follows it."""
        iterator = task["parameterIterator"]
        check_fields(iterator, "items", "itemInput", where=f"{where}: ParallelFor")
        check_fields(iterator["items"], "raw", "inputParameter", where=f"{where}: ParallelFor")
        policy = task.get("iteratorPolicy", {})
        check_fields(policy, "parallelismLimit", where=f"{where}: ParallelFor")
        item, source = iterator["itemInput"], iterator["items"]
        body, inner = self.dag(f"{base}-iteration", component, lists)
        if inner:
            raise InputError(
                f"{where}: a list of lists of artifacts (Collected in a loop in a loop) cannot be expressed"
            )
        outputs = component.get("outputDefinitions", {})
        wrapper = {**component, "inputDefinitions": without(component.get("inputDefinitions", {}), item)}
        passed = self._passed_on(wrapper, lists)
        template: Json = {}
        own = dag_inputs(wrapper, lists)
        if own:
            template["inputs"] = own
        if int(policy.get("parallelismLimit", 0)):
            template["parallelism"] = int(policy["parallelismLimit"])
        if outputs.get("artifacts"):
            if "raw" not in source:
                names = ", ".join(sorted(outputs["artifacts"]))
                raise InputError(
                    f"{where}: collecting artifacts ({names}) from a ParallelFor whose items are known only when the "
                    "pipeline runs cannot be expressed; loop over constants"
                )
            constants = json.loads(source["raw"])
            tasks = [
                self._iteration(f"iteration-{at}", body, passed, item, encode(c)) for at, c in enumerate(constants)
            ]
            template["dag"] = {"tasks": tasks}
            template["outputs"] = unrolled_outputs(outputs, len(constants))
            counts = dict.fromkeys(outputs["artifacts"], len(constants))
            return self._add(base, template), counts
        # Each item is a list of one: of a list Argo gives the JSON, of a string something between text and JSON.
        entry = self._iteration("iteration", body, passed, item, tag(encoded("fromJSON(item)[0]")))
        if "raw" in source:
            entry["withParam"] = encode([[constant] for constant in json.loads(source["raw"])])
        else:
            entry["withParam"] = tag(encoded(f"map(fromJSON({input_parameter(source['inputParameter'])}), [#])"))
        template["dag"] = {"tasks": [entry]}
        if outputs.get("parameters"):
            template["outputs"] = {"parameters": [collected(name) for name in sorted(outputs["parameters"])]}
        return self._add(base, template), {}

    def _passed_on(self, component: Mapping[str, Any], lists: Mapping[str, int]) -> Json:
        """The arguments that hand a template's own inputs on."""
        definitions = component.get("inputDefinitions", {})
        scope = Scope(definitions, False, lists)
        spec = {
            "parameters": {name: {"componentInputParameter": name} for name in definitions.get("parameters", {})},
            "artifacts": {name: {"componentInputArtifact": name} for name in definitions.get("artifacts", {})},
        }
        inputs = TaskInputs({"inputs": spec}, component, scope, _nothing, _nothing, "loop")
        return inputs.arguments()

    def _iteration(self, name: str, body: str, passed: Json, item: str, value: str) -> Json:
        parameters = [*passed.get("parameters", []), {"name": item, "value": value}]
        return {"name": name, "template": body, "arguments": {**passed, "parameters": parameters}}

    def _produced(self, dag: _Dag, task: str, name: str) -> Value:
        """Give an output parameter of a task."""
        given = output_parameter(task, name)
        component = self._components[dag.tasks[task]["componentRef"]["name"]]
        container = self._executors.get(component.get("executorLabel"), {}).get("container")
        if container is None or speaks_executor_protocol(container):
            return Value(given)
        kind = component["outputDefinitions"]["parameters"][name].get("parameterType", "STRING")
        if kind == "STRING":
            return Value(encoded(given))
        return Value(encoded(f"fromJSON(lower({given}))" if kind == "BOOLEAN" else f"fromJSON({given})"))

    def _made(self, dag: _Dag, task: str, name: str) -> Artifacts:
        """Give an output artifact of a task."""
        component = self._components[dag.tasks[task]["componentRef"]["name"]]
        container = self._executors.get(component.get("executorLabel"), {}).get("container")
        description = Value(output_parameter(task, described(name)))
        if container is not None and not speaks_executor_protocol(container):
            kind = component["outputDefinitions"]["artifacts"][name].get("artifactType", {})
            description = Value.of({"name": name, "type": dict(kind), "metadata": {}})
        count = dag.counts.get((task, name))
        names = [name] if count is None else [f"{name}--{at}" for at in range(count)]
        origins = tuple(f"{{{{tasks.{task}.outputs.artifacts.{each}}}}}" for each in names)
        return Artifacts(origins, description, count is not None)

    def _dag_outputs(self, component: Mapping[str, Any], dag: _Dag) -> tuple[Json, dict[str, int]]:
        given = component["dag"].get("outputs", {})
        parameters: list[Json] = []
        artifacts: list[Json] = []
        counts: dict[str, int] = {}
        for name, spec in sorted(given.get("parameters", {}).items()):
            check_fields(spec, "valueFromParameter", "valueFromOneof", where=f"output {name!r}")
            chosen = spec.get("valueFromOneof", {}).get("parameterSelectors") or [spec["valueFromParameter"]]
            values = [
                (s["producerSubtask"], self._produced(dag, s["producerSubtask"], s["outputParameterKey"]))
                for s in chosen
            ]
            parameters.append(output(name, first_of([(task, value.expression) for task, value in values])))
        for name, spec in sorted(given.get("artifacts", {}).items()):
            chosen = spec["artifactSelectors"]
            found = [
                (s["producerSubtask"], self._made(dag, s["producerSubtask"], s["outputArtifactKey"])) for s in chosen
            ]
            descriptions = first_of([(task, item.description.expression) for task, item in found])
            parameters.append(output(described(name), descriptions))
            if len(found) == 1:
                item = found[0][1]
                names = [f"{name}--{at}" for at in range(len(item.origins))] if item.is_list else [name]
                pairs = zip(names, item.origins, strict=True)
                artifacts += [{"name": each, "from": origin, "optional": True} for each, origin in pairs]
                if item.is_list:
                    counts[name] = len(item.origins)
            else:
                files = [
                    (s["producerSubtask"], output_artifact(s["producerSubtask"], s["outputArtifactKey"]))
                    for s in chosen
                ]
                artifacts.append({"name": name, "fromExpression": first_of(files), "optional": True})
        outputs = {
            **({"parameters": parameters} if parameters else {}),
            **({"artifacts": artifacts} if artifacts else {}),
        }
        return outputs, counts


def _nothing(task: str, name: str) -> Any:
    raise InputError(f"a loop hands on {name!r} of {task!r}, which is outside of it")


def _retry(policy: Mapping[str, Any], where: str) -> Json:
    check_fields(
        policy, "maxRetryCount", "backoffDuration", "backoffFactor", "backoffMaxDuration", where=f"{where}: retry"
    )
    if not policy.get("maxRetryCount"):
        return {}
    strategy: Json = {"limit": str(policy["maxRetryCount"]), "retryPolicy": "Always"}
    duration, cap = policy.get("backoffDuration", "0s"), policy.get("backoffMaxDuration")
    factor = float(policy.get("backoffFactor", 1) or 1)
    if not factor.is_integer():
        raise InputError(f"{where}: retry: a backoff factor of {factor} cannot be expressed; give a whole number")
    if duration.rstrip("s").strip("0."):
        capped = {"cap": cap} if cap else {}
        strategy["backoff"] = {"duration": duration, "factor": str(int(factor)), **capped}
    return {"retryStrategy": strategy}


def _display(name: str, task: Mapping[str, Any]) -> Json:
    shown = task.get("taskInfo", {}).get("name", name)
    if shown == name or not _ARGO_DISPLAYS.fullmatch(shown):
        return {}
    return {"annotations": {"workflows.argoproj.io/display-name": shown}}


__all__ = ["Lowering"]
