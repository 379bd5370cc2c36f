"""The REST API, asked by curl."""

from __future__ import annotations

import base64
import json

import pytest

pytest.importorskip("tensorflow")
pytestmark = pytest.mark.e2e

PREDICT = "/v1/models/tiny:predict"


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"instances": [1.0, 3, 5e0]}, {"predictions": [2.5, 3.5, 4.5]}),
        ({"instances": [{"x": 1.0}, {"x": 3.0}]}, {"predictions": [2.5, 3.5]}),
        ({"inputs": [1.0]}, {"outputs": [2.5]}),
        ({"inputs": {"x": [1.0, 0.2]}}, {"outputs": [2.5, 2.1]}),
        ({"signature_name": "scalar", "inputs": 1.5}, {"outputs": 3.5}),
        (
            {"signature_name": "mixed", "instances": [{"pair": [1, 2], "text": "a"}, {"pair": [3, 4], "text": "é"}]},
            {
                "predictions": [
                    {"raw_bytes": {"b64": "YQ=="}, "text": "a", "total": 3},
                    {"raw_bytes": {"b64": "w6k="}, "text": "é", "total": 7},
                ]
            },
        ),
        (
            {"signature_name": "mixed", "inputs": {"pair": [[1, 2]], "text": [{"b64": "YQ=="}]}},
            {"outputs": {"raw_bytes": [{"b64": "YQ=="}], "text": ["a"], "total": [3]}},
        ),
    ],
)
def test_rows_and_columns(lasting, curl, body, answer):
    status, text = curl(lasting, PREDICT, json.dumps(body))

    assert (status, json.loads(text)) == (200, answer)


def test_a_version_or_label_can_be_asked(serve, curl, base, tiny):
    base.publish(tiny(3.0))
    server = serve("all", {"stable": 1})

    def ask(which: str) -> object:
        return json.loads(curl(server, f"/v1/models/tiny{which}:predict", '{"inputs": [0]}')[1])

    assert ask("") == {"outputs": [3.0]}
    assert ask("/versions/1") == ask("/labels/stable") == {"outputs": [2.0]}
    assert ask("/versions/9") == {"error": "Servable not found for request: Specific(tiny, 9)"}


def test_classify_and_regress(serve, curl):
    server = serve()
    body = {"signature_name": "regress", "examples": [{"x": 1.0}, {"x": [3.0]}]}
    assert json.loads(curl(server, "/v1/models/tiny:regress", json.dumps(body))[1]) == {"results": [2.5, 3.5]}
    body = {"signature_name": "regress", "context": {"x": 8.0}, "examples": [{}, {}]}
    assert json.loads(curl(server, "/v1/models/tiny:regress", json.dumps(body))[1]) == {"results": [6.0, 6.0]}
    body = {"signature_name": "classify", "examples": [{"x": -4.0}]}
    answer = json.loads(curl(server, "/v1/models/tiny:classify", json.dumps(body))[1])
    assert answer == {"results": [[["no", 0.5], ["yes", 0.5]]]}


def test_status_and_metadata(serve, curl):
    server = serve()
    status = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in ("/v1/models/tiny", "/v1/models/tiny/versions/1"):
        assert json.loads(curl(server, path)[1]) == {"model_version_status": [status]}
    metadata = json.loads(curl(server, "/v1/models/tiny/metadata")[1])

    assert metadata["model_spec"] == {"name": "tiny", "signature_name": "", "version": "1"}
    inputs = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]
    assert inputs["x"]["dtype"] == "DT_FLOAT"
    assert inputs["x"]["tensor_shape"]["dim"] == [{"size": "-1", "name": ""}]


def test_metrics_count_requests_by_code(serve, curl):
    server = serve()
    curl(server, PREDICT, '{"inputs": [1.0]}')
    curl(server, PREDICT, "{}")
    curl(server, "/v1/models/made-up-name:predict", "{}")
    _, text = curl(server, "/monitoring/prometheus/metrics")

    count = 'model_server_requests_total{api="rest",code="%s",method="predict",model="%s"} 1.0'
    assert count % ("OK", "tiny") in text
    assert count % ("INVALID_ARGUMENT", "tiny") in text
    assert count % ("NOT_FOUND", "") in text
    assert "made-up-name" not in text


