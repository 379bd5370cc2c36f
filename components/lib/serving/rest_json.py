"""The JSON of TF-Serving's REST API, from and to arrays.

Row format: ``{"instances": [...]}`` -> ``{"predictions": [...]}``. Columnar format: ``{"inputs": ...}`` ->
``{"outputs": ...}``. Bytes are ``{"b64": "..."}``. See https://www.tensorflow.org/tfx/serving/api_rest.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from components.lib.serving.errors import ServingError, invalid
from components.lib.serving.servable import Array

_KINDS = {dict: "Object", list: "Array", str: "String", bool: "Boolean", int: "Number", float: "Number"}
_SHOWN = 200


def parse_object(body: bytes) -> dict[str, Any]:
    """Read a request's body.

    Args:
        body: As it came.

    Returns:
        The JSON object.

    Raises:
        ServingError: It is none.
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        value = json.loads(body)
    except json.JSONDecodeError as error:
        raise invalid(f"JSON Parse error: {error.msg} at offset: {error.pos}") from None
    except UnicodeDecodeError as error:
        raise invalid(f"JSON Parse error: not UTF-8 at offset: {error.start}") from None
    except (RecursionError, ValueError) as error:  # nested too deep; a number of thousands of digits
        raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(value, dict):
        raise invalid(f"JSON Value: {_show(value)} Is not object")
    return value


def signature_name(request: Mapping[str, Any]) -> str:
    """Take the name of the signature out of a request.

    Args:
        request: As `parse_object` returns it.

    Returns:
        The name; empty where it names none.

    Raises:
        ServingError: It is no text.
    """
    name = request.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {_show(name)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return name


def predict_inputs(request: Mapping[str, Any], signature: meta_graph_pb2.SignatureDef) -> tuple[dict[str, Array], bool]:
    """Read the inputs of a predict request.

    Args:
        request: As `parse_object` returns it.
        signature: Says which inputs there are, and of which types.

    Returns:
        Arrays by name, and whether they came in rows.

    Raises:
        ServingError: They do not fit.
    """
    types = {name: tf.as_dtype(info.dtype) for name, info in signature.inputs.items()}
    if "instances" in request and "inputs" in request:
        raise invalid("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
    if "instances" in request:
        instances = request["instances"]
        if not isinstance(instances, list):
            raise invalid("Expecting 'instances' to be an list/array")
        if not instances:
            raise invalid("No values in 'instances' array")
        return _rows(instances, types), True
    if "inputs" in request:
        return _columns(request["inputs"], types), False
    raise invalid("Missing 'inputs' or 'instances' key")


def _rows(instances: list[Any], types: Mapping[str, tf.DType]) -> dict[str, Array]:
    named = _is_object(instances[0])
    if not named and len(types) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            f"tensorinfo_map: {','.join(sorted(types))}"
        )
    if not named:
        (name,) = types
        for at, item in enumerate(instances):
            if _is_object(item):
                raise invalid(f"Expecting value/list but got object at item {at} of input list")
        return {name: _stack(name, instances, types[name])}
    for at, item in enumerate(instances):
        if not _is_object(item):
            raise invalid(f"Expecting object but got list at item {at} of input list")
        for name in item:
            if name not in types:
                raise invalid(
                    f"Failed to process element: {at} key: {name} of 'instances' list. Error: INVALID_ARGUMENT: JSON "
                    f"object: does not have named input: {name}"
                )
        if len(item) != len(types):
            missing = ",".join(sorted(types.keys() - item.keys()))
            raise invalid(
                f"Failed to process element: {at} of 'instances' list. JSON object: {_show(item)} keys must be equal "
                f"to: {','.join(sorted(types))} (missing: {missing})"
            )
    return {name: _stack(name, [item[name] for item in instances], dtype) for name, dtype in types.items()}


def _stack(name: str, items: list[Any], dtype: tf.DType) -> Array:
    """Put rows together; each is converted alone, so that an error can name it."""
    arrays = []
    for at, item in enumerate(items):
        try:
            arrays.append(_array(item, dtype))
            if arrays[at].shape != arrays[0].shape:
                raise invalid(f"Expecting shape {list(arrays[0].shape)} but got: {list(arrays[at].shape)}")
        except ServingError as error:  # noqa: PERF203 - the message names the row
            raise invalid(
                f"Failed to process element: {at} key: {name} of 'instances' list. Error: INVALID_ARGUMENT: "
                f"{error.message}"
            ) from None
    return np.stack(arrays)


def _columns(value: Any, types: Mapping[str, tf.DType]) -> dict[str, Array]:
    if not _is_object(value):
        if len(types) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                f"tensorinfo_map: {','.join(sorted(types))}"
            )
        (name,) = types
        return {name: _array(value, types[name])}
    for name in types:
        if name not in value:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    for name in value:
        if name not in types:
            raise invalid(f"JSON object: does not have named input: {name}; inputs are {','.join(sorted(types))}")
    arrays = {}
    for name, dtype in types.items():
        try:
            arrays[name] = _array(value[name], dtype)
        except ServingError as error:  # noqa: PERF203 - the message names the input
            raise invalid(f"Failed to process input: {name}. Error: INVALID_ARGUMENT: {error.message}") from None
    return arrays


def _array(value: Any, dtype: tf.DType) -> Array:
    shape: list[int] = []
    inner = value
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0] if inner else None
    flat: list[Any] = []
    _flatten(value, shape, 0, dtype, flat)
    if dtype == tf.string:
        texts = np.empty(len(flat), object)
        texts[:] = flat
        return texts.reshape(shape)
    return np.array(flat, dtype.as_numpy_dtype).reshape(shape)


