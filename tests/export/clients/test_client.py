"""The client over both interfaces gives what the model gives in Python, and says in one line what went wrong."""

import re
import socket
import subprocess
import sys

import numpy as np
import pytest
import requests

import tfgen
from export import transport
from export.client import Client, ServingError, row_seeds


@pytest.fixture
def client(url, vae):
    """A client of one entry."""
    return Client(url, "vae", timeout=60)


def test_every_function_answers_as_in_python(url, exported, digits):
    model, given = exported.model, exported.given
    client = Client(url, model.entry, timeout=60)
    image = digits.test.images[:3]
    np.testing.assert_allclose(client.sample(3, seed=5, **given), model.sample(3, seed=5, **given), atol=1e-5)
    latent = np.random.default_rng(0).standard_normal((3, model.latent_dim))
    np.testing.assert_allclose(client.decode(latent, **given), model.decode(latent, **given), atol=1e-5)
    if model.entry == "dcgan":
        np.testing.assert_allclose(client.discriminate(image), model.discriminate(image), rtol=1e-5, atol=1e-5)
        return
    np.testing.assert_allclose(client.reconstruct(image, **given), model.reconstruct(image, **given), atol=1e-5)
    seeded = {"seed": 2} if model.entry == "iaf_vae" else {}
    for answer, expected in zip(
        client.encode(image, **seeded, **given), model.encode(image, **seeded, **given), strict=True
    ):
        np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-4)
    if model.entry != "aae":
        elbo, log_likelihood = client.score(image, seed=3, **given)
        np.testing.assert_allclose(elbo, model.elbo(image, seed=3, **given), rtol=1e-5)
        np.testing.assert_allclose(log_likelihood, model.log_likelihood(image, k=16, seed=3, **given), rtol=1e-5)


def test_answers_are_float32_arrays(client):
    image = client.sample(2, seed=0)
    assert isinstance(image, np.ndarray)
    assert (image.dtype, image.shape) == (np.float32, (2, 28, 28, 1))
    assert [answer.dtype for answer in client.score(image, seed=0)] == [np.float32, np.float32]


def test_seeds_beyond_json_survive(client, vae):
    rows = np.array([2**53 - 1, 2**62 + 1, -5])
    np.testing.assert_allclose(client.sample(3, seed=rows), vae.model.sample(3, seed=rows), atol=1e-5)


def test_fresh_seeds_differ(client):
    assert np.abs(client.sample() - client.sample()).max() > 1e-3


def test_large_batches_are_sent_in_parts(client, models, vae):
    models.largest = 0
    np.testing.assert_allclose(client.sample(600, seed=1), vae.model.sample(600, seed=1), atol=1e-5)
    assert models.largest == 256


def test_nothing_asked_is_nothing_answered(client):
    assert client.sample(0).shape == (0, 28, 28, 1)
    assert client.encode(np.zeros((0, 28, 28, 1)))[0].shape == (0, 25)


@pytest.mark.parametrize("seed", [0, 7, 2**43 - 1, [5, 3, 9]])
def test_row_seeds_are_those_of_tfgen(seed):
    np.testing.assert_array_equal(row_seeds(seed, 3), tfgen.row_seeds(seed, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda c: c.sample(-1), ValueError, "n must lie in 0..1048576, got -1"),
        (lambda c: c.sample(2.0), TypeError, "n must be an int, got 2.0"),
        (lambda c: c.sample(2, seed=-1), ValueError, "seed must lie in 0..2**43 - 1, got -1"),
        (lambda c: c.sample(2, seed=[1]), ValueError, "one seed a row, got [1]"),
        (lambda c: c.sample(2, seed="x"), TypeError, "seed must be an int"),
        (lambda c: c.sample(2, digit=3), TypeError, "takes no digit, got digit=3"),
        (lambda c: c.decode(np.zeros((2, 7))), ValueError, "latent must have shape [B, 25], got [2, 7]"),
        (lambda c: c.decode(np.full((2, 25), np.nan)), ValueError, "latent must be finite, got NaN"),
        (lambda c: c.encode(np.zeros((28, 28))), ValueError, "image must have shape [B, 28, 28, 1], got [28, 28]"),
        (lambda c: c.encode(np.full((1, 28, 28, 1), 2.0)), ValueError, "must lie in [0, 1], got values in [2, 2]"),
        (lambda c: c.encode(np.zeros((1, 28, 28, 1), int)), TypeError, "got dtype int64"),
        (lambda c: c.encode(np.zeros((1, 28, 28, 1)), seed=1), TypeError, "encodes without a seed, got seed=1"),
        (lambda c: c.discriminate(np.zeros((1, 28, 28, 1))), ValueError, "vae has no discriminate; it has decode"),
    ],
)
def test_what_a_model_does_not_take_is_said_before_it_is_sent(call, error, message, client, models):
    models.largest = 0
    with pytest.raises(error, match=re.escape(message)):
        call(client)
    assert models.largest == 0