MIXED = '{"signature_name": "mixed", "instances": [%s]}'


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        (PREDICT, "", 400, "JSON Parse error: The document is empty"),
        (PREDICT, "{", 400, "JSON Parse error"),
        (PREDICT, "[" * 100_000, 400, "JSON Parse error"),
        (PREDICT, '{"inputs": ' + "9" * 5000 + "}", 400, "JSON"),
        (PREDICT, "[1]", 400, "Is not object"),
        (PREDICT, "{}", 400, "Missing 'inputs' or 'instances' key"),
        (PREDICT, '{"inputs": [1], "instances": [1]}', 400, "only one of 'inputs' or 'instances'"),
        (PREDICT, '{"instances": []}', 400, "No values in 'instances' array"),
        (PREDICT, '{"instances": 1}', 400, "Expecting 'instances' to be an list/array"),
        (PREDICT, '{"signature_name": 1, "inputs": [1]}', 400, "'signature_name' key must be a string value"),
        (PREDICT, '{"signature_name": "no", "inputs": [1]}', 400, 'Serving signature name: \\"no\\" not found'),
        (PREDICT, '{"instances": ["a"]}', 400, 'JSON Value: \\"a\\" Type: String is not of expected type: float'),
        (PREDICT, '{"instances": [1, null]}', 400, "element: 1"),
        (PREDICT, '{"instances": [1, true]}', 400, "Type: Boolean is not of expected type: float"),
        (PREDICT, '{"instances": [1e60]}', 400, "without loss of precision"),
        (PREDICT, '{"instances": [[1, 2], [3]]}', 400, "Expecting shape [2] but got: [1]"),
        (PREDICT, '{"instances": [[1]]}', 400, "expects shape [-1] but [1,1] is provided"),
        (PREDICT, '{"inputs": [1, [2]]}', 400, "Encountered list at unexpected level"),
        (PREDICT, '{"inputs": [[1], 2]}', 400, "found at incorrect level"),
        (PREDICT, '{"inputs": {"z": [1]}}', 400, "Missing named input: x in 'inputs' object."),
        (PREDICT, '{"inputs": {"x": [1], "z": [1]}}', 400, "does not have named input: z"),
        (PREDICT, MIXED % '{"pair": [1, 2]}', 400, "keys must be equal to: pair,text (missing: text)"),
        (PREDICT, MIXED % '{"pair": [1, 2], "text": "a", "z": 1}', 400, "key: z of 'instances' list"),
        (PREDICT, MIXED % '{"pair": [1, 2.5], "text": "a"}', 400, "JSON Value: 2.5 Type: Number is not of expected"),
        (PREDICT, MIXED % '{"pair": [1, 2], "text": 3}', 400, "JSON Value: 3 Type: Number is not of expected type"),
        (PREDICT, MIXED % '{"pair": [1, 2], "text": {"b64": "?"}}', 400, "Unable to base64 decode"),
        (PREDICT, MIXED % "1", 400, "instances is a plain list, but expecting list of objects"),
        ("/v1/models/nope:predict", '{"inputs": [1]}', 404, "Servable not found for request: Latest(nope)"),
        ("/v1/models/tiny/labels/x:predict", '{"inputs": [1]}', 400, "Unrecognized servable version label: x"),
        ("/v1/models/tiny:explain", "{}", 400, "Malformed request: POST /v1/models/tiny:explain"),
        ("/v1/models/nope", None, 404, "Could not find any versions of model nope"),
        ("/v1/models", None, 400, "Missing model name in request."),
        ("/", None, 400, "Malformed request: GET /"),
        ("/v1/models/tiny:regress", "{}", 400, "key 'examples' is expected"),
        ("/v1/models/tiny:regress", '{"examples": []}', 400, "empty array"),
        ("/v1/models/tiny:regress", '{"examples": [1]}', 400, "Example must be JSON object but got JSON Number"),
        ("/v1/models/tiny:regress", '{"examples": [{"x": null}]}', 400, "unexpected JSON type: Null"),
        ("/v1/models/tiny:regress", '{"examples": [{"x": [1, 2.5]}]}', 400, "Unexpected element type in feature: x"),
        ("/v1/models/tiny:regress", '{"examples": [{"x": 1.0}]}', 400, "No regression inputs found in SignatureDef"),
        (
            "/v1/models/tiny:regress",
            '{"signature_name": "regress", "examples": [{"y": 1.0}]}',
            400,
            "x (data type: float) is required",
        ),
    ],
)
def test_a_bad_request_is_told_what_is_wrong_and_the_server_lives(lasting, curl, path, body, status, text):
    found, answer = curl(lasting, path, body)

    assert found == status
    assert set(json.loads(answer)) == {"error"}
    assert text in answer
    assert curl(lasting, PREDICT, '{"inputs": [1.0]}') == (200, '{"outputs": [2.5]}')


def test_an_undecodable_example_is_refused(serve, curl):
    garbage = base64.b64encode(b"\xff garbage").decode()
    body = {"signature_name": "regress", "instances": [{"b64": garbage}]}
    status, answer = curl(serve(), PREDICT, json.dumps(body))

    assert status == 400
    assert json.loads(answer)["error"].startswith("Could not parse example input")


def test_a_body_of_100_mb_is_refused(serve, curl, tmp_path):
    server = serve()
    large = tmp_path / "large.json"
    large.write_text('{"inputs": [' + "1," * 50_000_000 + "1]}")
    status, answer = curl(server, PREDICT, None, "--data-binary", f"@{large}", "-H", "Expect:")

    assert status == 413
    assert "larger than 67108864 bytes" in json.loads(answer)["error"]
    assert curl(server, PREDICT, '{"inputs": [1.0]}')[0] == 200
