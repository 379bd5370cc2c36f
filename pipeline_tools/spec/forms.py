"""Check that a value has the form of one of KFP's messages: what protobuf's own reader lets pass, code trips over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from pipeline_tools.errors import InputError

_SPEC = "ml_pipelines."
_REQUIRED = {
    "TaskInputsSpec.InputParameterSpec.TaskOutputParameterSpec": ("producerTask", "outputParameterKey"),
    "TaskInputsSpec.InputParameterSpec.TaskFinalStatus": ("producerTask",),
    "TaskInputsSpec.InputArtifactSpec.TaskOutputArtifactSpec": ("producerTask", "outputArtifactKey"),
    "DagOutputsSpec.ArtifactSelectorSpec": ("producerSubtask", "outputArtifactKey"),
    "DagOutputsSpec.ParameterSelectorSpec": ("producerSubtask", "outputParameterKey"),
    "DagOutputsSpec.DagOutputArtifactSpec": ("artifactSelectors",),
    "ComponentInputsSpec.ParameterSpec": ("parameterType",),
    "ComponentOutputsSpec.ParameterSpec": ("parameterType",),
    "ComponentOutputsSpec.ArtifactSpec": ("artifactType",),
    "ParameterIteratorSpec": ("items", "itemInput"),
    "ArtifactIteratorSpec": ("items", "itemInput"),
    "PipelineDeploymentConfig.ImporterSpec": ("artifactUri", "typeSchema"),
    "PipelineDeploymentConfig.PipelineContainerSpec.EnvVar": ("name",),
}
"""Fields without which a message means nothing."""
_ONE_OF = (
    "TaskInputsSpec.InputParameterSpec",
    "TaskInputsSpec.InputArtifactSpec",
    "DagOutputsSpec.DagOutputParameterSpec",
    "ParameterIteratorSpec.ItemsSpec",
    "PipelineDeploymentConfig.ExecutorSpec",
)
"""Messages that are one of several things, and must be one of them."""
_ANY = ("google.protobuf.Value", "google.protobuf.Struct", "google.protobuf.ListValue", "google.protobuf.Duration")


def check_form(value: Any, message: Descriptor, where: str) -> None:
    """Check a value in JSON form against the description of a message.

    Args:
        value: What JSON can hold.
        message: The message.
        where: Names file and field in errors.

    Raises:
        InputError: A field is null, of another kind, or missing where the message means nothing without it.
    """
    if message.full_name in _ANY:
        if message.full_name.endswith("Struct"):
            _check_kind(value, dict, where)
        return
    _check_kind(value, dict, where)
    name = message.full_name.removeprefix(_SPEC)
    missing = [field for field in _REQUIRED.get(name, ()) if not value.get(field)]
    if missing:
        raise InputError(f"{where}: it has no {' and no '.join(missing)}")
    choices = [field.json_name for oneof in message.oneofs for field in oneof.fields]
    if name in _ONE_OF and not any(field in value for field in choices):
        raise InputError(f"{where}: it has none of {', '.join(choices)}")
    fields = {name: field for field in message.fields for name in (field.name, field.json_name)}
    for key, inner in value.items():
        if key in fields:  # protobuf's reader names those that are not
            _check_field(inner, fields[key], f"{where}.{key}")


def _check_field(value: Any, field: FieldDescriptor, where: str) -> None:
    of = field.message_type
    if of is not None and of.GetOptions().map_entry:
        _check_kind(value, dict, where)
        entry = of.fields_by_name["value"]
        for key, each in value.items():
            _check_field(each, entry, f"{where}.{key}")
    elif field.is_repeated:
        _check_kind(value, list, where)
        for index, each in enumerate(value):
            _check_one(each, field, f"{where}[{index}]")
    else:
        _check_one(value, field, where)


def _check_one(value: Any, field: FieldDescriptor, where: str) -> None:
    if field.message_type is not None:
        check_form(value, field.message_type, where)
    elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        _check_kind(value, str, where)
    elif value is None:
        raise InputError(f"{where}: it is null")


def _check_kind(value: Any, kind: type, where: str) -> None:
    if not isinstance(value, Mapping if kind is dict else kind):
        wanted = {"dict": "a mapping", "list": "a list", "str": "text"}[kind.__name__]
        raise InputError(f"{where}: it must be {wanted}, and is {'null' if value is None else repr(value)[:80]}")


__all__ = ["check_form"]
