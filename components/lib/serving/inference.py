"""The inference APIs of TF-Serving, whatever protocol they come by."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    input_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from components.lib.serving.errors import Code, ServingError, invalid
from components.lib.serving.manager import Lease, Manager
from components.lib.serving.servable import DEFAULT_SIGNATURE, Array
from components.lib.serving.tensors import from_proto, to_proto

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
SIGNATURE_DEF = "signature_def"


class Inference:
    """Answers requests from the versions of a manager.

    Args:
        manager: Holds the models.
        timeout: Seconds that a request may wait and run, where it names no shorter time.
    """

    def __init__(self, manager: Manager, timeout: float = 30.0) -> None:
        self.manager = manager
        self._timeout = timeout

    def predict(self, request: predict_pb2.PredictRequest, timeout: float | None = None) -> predict_pb2.PredictResponse:
        """Answer by any signature.

        Args:
            request: TF-Serving's message.
            timeout: Seconds that are left for it.

        Returns:
            The outputs, all or those of the request's filter.

        Raises:
            ServingError: The request is wrong, or cannot be answered now.
        """
        response = predict_pb2.PredictResponse()
        with self._use(request) as lease:
            inputs = {name: from_proto(name, proto) for name, proto in request.inputs.items()}
            outputs = self.run(lease, request.model_spec.signature_name, inputs, timeout)
            for name in request.output_filter:
                if name not in outputs:
                    raise invalid(
                        f"output tensor alias not found in signature: {name} Outputs expected to be in the set "
                        f"{{{','.join(sorted(outputs))}}}."
                    )
            _fill_spec(response.model_spec, lease, request.model_spec.signature_name)
        for name, value in outputs.items():
            if not request.output_filter or name in request.output_filter:
                response.outputs[name].CopyFrom(to_proto(value))
        return response

    def run(
        self, lease: Lease, signature_name: str, inputs: Mapping[str, Array], timeout: float | None = None
    ) -> dict[str, Array]:
        """Check inputs and answer, together with other requests where the signature allows.

        Args:
            lease: The version.
            signature_name: The signature; empty for ``serving_default``.
            inputs: Arrays by name.
            timeout: Seconds that are left; by default the server's.

        Returns:
            Arrays by name.

        Raises:
            ServingError: The inputs do not fit, or the time is over.
        """
        began = time.monotonic()
        limit = min(self._timeout, timeout) if timeout is not None else self._timeout
        lease.servable.check_inputs(signature_name, inputs)
        batcher = lease.batchers.get(signature_name or DEFAULT_SIGNATURE)
        outputs = batcher.run(inputs, limit) if batcher else lease.servable.run(signature_name, inputs)
        if time.monotonic() - began > limit:
            raise ServingError(Code.DEADLINE_EXCEEDED, f"Deadline exceeded: the request took over {limit:g} s")
        return outputs

    def classify(
        self, request: classification_pb2.ClassificationRequest, timeout: float | None = None
    ) -> classification_pb2.ClassificationResponse:
        """Answer by a signature with the input ``inputs`` and the outputs ``classes``, ``scores`` or both.

        Args:
            request: TF-Serving's message.
            timeout: Seconds that are left for it.

        Returns:
            Classes and scores an example.

        Raises:
            ServingError: The request is wrong, or cannot be answered now.
        """
        response = classification_pb2.ClassificationResponse()
        with self._use(request) as lease:
            result = self._classify(lease, request.model_spec.signature_name, request.input, timeout)
            response.result.CopyFrom(result)
            _fill_spec(response.model_spec, lease, request.model_spec.signature_name)
        return response

    def regress(
        self, request: regression_pb2.RegressionRequest, timeout: float | None = None
    ) -> regression_pb2.RegressionResponse:
        """Answer by a signature with the input ``inputs`` and the output ``outputs``.

        Args:
            request: TF-Serving's message.
            timeout: Seconds that are left for it.

        Returns:
            One value an example.

        Raises:
            ServingError: The request is wrong, or cannot be answered now.
        """
        response = regression_pb2.RegressionResponse()
        with self._use(request) as lease:
            response.result.CopyFrom(self._regress(lease, request.model_spec.signature_name, request.input, timeout))
            _fill_spec(response.model_spec, lease, request.model_spec.signature_name)
        return response

    def multi_inference(
        self, request: inference_pb2.MultiInferenceRequest, timeout: float | None = None
    ) -> inference_pb2.MultiInferenceResponse:
        """Classify and regress the same examples.

        Args:
            request: TF-Serving's message; all tasks ask one model.
            timeout: Seconds that are left for it.

        Returns:
            One result a task.

        Raises:
            ServingError: The request is wrong, or cannot be answered now.
        """
        if not request.tasks:
            raise invalid("Inference request has no tasks")
        first = request.tasks[0].model_spec
        response = inference_pb2.MultiInferenceResponse()
        with self._use(request.tasks[0]) as lease:
            for task in request.tasks:
                if task.model_spec.name != first.name:
                    raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
                name = task.model_spec.signature_name
                result = response.results.add()
                if task.method_name == CLASSIFY:
                    result.classification_result.CopyFrom(self._classify(lease, name, request.input, timeout))
                elif task.method_name == REGRESS:
                    result.regression_result.CopyFrom(self._regress(lease, name, request.input, timeout))
                else:
                    raise ServingError(Code.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}")
                _fill_spec(result.model_spec, lease, name)
        return response

    def metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Tell a model's signatures.

        Args:
            request: TF-Serving's message; the one known field is ``signature_def``.

        Returns:
            The signatures.

        Raises:
            ServingError: The request is wrong, or there is no such model.
        """
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for name in request.metadata_field:
            if name != SIGNATURE_DEF:
                raise invalid(f"Metadata field {name} is not supported")
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        with self._use(request) as lease:
            signatures = get_model_metadata_pb2.SignatureDefMap()
            for name, signature in lease.servable.signature_defs.items():
                signatures.signature_def[name].CopyFrom(signature)
            response.metadata[SIGNATURE_DEF].Pack(signatures)
            response.model_spec.name = lease.servable.name
            response.model_spec.version.value = lease.servable.version
        return response

    def _use(self, request: Any) -> AbstractContextManager[Lease]:
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        spec: model_pb2.ModelSpec = request.model_spec
        if not spec.name:
            raise invalid("Missing model name in request.")
        version = spec.version.value if spec.HasField("version") else None
        return self.manager.use(spec.name, version, spec.version_label)

    def _classify(
        self, lease: Lease, signature_name: str, given: input_pb2.Input, timeout: float | None
    ) -> classification_pb2.ClassificationResult:
        signature = lease.servable.signature(signature_name)
        _check_signature(signature, "classification", ("scores", "classes"))
        serialized = _serialized(given)
        outputs = self.run(lease, signature_name, {"inputs": serialized}, timeout)
        for name in outputs:
            if outputs[name].ndim != 2 or len(outputs[name]) != len(serialized):
                raise invalid(f"Tensor output {name} must have 2 dimensions and a row an example")
        result = classification_pb2.ClassificationResult()
        for at in range(len(serialized)):
            row = result.classifications.add()
            labels = outputs["classes"][at] if "classes" in outputs else None
            scores = outputs["scores"][at] if "scores" in outputs else None
            for column in range(len(labels if labels is not None else scores)):  # type: ignore[arg-type]
                found = row.classes.add()
                if labels is not None:
                    found.label = labels[column]
                if scores is not None:
                    found.score = scores[column]
        return result

    def _regress(
        self, lease: Lease, signature_name: str, given: input_pb2.Input, timeout: float | None
    ) -> regression_pb2.RegressionResult:
        signature = lease.servable.signature(signature_name)
        _check_signature(signature, "regression", ("outputs",))
        serialized = _serialized(given)
        values = self.run(lease, signature_name, {"inputs": serialized}, timeout)["outputs"]
        if values.size != len(serialized):
            raise invalid(f"Expected one regression value an example, got shape {list(values.shape)}")
        result = regression_pb2.RegressionResult()
        for value in values.ravel():
            result.regressions.add(value=value)
        return result


