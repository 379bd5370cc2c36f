"""Check the form of a specification: KFP's own messages, names that files can have, tasks that lead somewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline_tools.errors import InputError
from pipeline_tools.spec.conditions import parse_condition
from pipeline_tools.spec.forms import check_form
from pipeline_tools.spec.limits import check_name
from pipeline_tools.spec.placeholders import structure
from pipeline_tools.spec.selectors import parse_selector
from pipeline_tools.spec.types import cast

_PIPELINE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")  # KFP's compiler holds pipelines to this


def check_pipeline(spec: Mapping[str, Any], where: str) -> None:
    """Check a pipeline specification.

    Args:
        spec: A ``PipelineSpec`` in its JSON form.
        where: Names the file in errors.

    Raises:
        InputError: A field is unknown or of another type, a name cannot be that of a file, a task has no component or
            executor, or components hold one another.
    """
    _parse(spec, pipeline_spec_pb2.PipelineSpec(), where)
    name = spec.get("pipelineInfo", {}).get("name", "")
    if not _PIPELINE_NAME.fullmatch(name):
        raise InputError(
            f"{where}: pipelineInfo.name: {name!r} is not the name of a pipeline: it has small letters, digits and "
            "dashes, begins with a letter or digit, and has 128 characters at most"
        )
    if not spec.get("root"):
        raise InputError(f"{where}: root: the pipeline has no root component")
    deployment = pipeline_spec_pb2.PipelineDeploymentConfig()
    _parse(spec.get("deploymentSpec", {}), deployment, f"{where}: deploymentSpec")
    _Components(spec, where).check(spec["root"], (), ())


def check_platform(document: Mapping[str, Any], where: str) -> None:
    """Check a document of platform settings.

    Args:
        document: A ``PlatformSpec`` in its JSON form.
        where: Names the file in errors.

    Raises:
        InputError: A field is unknown or of another type.
    """
    _parse(document, pipeline_spec_pb2.PlatformSpec(), where)


def _parse(value: Any, message: Message, where: str) -> None:
    check_form(value, message.DESCRIPTOR, where)
    try:
        json_format.ParseDict(value, message)
    except (json_format.ParseError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(f"{where}: {' '.join(str(error).split())}") from error


def _check_default(definition: Mapping[str, Any], where: str) -> None:
    """Check that a default has the type of its parameter."""
    try:
        cast(definition.get("defaultValue"), definition.get("parameterType", ""))
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _read_text(parse: Callable[[str], object], text: str | None, where: str) -> None:
    """Check that a text can be read, where there is one."""
    try:
        if text:
            parse(text)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


class _Components:
    """The components of a specification, each checked where a task uses it."""

    def __init__(self, spec: Mapping[str, Any], where: str) -> None:
        self._components: Mapping[str, Any] = spec.get("components", {})
        self._executors: Mapping[str, Any] = spec.get("deploymentSpec", {}).get("executors", {})
        self._where = where
        self._checked: set[str] = set()

    def check(self, component: Mapping[str, Any], path: tuple[str, ...], inside: tuple[str, ...]) -> None:
        """Check a component with all that it holds.

        Args:
            component: The component.
            path: The tasks that lead to it.
            inside: The names of the components around it.
        """
        where = f"{self._where}: task {'/'.join(path)!r}" if path else f"{self._where}: root"
        for side in ("inputDefinitions", "outputDefinitions"):
            for kind in ("parameters", "artifacts"):
                for name, definition in component.get(side, {}).get(kind, {}).items():
                    check_name(name, f"{where}: {side}.{kind}")
                    _check_default(definition, f"{where}: {side}.{kind}.{name}.defaultValue")
        if "dag" not in component:
            self._check_executor(component, where)
            return
        for name, task in component["dag"].get("tasks", {}).items():
            check_name(name, f"{where}: dag.tasks")
            if name.startswith("_"):  # files of the runner itself begin so
                raise InputError(f"{where}: dag.tasks: the name {name!r} begins with an underscore; begin it otherwise")
            self._check_task(task, (*path, name), inside)

    def _check_task(self, task: Mapping[str, Any], path: tuple[str, ...], inside: tuple[str, ...]) -> None:
        where = f"{self._where}: task {'/'.join(path)!r}"
        reference = task.get("componentRef", {}).get("name", "")
        if reference not in self._components:
            raise InputError(f"{where}: componentRef.name: the specification has no component {reference!r}")
        if reference in inside:
            raise InputError(f"{where}: componentRef.name: the component {reference!r} holds itself")
        _read_text(parse_condition, task.get("triggerPolicy", {}).get("condition"), f"{where}: triggerPolicy.condition")
        for name, source in task.get("inputs", {}).get("parameters", {}).items():
            _read_text(parse_selector, source.get("parameterExpressionSelector"), f"{where}: inputs.parameters.{name}")
        self._check_items(task, where)
        if reference not in self._checked:
            self.check(self._components[reference], path, (*inside, reference))
            self._checked.add(reference)

    def _check_items(self, task: Mapping[str, Any], where: str) -> None:
        raw = task.get("parameterIterator", {}).get("items", {}).get("raw")
        if raw is None:
            return
        try:
            found = json.loads(raw)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, list):
            raise InputError(f"{where}: parameterIterator.items.raw: {raw[:80]!r} is not a list in JSON")

    def _check_executor(self, component: Mapping[str, Any], where: str) -> None:
        label = component.get("executorLabel", "")
        if label not in self._executors:
            raise InputError(f"{where}: executorLabel: deploymentSpec.executors has no {label!r}")
        container = self._executors[label].get("container", {})
        for field in ("command", "args"):
            for text in container.get(field, []):
                _read_text(structure, text, f"{where}: deploymentSpec.executors.{label}.container.{field}")


__all__ = ["check_pipeline", "check_platform"]
