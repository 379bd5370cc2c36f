"""The gRPC API, asked by TF-Serving's own stubs."""

from __future__ import annotations

import grpc
import pytest

tf = pytest.importorskip("tensorflow")

from tensorflow_serving.apis import (  # noqa: E402
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

pytestmark = pytest.mark.e2e


def predict(name="tiny", signature="", version=None, label="", output_filter=(), **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    if label:
        request.model_spec.version_label = label
    request.output_filter.extend(output_filter)
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(value if isinstance(value, tf.make_tensor_proto([]).__class__) else tensor(value))
    return request


def tensor(value, dtype=None):
    return tf.make_tensor_proto(value, dtype or (tf.float32 if isinstance(value[0], float) else None))


def examples(request, *values):
    for value in values:
        request.input.example_list.examples.add().features.feature["x"].float_list.value.append(value)
    return request


def error(call, *args):
    with pytest.raises(grpc.RpcError) as caught:
        call(*args)
    return caught.value.code().name, caught.value.details()


def test_predict_answers_in_the_typed_field_with_the_spec_it_used(serve, stubs):
    service, _ = stubs(serve())
    response = service.Predict(predict(x=[1.0, 3.0]), 10)

    assert list(response.outputs["y"].float_val) == [2.5, 3.5]
    assert (response.model_spec.name, response.model_spec.version.value) == ("tiny", 1)
    assert response.model_spec.signature_name == "serving_default"


def test_predict_in_several_types_and_shapes_with_a_filter(serve, stubs):
    service, _ = stubs(serve())
    inputs = {"pair": tf.make_tensor_proto([[1, 2], [3, 4]], tf.int64), "text": tensor(["a", "é"])}
    response = service.Predict(predict(signature="mixed", **inputs), 10)

    assert list(response.outputs["total"].int64_val) == [3, 7]
    assert list(response.outputs["text"].string_val) == [b"a", "é".encode()]
    assert set(response.outputs) == {"total", "text", "raw_bytes"}
    filtered = service.Predict(predict(signature="mixed", output_filter=["total"], **inputs), 10)
    assert set(filtered.outputs) == {"total"}
    scalar = service.Predict(predict(signature="scalar", x=tf.make_tensor_proto(1.5, tf.float32)), 10)
    assert tf.make_ndarray(scalar.outputs["y"]) == 3.5


def test_classify_regress_and_both_at_once(serve, stubs):
    service, _ = stubs(serve())
    request = examples(regression_pb2.RegressionRequest(), 1.0, 3.0)
    request.model_spec.name, request.model_spec.signature_name = "tiny", "regress"
    assert [each.value for each in service.Regress(request, 10).result.regressions] == [2.5, 3.5]

    request = examples(classification_pb2.ClassificationRequest(), -4.0)
    request.model_spec.name, request.model_spec.signature_name = "tiny", "classify"
    (row,) = service.Classify(request, 10).result.classifications
    assert [(each.label, each.score) for each in row.classes] == [("no", 0.5), ("yes", 0.5)]

    request = examples(inference_pb2.MultiInferenceRequest(), -4.0, 0.0)
    for kind in ("regress", "classify"):
        task = request.tasks.add(method_name=f"tensorflow/serving/{kind}")
        task.model_spec.name, task.model_spec.signature_name = "tiny", kind
    regression, classification = service.MultiInference(request, 10).results
    assert [each.value for each in regression.regression_result.regressions] == [0.0, 2.0]
    assert len(classification.classification_result.classifications) == 2


def test_a_context_holds_for_every_example(serve, stubs):
    service, _ = stubs(serve())
    request = regression_pb2.RegressionRequest()
    request.model_spec.name, request.model_spec.signature_name = "tiny", "regress"
    given = request.input.example_list_with_context
    given.context.features.feature["x"].float_list.value.append(8.0)
    given.examples.add()
    given.examples.add()

    assert [each.value for each in service.Regress(request, 10).result.regressions] == [6.0, 6.0]


def test_metadata_tells_the_signatures(serve, stubs):
    service, _ = stubs(serve())
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "tiny"
    response = service.GetModelMetadata(request, 10)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)

    assert response.model_spec.version.value == 1
    assert {"serving_default", "regress", "classify", "mixed"} <= set(signatures.signature_def)
    assert signatures.signature_def["serving_default"].inputs["x"].dtype == tf.float32.as_datatype_enum


def status(service, name="tiny", version=None):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    if version is not None:
        request.model_spec.version.value = version
    return service.GetModelStatus(request, 10)


def test_status_tells_the_versions(serve, stubs):
    _, service = stubs(serve())
    (found,) = status(service).model_version_status

    assert (found.version, found.state, found.status.error_code) == (1, found.AVAILABLE, 0)
    assert error(status, service, "nope") == ("NOT_FOUND", "Could not find any versions of model nope")
    assert error(status, service, "tiny", 9) == ("NOT_FOUND", "Could not find version 9 of model tiny")


def test_reload_changes_models_policies_and_labels(serve, stubs, base, tiny):
    server = serve()
    predictions, models = stubs(server)
    base.publish(tiny(3.0))
    request = model_management_pb2.ReloadConfigRequest()
    for name in ("tiny", "again"):
        config = request.config.model_config_list.config.add(
            name=name, base_path=str(base._directory), model_platform="tensorflow"
        )
        config.model_version_policy.all.SetInParent()
        config.version_labels["stable"] = 1
        config.version_labels["canary"] = 2
    assert models.HandleReloadConfigRequest(request, 30).status.error_code == 0

    for name in ("tiny", "again"):
        assert predictions.Predict(predict(name, label="stable", x=[0.0]), 10).outputs["y"].float_val == [2.0]
        assert predictions.Predict(predict(name, label="canary", x=[0.0]), 10).outputs["y"].float_val == [3.0]
        assert predictions.Predict(predict(name, version=1, x=[0.0]), 10).outputs["y"].float_val == [2.0]

    request.config.model_config_list.config[0].version_labels["next"] = 7
    response = models.HandleReloadConfigRequest(request, 30)
    assert response.status.error_code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert "label next to version 7" in response.status.error_message

    del request.config.model_config_list.config[1]
    del request.config.model_config_list.config[0].version_labels["next"]
    assert models.HandleReloadConfigRequest(request, 30).status.error_code == 0
    assert error(predictions.Predict, predict("again", x=[0.0]), 10)[0] == "NOT_FOUND"
    assert predictions.Predict(predict(x=[0.0]), 10).outputs["y"].float_val == [3.0]


def broken_tensor():
    proto = tensor([1.0])
    proto.tensor_shape.dim[0].size = 5
    proto.ClearField("float_val")
    proto.tensor_content = b"\0" * 3
    return proto


EXPECTED = "Inputs expected to be in the set {x}."


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (lambda: predict("nope", x=[1.0]), "NOT_FOUND", "Servable not found for request: Latest(nope)"),
        (lambda: predict(version=4, x=[1.0]), "NOT_FOUND", "Servable not found for request: Specific(tiny, 4)"),
        (lambda: predict(label="x", x=[1.0]), "INVALID_ARGUMENT", "Unrecognized servable version label: x"),
        (predict_pb2.PredictRequest, "INVALID_ARGUMENT", "Missing ModelSpec"),
        (
            lambda: predict(signature="no", x=[1.0]),
            "INVALID_ARGUMENT",
            'Serving signature name: "no" not found in signature def',
        ),
        (
            lambda: predict(z=[1.0]),
            "INVALID_ARGUMENT",
            f"input tensor alias not found in signature: z. {EXPECTED}",
        ),
        (predict, "INVALID_ARGUMENT", "Missing ModelSpec|input size does not match signature: 0!=1"),
        (
            lambda: predict(x=[1.0], output_filter=["no"]),
            "INVALID_ARGUMENT",
            "output tensor alias not found in signature: no Outputs expected to be in the set {y}",
        ),
        (lambda: predict(x=["a"]), "INVALID_ARGUMENT", "input x: expects float32 but string is provided"),
        (
            lambda: predict(x=tf.make_tensor_proto([[1.0]])),
            "INVALID_ARGUMENT",
            r"input x: expects shape [-1] but [1,1] is provided",
        ),
        (
            lambda: predict(signature="mixed", pair=tf.make_tensor_proto([[1, 2]], tf.int64), text=["a", "b"]),
            "INVALID_ARGUMENT",
            "inputs have different numbers of rows",
        ),
        (lambda: predict(x=broken_tensor()), "INVALID_ARGUMENT", "tensor parsing error: x"),
        (
            lambda: predict(signature="regress", inputs=[b"\xff garbage"]),
            "INVALID_ARGUMENT",
            "Could not parse example input",
        ),
    ],
)
def test_a_bad_request_is_told_what_is_wrong_and_the_server_lives(lasting, stubs, request_, code, text):
    service, _ = stubs(lasting)

    found, details = error(service.Predict, request_(), 10)
    assert found == code
    assert any(part in details for part in text.split("|")), details
    assert service.Predict(predict(x=[1.0]), 10).outputs["y"].float_val == [2.5]


def test_classify_by_a_predict_signature_is_refused(serve, stubs):
    service, _ = stubs(serve())
    request = examples(classification_pb2.ClassificationRequest(), 1.0)
    request.model_spec.name = "tiny"

    assert error(service.Classify, request, 10) == (
        "INVALID_ARGUMENT",
        "No classification inputs found in SignatureDef: it has the input 'x'",
    )
    request.model_spec.signature_name = "classify"
    request.ClearField("input")
    assert error(service.Classify, request, 10) == ("INVALID_ARGUMENT", "Input is empty.")


def test_a_request_of_100_mb_is_refused(serve, stubs):
    service, _ = stubs(serve())
    request = predict(signature="regress", inputs=tf.make_tensor_proto([b"x" * 100_000_000]))

    assert error(service.Predict, request, 30)[0] == "RESOURCE_EXHAUSTED"
    assert service.Predict(predict(x=[1.0]), 10).outputs["y"].float_val == [2.5]
