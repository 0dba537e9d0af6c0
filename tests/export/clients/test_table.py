"""The server for development answers what TensorFlow Serving 2.20, compiled from its sources, answered."""

import json
import re

import numpy as np
import pytest
import requests

DEFAULT = "serving_default"


def ask(url: str, path: str, body=None):
    """(status, text) of a GET, or of a POST where there is a body."""
    if body is None:
        answer = requests.get(url + path, timeout=60)
    else:
        content = body if isinstance(body, str) else json.dumps(body)
        answer = requests.post(url + path, data=content, timeout=60)
    return answer.status_code, answer.text


def error(url: str, path: str, body=None) -> tuple[int, str]:
    """(status, message) of an error."""
    status, text = ask(url, path, body)
    assert set(json.loads(text)) == {"error"}, text
    return status, json.loads(text)["error"]


@pytest.fixture
def model(rest_url, plain):
    """The path of a model without labels, which the server has opened."""
    path = f"/v1/models/{plain.model.entry}"
    assert ask(rest_url, f"{path}/metadata")[0] == 200
    return path


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        (":predict", {"signature_name": "nope", "inputs": [1]}, 400, 'Serving signature name: "nope" not found in si'),
        (":predict", {"signature_name": 5, "inputs": [1]}, 400, "'signature_name' key must be a string value."),
        ("/versions/7:predict", {"inputs": [1]}, 404, "Servable not found for request: Specific(NAME, 7)"),
        ("/versions/7/metadata", None, 404, "Servable not found for request: Specific(NAME, 7)"),
        ("/versions/7", None, 404, "Could not find version 7 of model NAME"),
        ("/versions/9223372036854775808", None, 400, "Failed to convert version: 9223372036854775808 to numeric."),
        ("x", None, 404, "Could not find any versions of model NAMEx"),
        ("x:predict", {"inputs": [1]}, 404, "Servable not found for request: Latest(NAMEx)"),
        ("/labels/stable:predict", {"inputs": [1]}, 400, "Unrecognized servable version label: stable"),
        (":predict", None, 400, "Malformed request: GET /v1/models/NAME:predict"),
        ("/metadata", {}, 400, "Malformed request: POST /v1/models/NAME/metadata"),
        (
            ":classify",
            {"inputs": [1]},
            400,
            "Expected classification signature method_name to be tensorflow/",
        ),
        (":predict", "", 400, "JSON Parse error: The document is empty"),
        (":predict", '{"inputs": ', 400, "JSON Parse error: Invalid value. at offset: 11"),
        (":predict", "[" * 100_000, 400, "JSON Parse error: "),
        (":predict", "[1]", 400, "JSON Value: [1] Is not object"),
        (":predict", {"rows": [1]}, 400, "Missing 'inputs' or 'instances' key"),
        (":predict", {"instances": [1], "inputs": [1]}, 400, "expecting only one of 'inputs' or 'instances' keys to e"),
        (":predict", {"instances": 1}, 400, "Expecting 'instances' to be an list/array"),
        (":predict", {"instances": []}, 400, "No values in 'instances' array"),
        (":predict", {"inputs": 5}, 400, "[]"),  # TensorFlow's own words about a scalar
        (":predict", {"inputs": {"sead": [1]}}, 400, "Missing named input: seed in 'inputs' object."),
        (":predict", {"inputs": [2**63]}, 400, f"JSON Value: {2**63} Type: Number is not of expected type: int64"),
        (":predict", {"inputs": [-(2**63) - 1]}, 400, " Type: Number is not of expected type: int64"),
        (":predict", {"inputs": [1.0]}, 400, "JSON Value: 1.0 Type: Number is not of expected type: int64"),
        (":predict", {"inputs": ["a"]}, 400, 'JSON Value: "a" Type: String is not of expected type: int64'),
        (":predict", {"inputs": [True]}, 400, "JSON Value: true Type: True is not of expected type: int64"),
        (":predict", {"inputs": [1, False]}, 400, "JSON Value: false Type: False is not of expected type: int64"),
        (":predict", {"inputs": [None]}, 400, "JSON Value: null Type: Null is not of expected type: int64"),
        (":predict", {"inputs": [{"a": 1}]}, 400, "Type: Object is not of expected type: int64"),
        (":predict", {"inputs": [1, [2]]}, 400, "Encountered list at unexpected level: 1 expected < 1"),
        (":predict", {"inputs": [[1], 2]}, 400, "found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        (":predict", {"inputs": [[1], [2, 3]]}, 400, "unexpected size: 2 at level: 1 expected size: 1"),
        (
            ":predict",
            {"instances": [{"seed": 1, "x": 2}]},
            400,
            "Failed to process element: 0 key: x of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not "
            "have named input: x",
        ),
        (
            ":predict",
            {"instances": [{"seed": 1}, {}]},
            400,
            "element: 1 of 'instances' list. JSON object: {} keys",
        ),
        (":predict", {"instances": [1, {"seed": 2}]}, 400, "Expecting value/list but got object at item 1 of input li"),
        (":predict", {"instances": [{"seed": 1}, 2]}, 400, "Expecting object but got list at item 1 of input list"),
        (":predict", {"instances": [1, [2]]}, 400, "Expecting shape [] but got: [1]"),
        (":predict", {"instances": [1, [2, 3]]}, 400, "Expecting tensor size: 1 but got: 2"),
    ],
)
def test_what_is_wrong_is_said_as_the_server_says_it(rest_url, model, path, body, status, message):
    name = model.rpartition("/")[2]
    found = error(rest_url, model + path, body)
    assert found[0] == status
    assert message.replace("NAME", name) in found[1]


