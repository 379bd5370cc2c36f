"""A Vertex AI of our own: models, endpoints with traffic splits, operations, predictions by the uploaded SavedModel.

Run as a process: it prints its ports, for gRPC and for predictions by REST. It speaks the real protocol, with the SDK's
own messages.
"""

from __future__ import annotations

import base64
import itertools
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import tensorflow as tf
from google.cloud import aiplatform_v1 as api
from google.longrunning import operations_pb2
from google.protobuf import any_pb2, json_format, struct_pb2, timestamp_pb2

CHANCE = random.Random(1)
NUMBERS = itertools.count(1)
MODELS, ENDPOINTS, OPERATIONS, LOADED = {}, {}, {}, {}
CALLS = []


def operation(response):
    """Begin an operation that is not done at first, as a real one."""
    name = f"projects/p/locations/us-central1/operations/{next(NUMBERS)}"
    packed = any_pb2.Any()
    packed.Pack(type(response).pb(response))
    OPERATIONS[name] = (time.monotonic() + 0.2, packed)
    return operations_pb2.Operation(name=name)


def get_operation(request, _context):
    ready, packed = OPERATIONS[request.name]
    if time.monotonic() < ready:
        return operations_pb2.Operation(name=request.name)
    return operations_pb2.Operation(name=request.name, done=True, response=packed)


def upload_model(request, context):
    path = request.model.artifact_uri
    if not tf.io.gfile.exists(f"{path}/saved_model.pb"):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"no saved_model.pb at {path}")
    model = api.Model(request.model)
    model.name = f"{request.parent}/models/{next(NUMBERS)}"
    MODELS[model.name] = model
    return operation(api.UploadModelResponse(model=model.name))


def list_models(request, _context):
    digest = request.filter.split('"')[1]
    return api.ListModelsResponse(models=[each for each in MODELS.values() if each.labels.get("digest") == digest])


def create_endpoint(request, _context):
    endpoint = api.Endpoint(request.endpoint)
    endpoint.name = f"{request.parent}/endpoints/{next(NUMBERS)}"
    ENDPOINTS[endpoint.name] = endpoint
    return operation(endpoint)


def list_endpoints(request, _context):
    name = request.filter.split('"')[1]
    return api.ListEndpointsResponse(endpoints=[each for each in ENDPOINTS.values() if each.display_name == name])


def get_endpoint(request, context):
    if request.name not in ENDPOINTS:
        context.abort(grpc.StatusCode.NOT_FOUND, f"Endpoint {request.name} is not found.")
    return ENDPOINTS[request.name]


def check_split(endpoint, split, context):
    if sum(split.values()) != 100 or not set(split) <= {each.id for each in endpoint.deployed_models}:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"traffic split {dict(split)} does not fit")


def deploy_model(request, context):
    endpoint = ENDPOINTS[request.endpoint]
    deployed = api.DeployedModel(request.deployed_model)
    deployed.id = str(1000 + next(NUMBERS))
    deployed.create_time = timestamp_pb2.Timestamp(seconds=next(NUMBERS))
    split = {deployed.id if key == "0" else key: share for key, share in request.traffic_split.items()}
    endpoint.deployed_models.append(deployed)
    check_split(endpoint, split, context)
    endpoint.traffic_split = split
    return operation(api.DeployModelResponse(deployed_model=deployed))


def update_endpoint(request, context):
    endpoint = ENDPOINTS[request.endpoint.name]
    check_split(endpoint, request.endpoint.traffic_split, context)
    endpoint.traffic_split = dict(request.endpoint.traffic_split)
    return endpoint


def undeploy_model(request, context):
    endpoint = ENDPOINTS[request.endpoint]
    split = dict(endpoint.traffic_split)
    if split.get(request.deployed_model_id) and len(endpoint.deployed_models) > 1:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the model still has traffic")
    split.pop(request.deployed_model_id, None)
    endpoint.deployed_models = [each for each in endpoint.deployed_models if each.id != request.deployed_model_id]
    endpoint.traffic_split = split
    return operation(api.UndeployModelResponse())


def predict(request, context):
    endpoint = ENDPOINTS.get(request.endpoint)
    if endpoint is None or not endpoint.traffic_split:
        context.abort(grpc.StatusCode.NOT_FOUND, f"Endpoint {request.endpoint} is not found.")
    keys, shares = zip(*endpoint.traffic_split.items(), strict=True)
    (chosen,) = CHANCE.choices(keys, shares)
    model = next(each.model for each in endpoint.deployed_models if each.id == chosen)
    if model not in LOADED:
        LOADED[model] = tf.saved_model.load(MODELS[model].artifact_uri)
    rows = [json_format.MessageToDict(each) for each in api.PredictRequest.pb(request).instances]
    serialized = tf.constant([base64.b64decode(row["b64"]) for row in rows])
    (values,) = LOADED[model].signatures["serving_default"](examples=serialized).values()
    answer = api.PredictResponse(deployed_model_id=chosen, model=model)
    for row in values.numpy().tolist():
        api.PredictResponse.pb(answer).predictions.append(
            struct_pb2.Value(list_value=struct_pb2.ListValue(values=[struct_pb2.Value(number_value=row[0])]))
        )
    return answer


def handler(function, request_type):
    def call(request, context):
        CALLS.append(function.__name__)
        return function(request, context)

    deserialize = getattr(request_type, "deserialize", None) or request_type.FromString

    def serialize(message):
        return (
            message.SerializeToString() if hasattr(message, "SerializeToString") else type(message).serialize(message)
        )

    return grpc.unary_unary_rpc_method_handler(call, deserialize, serialize)


SERVICES = {
    "google.cloud.aiplatform.v1.ModelService": {
        "UploadModel": handler(upload_model, api.UploadModelRequest),
        "ListModels": handler(list_models, api.ListModelsRequest),
    },
    "google.cloud.aiplatform.v1.EndpointService": {
        "CreateEndpoint": handler(create_endpoint, api.CreateEndpointRequest),
        "ListEndpoints": handler(list_endpoints, api.ListEndpointsRequest),
        "GetEndpoint": handler(get_endpoint, api.GetEndpointRequest),
        "DeployModel": handler(deploy_model, api.DeployModelRequest),
        "UpdateEndpoint": handler(update_endpoint, api.UpdateEndpointRequest),
        "UndeployModel": handler(undeploy_model, api.UndeployModelRequest),
    },
    "google.cloud.aiplatform.v1.PredictionService": {"Predict": handler(predict, api.PredictRequest)},
    "google.longrunning.Operations": {"GetOperation": handler(get_operation, operations_pb2.GetOperationRequest)},
    "fake.Calls": {
        "Count": grpc.unary_unary_rpc_method_handler(
            lambda name, _context: str(CALLS.count(name.decode())).encode(), None, None
        )
    },
}


class Rest(BaseHTTPRequestHandler):
    """Predictions by REST."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = api.PredictRequest()
        json_format.Parse(body, api.PredictRequest.pb(request))
        request.endpoint = self.path.removeprefix("/v1/").split(":predict")[0]
        content = json_format.MessageToJson(api.PredictResponse.pb(predict(request, None))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        return


if __name__ == "__main__":
    server = grpc.server(ThreadPoolExecutor(4))
    for name, methods in SERVICES.items():
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    rest = ThreadingHTTPServer(("127.0.0.1", 0), Rest)
    threading.Thread(target=rest.serve_forever, daemon=True).start()
    print(port, rest.server_port, flush=True)
    sys.stdin.read()
    server.stop(0)
