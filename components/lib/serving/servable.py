"""One loaded version of a model."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2

from components.lib.serving.errors import Code, ServingError, invalid

Array = np.ndarray[Any, Any]

DEFAULT_SIGNATURE = "serving_default"


class Servable:
    """A SavedModel that answers by its signatures.

    It runs in a session, as in TF-Serving, which loads it in a third of the time and calls it with less overhead than
    ``tf.saved_model.load`` and its functions.

    Args:
        path: Directory of the SavedModel.
        name: The model's name.
        version: Its version.

    Raises:
        Exception: Whatever TensorFlow says of a SavedModel that it cannot load.
    """

    def __init__(self, path: str, name: str, version: int) -> None:
        self.name = name
        self.version = version
        graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=graph)
        try:
            with graph.as_default(), _quiet():
                loaded = tf.compat.v1.saved_model.load(self._session, [tf.saved_model.SERVING], path)
            self.signature_defs: dict[str, meta_graph_pb2.SignatureDef] = dict(loaded.signature_def)
            self._functions = {
                signature: self._function(definition)
                for signature, definition in self.signature_defs.items()
                if definition.method_name and definition.outputs
            }
            for signature in self._functions:
                self._warm_up(signature)
        except BaseException:
            self._session.close()
            raise

    def close(self) -> None:
        """Give the memory back."""
        self._functions.clear()  # a function must go before its session
        self._session.close()

    def _function(self, signature: meta_graph_pb2.SignatureDef) -> Callable[[Mapping[str, Array]], list[Any]]:
        names = sorted(signature.inputs)
        feeds = [signature.inputs[name].name for name in names]
        fetches = [signature.outputs[name].name for name in sorted(signature.outputs)]
        # The public make_callable goes through Session.run wherever there are feeds, which doubles the time of a small
        # request. Operations of a small model take less time than handing them to other threads: -1 is this thread.
        fast = getattr(self._session, "_make_callable_from_options", None)
        if fast is None:
            call = self._session.make_callable(fetches, feeds)
        else:
            here = config_pb2.RunOptions(inter_op_thread_pool=-1)
            call = fast(config_pb2.CallableOptions(feed=feeds, fetch=fetches, run_options=here))
        return lambda inputs: call(*[inputs[name] for name in names])

    def signature(self, name: str) -> meta_graph_pb2.SignatureDef:
        """Find a signature.

        Args:
            name: Its name; empty for ``serving_default``.

        Returns:
            Its inputs and outputs.

        Raises:
            ServingError: There is none of that name.
        """
        name = name or DEFAULT_SIGNATURE
        if name not in self._functions:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f'Serving signature name: "{name}" not found in signature def; this model has '
                f"{', '.join(sorted(self._functions))}",
            )
        return self.signature_defs[name]

    def check_inputs(self, signature_name: str, inputs: Mapping[str, Array]) -> None:
        """Check names, types and shapes of inputs.

        Args:
            signature_name: A signature of this model; empty for ``serving_default``.
            inputs: By name; text as an object array of bytes.

        Raises:
            ServingError: They do not fit.
        """
        wanted = self.signature(signature_name).inputs
        expected = f"Inputs expected to be in the set {{{','.join(sorted(wanted))}}}."
        for name in inputs:
            if name not in wanted:
                raise invalid(f"input tensor alias not found in signature: {name}. {expected}")
        for name in wanted:
            if name not in inputs:
                raise invalid(
                    f"input size does not match signature: {len(inputs)}!={len(wanted)}: {name} missing. {expected}"
                )
        rows: dict[str, int] = {}
        for name, value in inputs.items():
            info = wanted[name]
            dtype = tf.as_dtype(info.dtype)
            given = tf.string if value.dtype == object else tf.as_dtype(value.dtype)
            if given != dtype:
                raise invalid(f"input {name}: expects {dtype.name} but {given.name} is provided")
            shape = [dim.size for dim in info.tensor_shape.dim]
            fits = info.tensor_shape.unknown_rank or (
                len(shape) == value.ndim
                and all(size in (-1, given) for size, given in zip(shape, value.shape, strict=True))
            )
            if not fits:
                raise invalid(f"input {name}: expects shape {_shape(shape)} but {_shape(value.shape)} is provided")
            if shape and shape[0] == -1:
                rows[name] = value.shape[0]
        if len(set(rows.values())) > 1:
            raise invalid(f"inputs have different numbers of rows: {rows}")

    def signatures(self) -> list[str]:
        """List the signatures that can be asked for."""
        return sorted(self._functions)

    def is_batched(self, signature_name: str) -> bool:
        """Say whether every input and output of a signature counts rows in its first, open dimension."""
        signature = self.signature(signature_name)
        infos = [*signature.inputs.values(), *signature.outputs.values()]
        return all(
            not info.tensor_shape.unknown_rank and info.tensor_shape.dim and info.tensor_shape.dim[0].size == -1
            for info in infos
        )

    def run(self, signature_name: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Answer.

        Args:
            signature_name: A signature of this model; empty for ``serving_default``.
            inputs: As `check_inputs` wants them.

        Returns:
            Outputs by name; text as an object array of bytes.

        Raises:
            ServingError: The model cannot compute them.
        """
        name = signature_name or DEFAULT_SIGNATURE
        try:
            values = self._functions[name](inputs)
        except tf.errors.OpError as error:
            raise ServingError(Code(error.error_code), _plain(error.message)) from None
        except UnicodeDecodeError as error:
            # TensorFlow quotes the request in its message, and cannot hand over one that is no UTF-8.
            raise invalid(_plain(bytes(error.object).decode(errors="replace"))) from None
        except (TypeError, ValueError) as error:
            raise invalid(str(error)) from None
        return dict(zip(sorted(self.signature_defs[name].outputs), values, strict=True))

    def _warm_up(self, signature_name: str) -> None:
        """Call once with no rows: the first call of a function is many times slower than the others."""
        if not self.is_batched(signature_name):
            return
        inputs = {}
        for name, info in self.signature(signature_name).inputs.items():
            shape = [max(dim.size, 0) for dim in info.tensor_shape.dim]
            dtype = tf.as_dtype(info.dtype)
            inputs[name] = np.zeros(shape, object if dtype == tf.string else dtype.as_numpy_dtype)
        try:
            self.run(signature_name, inputs)
        except ServingError:
            return  # a model may refuse to work on nothing


def _shape(sizes: Any) -> str:
    return f"[{','.join(str(size) for size in sizes)}]"


def _plain(message: str) -> str:
    """Take the sentence out of what TensorFlow wraps around an error of a graph."""
    text = message.removeprefix("Graph execution error:\n\n")
    text = re.sub(r"\n\s*\[\[.*|\n\nOriginal stack trace.*", "", text, flags=re.DOTALL)
    return re.sub(r"^\d+ root error\(s\) found\.\s+\(0\) \w+: |^\{\{.*?\}\} ", "", text).strip() or message


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep back the advice to load by `tf.saved_model.load`."""
    level = tf.get_logger().level
    tf.get_logger().setLevel(logging.ERROR)
    try:
        yield
    finally:
        tf.get_logger().setLevel(level)