def test_several_inputs_need_their_names(rest_url, conditional):
    path = f"/v1/models/{conditional.model.entry}:predict"
    assert "instances is a plain list, but expecting list" in error(rest_url, path, {"instances": [1]})[1]
    assert "inputs is a plain value/list, but expecting an object" in error(rest_url, path, {"inputs": [1]})[1]


def test_status_metadata_and_paths(rest_url, model):
    name = model.rpartition("/")[2]
    fine = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in (model, f"{model}/versions/1", f"{model}/labels/any", f"/V1/Models/{name}", f"{model}?x=1"):
        status, text = ask(rest_url, path)
        assert (status, json.loads(text)) == (200, {"model_version_status": [fine]}), path
    listed = json.loads(ask(rest_url, f"{model}/versions/1/metadata")[1])
    assert listed["model_spec"] == {"name": name, "signature_name": "", "version": "1"}
    shape = listed["metadata"]["signature_def"]["signature_def"][DEFAULT]["inputs"]["seed"]["tensor_shape"]
    assert shape == {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
    answer = requests.get(rest_url, timeout=60)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html")
    assert "<TITLE>404 Not Found</TITLE>" in answer.text


def test_rows_columns_bare_values_and_the_default_are_one(rest_url, model):
    def image(body):
        status, text = ask(rest_url, f"{model}:predict", body)
        assert status == 200, text
        (values,) = json.loads(text).values()
        return values

    expected = image({"instances": [{"seed": 3}, {"seed": 4}]})
    for body in (
        {"instances": [3, 4]},
        {"inputs": [3, 4]},
        {"inputs": {"seed": [3, 4], "ignored": "in columns"}},
        {"signature_name": "", "inputs": [3, 4]},
        {"signature_name": "sample", "instances": [{"seed": 3}, {"seed": 4}]},
        json.dumps({"inputs": [3, 4]}) + " and what follows",
        "\ufeff" + json.dumps({"inputs": [3, 4]}),
    ):
        assert image(body) == expected


def test_several_outputs_have_their_names_in_rows_and_columns(rest_url, model, plain):
    image = np.zeros((2, *plain.facts["image_shape"])).tolist()
    columns = json.loads(ask(rest_url, f"{model}:predict", {"signature_name": "encode", "inputs": image})[1])
    rows = json.loads(ask(rest_url, f"{model}:predict", {"signature_name": "encode", "instances": image})[1])
    assert rows["predictions"][1] == {name: column[1] for name, column in columns["outputs"].items()}


def test_seeds_of_all_64_bits_arrive(rest_url, model, plain_session):
    seeds = [-(2**63), 2**63 - 1, 2**53 + 1]
    found = json.loads(ask(rest_url, f"{model}:predict", {"inputs": seeds})[1])["outputs"]
    expected = plain_session.run(DEFAULT, {"seed": np.array(seeds)})["image"]
    np.testing.assert_array_equal(np.float32(found), expected)


def test_what_a_model_refuses_is_a_row_of_bare_nan(rest_url, conditional, model, plain):
    body = {"instances": [{"seed": 1, "label": 0}, {"seed": 1, "label": 99}]}
    status, text = ask(rest_url, f"/v1/models/{conditional.model.entry}:predict", body)
    right, wrong = np.array(json.loads(text)["predictions"])
    assert (status, np.isfinite(right).all(), np.isnan(wrong).all()) == (200, True, True)
    assert re.search(r"[\[ ]NaN[,\]]", text)
    latent = [[float("nan")] * plain.facts["latent_dim"], [1e39] * plain.facts["latent_dim"]]
    status, text = ask(rest_url, f"{model}:predict", {"signature_name": "decode", "inputs": latent})
    assert (status, np.isnan(json.loads(text)["outputs"]).all()) == (200, True)


def test_one_label_is_broadcast_to_two_seeds_and_no_rows_are_no_rows(rest_url, conditional, model):
    body = {"inputs": {"seed": [1, 2], "label": [0]}}
    status, text = ask(rest_url, f"/v1/models/{conditional.model.entry}:predict", body)
    assert (status, len(json.loads(text)["outputs"])) == (200, 2)
    assert ask(rest_url, f"{model}:predict", {"inputs": []}) == (200, '{"outputs": []}')
