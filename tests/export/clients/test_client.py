"""The client over both interfaces gives what the model gives in Python, and says in one line what went wrong."""

import re
import socket
import subprocess
import sys

import numpy as np
import pytest
import requests

from export import contract
from export.client import Client, ServingError


@pytest.fixture
def client(url, plain):
    """A client of one entry."""
    return Client(url, plain.model.entry, timeout=60)


@pytest.fixture
def asking(url, conditional):
    """A function that makes a client of an entry that takes labels."""
    return lambda **options: Client(url, conditional.model.entry, timeout=60, **options)


def test_every_function_answers_as_the_session_behind_it(url, exported, session):
    """Which answers as the model in Python does: tests/export/test_signatures.py."""
    client = Client(url, exported.model.entry, timeout=60)
    for name in set(exported.signatures) & set(contract.SIGNATURES):
        request = exported.request(name, 3)
        expected = session.run(name, request)
        answers = exported.ask(client, name, request)
        for answer, key in zip(answers, exported.signatures[name]["outputs"], strict=True):
            assert (type(answer), answer.dtype) == (np.ndarray, np.float32)
            np.testing.assert_allclose(answer, expected[key], rtol=1e-5, atol=1e-6, err_msg=f"{key} of {name}")


def test_one_image_is_drawn_where_no_number_is_named_and_one_for_each_label(client, plain, asking):
    shape = tuple(plain.facts["image_shape"])
    assert client.sample(seed=0).shape == (1, *shape)
    assert asking().sample(label=[0, 1, 2], seed=0).shape[0] == 3
    assert asking().sample(label=[], seed=0).shape[0] == 0


def test_seeds_beyond_json_survive(client, plain):
    rows = np.array([2**53 - 1, 2**62 + 1, -5])
    np.testing.assert_allclose(client.sample(3, seed=rows), plain.model.sample(3, seed=rows), atol=1e-5)


def test_fresh_seeds_differ(client):
    assert np.abs(client.sample() - client.sample()).max() > 1e-3


def test_large_batches_are_sent_in_parts(client, models, plain):
    models.largest = 0
    np.testing.assert_allclose(client.sample(300, seed=1), plain.model.sample(300, seed=1), atol=1e-5)
    assert models.largest == 256


def test_nothing_asked_is_nothing_answered(client, plain):
    shape, dim = plain.facts["image_shape"], plain.facts["latent_dim"]
    assert client.sample(0).shape == (0, *shape)
    assert client.encode(np.zeros((0, *shape)))[0].shape == (0, dim)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda c, image: c.sample(-1), ValueError, "n must lie in 0..1048576, got -1"),
        (lambda c, image: c.sample(2.0), TypeError, "n must be an int, got 2.0"),
        (lambda c, image: c.sample(2, seed=-1), ValueError, "seed must lie in 0..2**43 - 1, got -1"),
        (lambda c, image: c.sample(2, seed=[1]), ValueError, "one seed a row, got [1]"),
        (lambda c, image: c.sample(2, label=3), TypeError, "takes no label, got label=3"),
        (lambda c, image: c.sample(2, digit=3), TypeError, "takes no label, got label=3"),
        (lambda c, image: c.decode(np.zeros((2, 777))), ValueError, "latent must have shape [B, "),
        (lambda c, image: c.decode(np.full((2, 3), np.nan)), ValueError, "latent must "),
        (
            lambda c, image: c.encode(image[0, :9, :, 0]),
            ValueError,
            "image must have shape [B, 28, 28, 1], got [9, 28]",
        ),
        (lambda c, image: c.encode(image + 2), ValueError, "must lie in [0, 1], got values in [2, 2]"),
        (lambda c, image: c.encode(image.astype(int)), TypeError, "got dtype int64"),
        (lambda c, image: c.encode(image, seed=1), TypeError, "takes no seed, got seed=1"),
        (lambda c, image: c.discriminate(image), ValueError, "has no discriminate; it has decode"),
    ],
)
def test_what_a_model_does_not_take_is_said_before_it_is_sent(call, error, message, client, plain, models):
    models.largest = 0
    with pytest.raises(error, match=re.escape(message)):
        call(client, np.zeros((1, *plain.facts["image_shape"])))
    assert models.largest == 0


@pytest.mark.parametrize(
    ("options", "label", "error", "message"),
    [
        ({}, None, TypeError, "needs label=, an int from 0 on, or 2 of them"),
        ({}, "5", TypeError, "label must be an int from 0 on"),
        ({}, [3, -1], ValueError, "got -1"),
        ({}, [3], ValueError, "got shape [1]"),
        ({}, 3.0, TypeError, "got 3.0"),
        ({"classes": tuple("0123456789")}, 10, ValueError, "label must be an int in 0..9; got 10"),
        ({"classes": ("cat", "dog", "fish")}, "cow", ValueError, "one of 'cat', 'dog', 'fish'; got 'cow'"),
        ({"classes": ("cat", "cat")}, 0, ValueError, "'cat' more than once"),
    ],
)
def test_wrong_labels_are_refused_before_they_are_sent(options, label, error, message, asking, models):
    models.largest = 0
    with pytest.raises(error, match=re.escape(message)):
        asking(**options).sample(2, label=label)
    assert models.largest == 0