def _flatten(value: Any, shape: list[int], level: int, dtype: tf.DType, flat: list[Any]) -> None:
    if isinstance(value, list):
        if level >= len(shape):
            raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
        if len(value) != shape[level]:
            raise invalid(
                f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
            )
        for each in value:
            _flatten(each, shape, level + 1, dtype, flat)
        return
    if level != len(shape):
        raise invalid(
            f"JSON Value: {_show(value)} found at incorrect level: {level + 1} in the JSON DOM. Expected at level: "
            f"{len(shape)}"
        )
    flat.append(_scalar(value, dtype))


def _scalar(value: Any, dtype: tf.DType) -> Any:
    if dtype == tf.string:
        if isinstance(value, str):
            return value.encode()
        if _is_b64(value):
            return decode_b64(value["b64"])
        if isinstance(value, dict):
            raise invalid(f"JSON Value: {_show(value)} not formatted correctly for base64 data")
    elif dtype == tf.bool:
        if isinstance(value, bool):
            return value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if dtype.is_floating:
            if math.isfinite(value) and abs(value) > float(dtype.max):
                raise invalid(f"Cannot convert JSON value: {_show(value)} to {dtype.name} without loss of precision.")
            return value
        if isinstance(value, int) and dtype.is_integer and dtype.min <= value <= dtype.max:
            return value
    kind = _KINDS.get(type(value), "Null")
    raise invalid(f"JSON Value: {_show(value)} Type: {kind} is not of expected type: {dtype.name}")


def decode_b64(text: str) -> bytes:
    """Decode base64, of the standard or the URL-safe alphabet, with or without padding.

    Args:
        text: Encoded.

    Returns:
        The bytes.

    Raises:
        ServingError: It is no base64.
    """
    try:
        plain = text.rstrip("=").replace("-", "+").replace("_", "/")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid("Unable to base64 decode") from None


def _is_b64(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not _is_b64(value)


def predictions(outputs: Mapping[str, Array], in_rows: bool) -> dict[str, Any]:
    """Write a predict response.

    Args:
        outputs: Arrays by name.
        in_rows: Whether the request came in rows.

    Returns:
        What JSON can hold; a float is the shortest decimal that reads back as the same float.

    Raises:
        ServingError: The rows of the outputs do not count alike, so that there is no row format.
    """
    values = {name: _nested(array, name.endswith("_bytes")) for name, array in outputs.items()}
    if not in_rows:
        return {"outputs": values if len(values) > 1 else next(iter(values.values()))}
    rows: int | None = None
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information")
        if rows is not None and len(array) != rows:
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {rows}")
        rows = len(array)
    if len(values) == 1:
        return {"predictions": next(iter(values.values()))}
    return {"predictions": [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]}


def _nested(array: Array, as_bytes: bool) -> Any:
    flat: list[Any] = array.ravel().tolist()
    if array.dtype == object:
        flat = [_text(value, as_bytes) for value in flat]
    elif array.dtype == np.float32:
        flat = [float(str(value)) for value in array.ravel()]
    for size in reversed(array.shape[1:]):
        flat = [flat[at : at + size] for at in range(0, len(flat), size)] if size else [[] for _ in range(len(array))]
    return flat if array.ndim else flat[0]


def _text(value: bytes, as_bytes: bool) -> Any:
    if not as_bytes:
        try:
            return value.decode()
        except UnicodeDecodeError:
            pass  # bytes that are no text can be written as nothing else
    return {"b64": base64.b64encode(value).decode()}


def example_rows(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Read the examples of a classify or regress request.

    Args:
        request: As `parse_object` returns it.

    Returns:
        Feature values by name, each a list; those of ``context`` hold for every example.

    Raises:
        ServingError: They are no examples.
    """
    if "examples" not in request:
        raise invalid("When method is classify or regress, key 'examples' is expected and was not found")
    examples = request["examples"]
    if not isinstance(examples, list):
        raise invalid("Expecting 'examples' value to be an list/array")
    if not examples:
        raise invalid("'examples' value is an empty array")
    context = _features(request["context"]) if "context" in request else {}
    return [{**context, **_features(example)} for example in examples]


def _features(example: Any) -> dict[str, Any]:
    if not isinstance(example, dict):
        raise invalid(f"Example must be JSON object but got JSON {_KINDS.get(type(example), 'Null')}")
    return {
        name: [_feature(name, each) for each in (value if isinstance(value, list) else [value])]
        for name, value in example.items()
    }


def _feature(name: str, value: Any) -> int | float | bytes:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        return value.encode()
    if _is_b64(value):
        return decode_b64(value["b64"])
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise invalid(f"Feature: {name} has a number outside 64 bits.")
    if isinstance(value, (int, float)):
        return value
    kind = _KINDS.get(type(value), "Null")
    raise invalid(f"Feature: {name} has element with unexpected JSON type: {kind}")


def classifications(result: Any) -> list[Any]:
    """Write a classify response: a list of [label, score] an example.

    Args:
        result: A ``ClassificationResult``.

    Returns:
        What JSON can hold.
    """
    return [
        [[found.label, float(str(np.float32(found.score)))] for found in row.classes] for row in result.classifications
    ]


def regressions(result: Any) -> list[float]:
    """Write a regress response: one number an example.

    Args:
        result: A ``RegressionResult``.

    Returns:
        What JSON can hold.
    """
    return [float(str(np.float32(found.value))) for found in result.regressions]


def _show(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
