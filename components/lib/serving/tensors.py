"""Arrays from and to `TensorProto`s, without detours: this runs once a request."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from components.lib.serving.errors import invalid
from components.lib.serving.servable import Array


def from_proto(name: str, proto: tensor_pb2.TensorProto) -> Array:
    """Read a tensor.

    Args:
        name: Of the input, for errors.
        proto: As a client sent it.

    Returns:
        The array; text as objects of bytes.

    Raises:
        ServingError: It is malformed.
    """
    if proto.dtype == types_pb2.DT_STRING and not proto.tensor_content:
        shape = tuple(dim.size for dim in proto.tensor_shape.dim)
        values = np.empty(len(proto.string_val), object)
        values[:] = proto.string_val
        if len(values) == 1 and shape != (1,):  # one value stands for all
            return np.full(shape, values[0], object)
        try:
            return values.reshape(shape)
        except ValueError:
            raise invalid(f"tensor parsing error: {name}: {len(values)} values for shape {list(shape)}") from None
    try:
        array: Array = tf.make_ndarray(proto)
    except (TypeError, ValueError) as error:
        raise invalid(f"tensor parsing error: {name}: {error}") from None
    return array


def to_proto(array: Array) -> tensor_pb2.TensorProto:
    """Write a tensor in the typed fields of a `TensorProto`, as TF-Serving does by default.

    Args:
        array: Text as objects of bytes.

    Returns:
        The message.
    """
    proto = tensor_pb2.TensorProto()
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if array.dtype == object:
        proto.dtype = types_pb2.DT_STRING
        proto.string_val.extend(array.ravel().tolist())
        return proto
    proto.dtype = tf.as_dtype(array.dtype).as_datatype_enum
    field = _FIELDS.get(proto.dtype)
    if field is None:
        proto.CopyFrom(tf.make_tensor_proto(array))
    else:
        getattr(proto, field).extend(array.ravel().tolist())
    return proto


_FIELDS: dict[Any, str] = {
    types_pb2.DT_FLOAT: "float_val",
    types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_INT64: "int64_val",
    types_pb2.DT_INT32: "int_val",
    types_pb2.DT_INT16: "int_val",
    types_pb2.DT_INT8: "int_val",
    types_pb2.DT_UINT8: "int_val",
    types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_UINT32: "uint32_val",
    types_pb2.DT_UINT64: "uint64_val",
}