def test_labels_are_numbers_names_or_digits(asking):
    expected = asking().sample(2, label=2, seed=0)
    assert np.abs(expected - asking().sample(2, label=1, seed=0)).max() > 1e-6
    named = asking(classes=("cat", "dog", "fish"))
    for again in (
        asking().sample(2, digit=2, seed=0),
        asking(classes=tuple("0123456789")).sample(2, digit=2, seed=0),
        named.sample(2, label="fish", seed=0),
        named.sample(label=["fish", "fish"], seed=0),
    ):
        np.testing.assert_allclose(again, expected, atol=1e-5)
    with pytest.raises(TypeError, match=r"label= and digit= are the same argument, got label=1 and digit=2"):
        named.sample(label=1, digit=2)
    with pytest.raises(TypeError, match=r"are not digits, use label=; got digit=2"):
        named.sample(digit=2)


def test_labels_that_the_server_does_not_know_are_named(asking, conditional):
    classes = len(conditional.facts["classes"])
    with pytest.raises(ValueError, match=rf"on this server has no class {classes}, {classes + 2}$"):
        asking().sample(label=[0, classes + 2, classes, classes], seed=0)


def test_the_message_of_the_server_arrives(url, plain):
    with pytest.raises(ServingError, match="Servable not found for request: "):
        Client(url, "nobody").sample()
    with pytest.raises(ServingError, match="Servable not found for request: "):
        Client(url, plain.model.entry, version=9).sample()


def test_a_label_names_a_version(url, plain, models):
    name = plain.model.entry
    models.label(name, {"stable": 1})
    try:
        asked = Client(url, name, version_label="stable", timeout=60).sample(2, seed=0)
    finally:
        models.label(name, {})
    np.testing.assert_array_equal(asked, Client(url, name, version=1, timeout=60).sample(2, seed=0))
    with pytest.raises(ServingError, match="Unrecognized servable version label: canary"):
        Client(url, name, version_label="canary", timeout=60).sample(2, seed=0)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"version_label": 1}, TypeError, "version_label must be a label such as 'stable', got 1"),
        ({"version_label": "a/b"}, ValueError, "a label is made of letters"),
        ({"version_label": "stable", "version": 1}, ValueError, "give version or version_label, not both"),
    ],
)
def test_what_is_no_label_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        Client("http://localhost:1", "vae", **options)


def test_the_wrong_interface_of_a_server_is_said(rest_url):
    place = rest_url.partition("://")[2]
    for scheme, hint in (("grpc", "does not answer gRPC, try http://"), ("https", "without TLS, try http://")):
        with pytest.raises(ServingError, match=hint):
            Client(f"{scheme}://{place}", "vae", timeout=20).sample()


def test_a_server_that_is_slow_is_waited_for_until_the_timeout(url, models, plain):
    client = Client(url, plain.model.entry, timeout=0.3)
    _ = client.signatures
    models.delay = 0.8
    try:
        with pytest.raises(ServingError, match=r"does not answer within 0.3 s"):
            client.sample()
    finally:
        models.delay = 0.0


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_server_that_is_not_there_is_said_in_one_line(scheme):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ServingError, match="refused") as caught:
        Client(f"{scheme}://127.0.0.1:{port}", "vae", timeout=5).sample()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["localhost:8500", "ftp://localhost", "grpc://", ""])
def test_a_url_of_no_interface_is_refused(wrong):
    with pytest.raises(ValueError, match=re.escape(repr(wrong))):
        Client(wrong, "vae")


def test_a_timeout_of_nothing_is_refused():
    with pytest.raises(ValueError, match="timeout must be above 0 seconds, got 0"):
        Client("http://localhost:8501", "vae", timeout=0)


def test_rows_and_columns_of_json_give_the_same(rest_url, plain):
    expected = plain.model.sample(2, seed=[0, 1]).numpy()
    address = f"{rest_url}/v1/models/{plain.model.entry}:predict"
    by_row = requests.post(address, json={"instances": [{"seed": 0}, {"seed": 1}]}, timeout=60).json()
    by_column = requests.post(address, json={"signature_name": "sample", "inputs": {"seed": [0, 1]}}, timeout=60).json()
    np.testing.assert_allclose(by_row["predictions"], expected, atol=1e-5)
    np.testing.assert_allclose(by_column["outputs"], expected, atol=1e-5)


def test_a_client_over_grpc_does_not_import_tensorflow(grpc_url, plain):
    code = (
        "import sys\n"
        "from export.client import Client\n"
        f"print(Client({grpc_url!r}, {plain.model.entry!r}).sample(2, seed=0).shape)\n"
        "heavy = ('tensorflow', 'tensorflow.python', 'keras', 'tensorflow_probability')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [str((2, *plain.facts["image_shape"])), "[]"]
