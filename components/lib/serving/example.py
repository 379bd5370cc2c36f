"""Serialize rows as `tf.Example`s without importing TensorFlow: a client should start instantly."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from pipeline_tools.errors import InputError


@cache
def _example_class() -> Any:
    """Build the message class from its public definition (tensorflow/core/example), in a pool of its own."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="tensorflow", syntax="proto3")
    for name, kind in (
        ("BytesList", field.TYPE_BYTES),
        ("FloatList", field.TYPE_FLOAT),
        ("Int64List", field.TYPE_INT64),
    ):
        file.message_type.add(name=name).field.add(name="value", number=1, type=kind, label=field.LABEL_REPEATED)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, name in enumerate(("BytesList", "FloatList", "Int64List"), start=1):
        feature.field.add(
            name=f"{name[:-4].lower()}_list",
            number=number,
            type=field.TYPE_MESSAGE,
            type_name=f".tensorflow.{name}",
            label=field.LABEL_OPTIONAL,
            oneof_index=0,
        )
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    entry.field.add(
        name="value",
        number=2,
        type=field.TYPE_MESSAGE,
        type_name=".tensorflow.Feature",
        label=field.LABEL_OPTIONAL,
    )
    features.field.add(
        name="feature",
        number=1,
        type=field.TYPE_MESSAGE,
        type_name=".tensorflow.Features.FeatureEntry",
        label=field.LABEL_REPEATED,
    )
    file.message_type.add(name="Example").field.add(
        name="features",
        number=1,
        type=field.TYPE_MESSAGE,
        type_name=".tensorflow.Features",
        label=field.LABEL_OPTIONAL,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))


def encode_row(row: Mapping[str, int | float | str | bytes | None]) -> bytes:
    """Serialize a row.

    Args:
        row: Values by column; None is a missing value and is left out.

    Returns:
        A serialized ``tf.Example``. The same row gives the same bytes.

    Raises:
        InputError: A value is of another type, or a whole number outside 64 bits.
    """
    example = _example_class()()
    features = example.features.feature
    for name, value in row.items():
        if value is None:
            continue
        if isinstance(value, str):
            features[name].bytes_list.value.append(value.encode())
        elif isinstance(value, bytes):
            features[name].bytes_list.value.append(value)
        elif isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InputError(f"column {name!r}: {value!r} is neither a number nor text")
        elif isinstance(value, float):
            features[name].float_list.value.append(value)
        else:
            try:
                features[name].int64_list.value.append(value)
            except ValueError:
                raise InputError(f"column {name!r}: {value} does not fit into 64 bits") from None
    return bytes(example.SerializeToString(deterministic=True))
