"""The page of a model on a server: what it learns from there, and what is not such a server."""

import base64
import json

import numpy as np
import pytest

from export import play


def values(page, path, **body):
    status, _, content = page.respond("POST", path, json.dumps(body).encode())
    assert status == 200
    return np.array(json.loads(content)["values"])


def facts_of(page) -> dict:
    begin = page.text.index('id="model">') + len('id="model">')
    return json.loads(page.text[begin : page.text.index("</script>", begin)])["facts"]


def test_a_server_computes_the_page(url, conditional, conditional_session):
    page = play.of_server(url, conditional.model.entry)
    found = facts_of(page)
    dim = conditional.facts["latent_dim"]
    assert (found["dim"], found["shape"]) == (dim, conditional.facts["image_shape"])
    assert found["classes"] == [str(number) for number in range(len(conditional.facts["classes"]))]
    label = np.arange(play.DRAWN) % len(conditional.facts["classes"])  # its codes are those of the server's samples
    samples = conditional_session.run("sample", {"seed": np.arange(play.DRAWN), "label": label})["image"]
    codes = conditional_session.run("encode", {"image": samples, "label": label})["latent_mean"]
    drawn = np.frombuffer(base64.b64decode(found["draws"]), "<f4").reshape(-1, dim)
    np.testing.assert_allclose(drawn, codes, atol=1e-5)
    np.testing.assert_allclose(found["start"], codes.mean(0), atol=1e-4)
    latent = np.linspace(-1, 1, dim, dtype=np.float32)
    expected = conditional_session.run("decode", {"latent": latent[None], "label": np.array([2])})["image"]
    np.testing.assert_allclose(values(page, "/decode", latent=latent.tolist(), label=2), expected.ravel(), atol=1e-5)
    image = np.zeros(found["shape"], np.float32)
    expected = conditional_session.run("encode", {"image": image[None], "label": np.array([1])})["latent_mean"]
    np.testing.assert_allclose(values(page, "/encode", image=image.tolist(), label=1), expected.ravel(), atol=1e-5)


def test_codes_of_a_model_without_an_encoder_are_normal(rest_url):
    found = facts_of(play.of_server(rest_url, "dcgan"))
    assert (found["draws"], found["normal"], found["encodes"]) == ("", True, False)
    assert found["start"] == [0.0] * found["dim"]


@pytest.mark.parametrize(
    ("address", "name", "words"),
    [
        ("rest_url", "nobody", "Servable not found for request: Latest(nobody)"),
        ("http://127.0.0.1:9", "vae", "http://127.0.0.1:9"),
        ("ftp://x", "vae", "url must be http://HOST:PORT or grpc://HOST:PORT"),
    ],
)
def test_what_is_no_such_server_ends_with_one_line(address, name, words, rest_url, ended):
    code, said, errors = ended(play.main, name, "--url", rest_url if address == "rest_url" else address)
    assert (code, said, len(errors)) == (2, "", 1)
    assert words in errors[0]