def _fill_spec(spec: model_pb2.ModelSpec, lease: Lease, signature_name: str) -> None:
    spec.name = lease.servable.name
    spec.version.value = lease.servable.version
    spec.signature_name = signature_name or DEFAULT_SIGNATURE


def _check_signature(signature: meta_graph_pb2.SignatureDef, kind: str, outputs: Sequence[str]) -> None:
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if "inputs" not in signature.inputs:
        raise invalid(f"No {kind} inputs found in SignatureDef: it has the input {next(iter(signature.inputs))!r}")
    if not any(name in signature.outputs for name in outputs):
        raise invalid(
            f"Expected {kind} signature outputs to contain at least one of {' or '.join(outputs)}; it has "
            f"{', '.join(sorted(signature.outputs))}"
        )


def _serialized(given: input_pb2.Input) -> Array:
    kind = given.WhichOneof("kind")
    if kind == "example_list":
        rows = [example.SerializeToString(deterministic=True) for example in given.example_list.examples]
    elif kind == "example_list_with_context":
        context = given.example_list_with_context.context
        rows = []
        for example in given.example_list_with_context.examples:
            merged = type(context)()
            merged.CopyFrom(context)
            for name, feature in example.features.feature.items():
                merged.features.feature[name].CopyFrom(feature)
            rows.append(merged.SerializeToString(deterministic=True))
    else:
        rows = []
    if not rows:
        raise invalid("Input is empty.")
    values = np.empty(len(rows), object)
    values[:] = rows
    return values