@pytest.mark.parametrize(
    ("digit", "error", "message"),
    [
        (None, TypeError, "cvae needs digit=, an int in 0..9 or 2 of them"),
        (10, ValueError, "digit must lie in 0..9, got 10"),
        ([3, -1], ValueError, "digit must lie in 0..9, got -1"),
        ([3], ValueError, "got shape [1]"),
        (3.0, TypeError, "got 3.0"),
    ],
)
def test_wrong_digits_are_refused(digit, error, message, url):
    with pytest.raises(error, match=re.escape(message)):
        Client(url, "cvae", timeout=60).sample(2, digit=digit)


def test_the_message_of_the_server_arrives(url):
    with pytest.raises(ServingError, match="Servable not found for request: "):
        Client(url, "gan").sample()
    with pytest.raises(ServingError, match="Servable not found for request: "):
        Client(url, "vae", version=9).sample()
    client = Client(url, "vae", timeout=60)
    with pytest.raises(ServingError, match="not compatible with expected shape"):
        client.predict("decode", {"latent": np.zeros((2, 7), np.float32)})


def test_a_server_that_is_slow_is_waited_for_until_the_timeout(url, models):
    client = Client(url, "vae", timeout=0.5)
    _ = client.signatures
    models.delay = 1.5
    try:
        with pytest.raises(ServingError, match=r"does not answer within 0.5 s"):
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


def test_an_answer_that_is_no_json_is_an_error_too(rest_url, monkeypatch):
    reply = requests.Response()
    reply.status_code, reply._content, reply.reason = 502, b"<html>Bad Gateway</html>", "Bad Gateway"
    monkeypatch.setattr(requests.Session, "request", lambda *arguments, **options: reply)
    with pytest.raises(ServingError, match="answers 502: <html>Bad Gateway</html>"):
        Client(rest_url, "vae").sample()


def test_rows_and_columns_of_json_give_the_same(rest_url, vae):
    expected = vae.model.sample(2, seed=[0, 1]).numpy()
    address = f"{rest_url}/v1/models/vae:predict"
    by_row = requests.post(address, json={"instances": [{"seed": 0}, {"seed": 1}]}, timeout=60).json()
    by_column = requests.post(address, json={"signature_name": "sample", "inputs": {"seed": [0, 1]}}, timeout=60).json()
    np.testing.assert_allclose(by_row["predictions"], expected, atol=1e-5)
    np.testing.assert_allclose(by_column["outputs"], expected, atol=1e-5)


def test_a_tensor_of_either_form_is_read():
    with_values = transport.decode(_proto(float_val=[1.0, 2.0]))
    np.testing.assert_array_equal(with_values, [[1, 2], [2, 2]])  # a run of equal last values is written once
    with_content = transport.decode(_proto(tensor_content=np.arange(4, dtype=np.float32).tobytes()))
    np.testing.assert_array_equal(with_content, [[0, 1], [2, 3]])


def _proto(**values):
    from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2

    shape = tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=2)] * 2)
    return tensor_pb2.TensorProto(dtype=1, tensor_shape=shape, **values)


def test_a_client_over_grpc_does_not_import_tensorflow(grpc_url):
    code = (
        "import sys\n"
        "from export.client import Client\n"
        f"print(Client({grpc_url!r}, 'vae').sample(2, seed=0).shape)\n"
        "print([name for name in ('tensorflow', 'tensorflow.python', 'keras') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["(2, 28, 28, 1)", "[]"]
