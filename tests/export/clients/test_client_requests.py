"""What a client sends, and to whom: casts, quoted names, retries, redirects, proxies, passwords, and its end."""

import contextlib
import json
import re
import socket
import threading

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

from export import tensors
from export.client import Client, ServingError

SEED = {"dtype": "DT_INT64", "tensor_shape": {"dim": [{"size": "-1"}]}}
PAIR = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}, {"size": "2"}]}}
DRAW = {"inputs": {"seed": SEED}, "outputs": {"image": PAIR}}
LISTING = {"serving_default": {"inputs": {"code": PAIR}, "outputs": {"length": PAIR}}}
LISTING = json.dumps({"metadata": {"signature_def": {"signature_def": LISTING}}})


def answer(body: str, status: str = "200 OK", **headers) -> bytes:
    lines = [f"{name}: {value}" for name, value in ({"Content-Length": len(body)} | headers).items()]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", body]).encode()


@pytest.fixture
def scripted():
    """A function that starts a server of given answers, one a request, and gives its address and what it was sent.

    An answer of None closes the connection without one.
    """
    with contextlib.ExitStack() as stack:

        def start(*answers):
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            seen, script = [], iter(answers)

            def serve():
                with contextlib.suppress(OSError):
                    while True:
                        connection, _ = listener.accept()
                        with connection, connection.makefile("rb") as stream:
                            while lines := [*iter(stream.readline, b"\r\n")] if stream.peek(1) else []:
                                length = next(
                                    (int(line[15:]) for line in lines if line.startswith(b"Content-Length")), 0
                                )
                                seen.append(b"".join(lines).decode() + stream.read(length).decode())
                                if (said := next(script, None)) is None:
                                    break
                                connection.sendall(said)

            threading.Thread(target=serve, daemon=True).start()
            return f"127.0.0.1:{listener.getsockname()[1]}", seen

        yield start


@pytest.fixture
def nobody():
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize(
    "value",
    [
        np.array([1, 2], np.int32),
        np.array([1, 2], np.uint64),
        np.array([1.0, 2.0], np.float16),
        np.array([1.0, 2.0], np.float64),
        [1.0, 2.0],
        [1, 2],
        np.array([True, False]),
    ],
)
def test_what_loses_nothing_is_cast(value):
    cast = tensors.cast("f", {"x": value}, {"x": (np.dtype(np.float32), [-1])})["x"]
    assert cast.dtype == np.float32
    np.testing.assert_array_equal(cast, np.asarray(value))


@pytest.mark.parametrize(
    ("seed", "latent", "error", "message"),
    [
        (np.array([0.5, 1]), None, TypeError, "seed must be int64, got dtype float64"),
        ([0.0, 1.0], None, TypeError, "seed must be int64, got dtype float64"),
        (["0", "1"], None, TypeError, "seed must be int64, got dtype <U1"),
        ([None, 1], None, TypeError, "seed must be int64, got dtype object"),
        (
            np.array([2**63, 1], np.uint64),
            None,
            TypeError,
            "seed must be int64, got dtype uint64 with numbers that do not fit",
        ),
        ([[1], [2]], None, ValueError, "seed must have shape [B], got [2, 1]"),
        (3, None, ValueError, "seed must have shape [B], got []"),
        ([[1], [2, 3]], None, TypeError, "seed must be an array of int64, got list"),
        (None, np.zeros((2, 777)), ValueError, "latent must have shape [B, "),
        (None, 1j, TypeError, "latent must be float32, got dtype complex"),
        (None, b"x", TypeError, "latent must be float32, got dtype |S"),
        (None, 2**24 + 1, TypeError, "latent must be float32, got dtype int64 with numbers that do not fit"),
        (None, 1e39, ValueError, "latent must be finite as float32, got NaN or infinity"),
        (None, np.nan, ValueError, "latent must be finite as float32, got NaN or infinity"),
    ],
)
def test_what_a_signature_cannot_take_is_refused_alike_over_both(seed, latent, error, message, url, plain, models):
    client, rows = Client(url, plain.model.entry, timeout=60), 2
    models.largest = 0
    if latent is not None and np.ndim(latent) == 0:
        latent = np.full((rows, plain.facts["latent_dim"]), latent)
    with pytest.raises(error, match=re.escape(message)):
        client.predict("sample", {"seed": seed}) if latent is None else client.predict("decode", {"latent": latent})
    assert models.largest == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "sample takes seed; got nothing"),
        ({"seed": [1], "more": [1]}, "sample takes seed; got seed, more"),
        ({"Seed": [1]}, "sample takes seed; got Seed"),
        ([1], "sample takes seed; got list"),
    ],
)
def test_other_names_are_refused(given, message, url, plain):
    with pytest.raises(ValueError, match=re.escape(message)):
        Client(url, plain.model.entry, timeout=60).predict("sample", given)


def test_other_lengths_are_refused(url, conditional):
    with pytest.raises(ValueError, match="as many rows of each input, got 3 of label, 2 of seed"):
        Client(url, conditional.model.entry, timeout=60).predict("sample", {"seed": [1, 2], "label": [1, 2, 3]})


def test_what_is_cast_is_answered_alike_over_both(rest_url, grpc_url, plain):
    asked = np.random.default_rng(0).standard_normal((3, plain.facts["latent_dim"]))
    answers = [
        Client(url, plain.model.entry, timeout=60).predict("decode", {"latent": latent})["image"]
        for url in (rest_url, grpc_url)
        for latent in (asked, asked.astype(np.float32), asked.tolist())
    ]
    for each in answers:
        np.testing.assert_allclose(each, answers[0], atol=1e-6)


def test_large_images_are_sent_in_smaller_parts():
    from export import answers

    image = (np.dtype(np.float32), [-1, 128, 128, 3])
    assert answers.rows_a_request({"inputs": {"image": image}, "outputs": {"image": image}}, 256) == 10
    assert answers.rows_a_request({"inputs": {"seed": (np.dtype(np.int64), [-1])}, "outputs": {}}, 256) == 256


@pytest.mark.parametrize(
    ("model", "version", "path"),
    [
        ("vae", None, "/v1/models/vae/metadata"),
        ("a/b:c?d#e%f g", 3, "/v1/models/a%2Fb%3Ac%3Fd%23e%25f%20g/versions/3/metadata"),
        ("../x", 0, "/v1/models/..%2Fx/versions/0/metadata"),
        ("für\r\nHost: x", None, "/v1/models/f%C3%BCr%0D%0AHost%3A%20x/metadata"),
    ],
)
def test_names_are_quoted(model, version, path, scripted):
    address, seen = scripted(answer(LISTING))
    with Client(f"http://{address}", model, version=version) as client:
        assert set(client.signatures) == {"serving_default"}
    assert seen[0].splitlines()[0] == f"GET {path} HTTP/1.1"


@pytest.mark.parametrize("scheme", ["http", "grpc"])
@pytest.mark.parametrize(
    ("model", "version", "error"),
    [
        *(("", None, ValueError), ("..", None, ValueError), ("\ud800", None, ValueError), (5, None, ValueError)),
        *(("vae", -1, ValueError), ("vae", 2**63, ValueError), ("vae", 1.0, TypeError), ("vae", "1/2", TypeError)),
    ],
)
def test_what_is_no_name_or_number_is_refused(scheme, model, version, error):
    with pytest.raises(error, match=r"model must|version must"):
        Client(f"{scheme}://localhost:1", model, version=version)


@pytest.mark.parametrize(
    ("timeout", "error"), [(-1, ValueError), (float("nan"), ValueError), (1e9, ValueError), ("3", TypeError)]
)
def test_a_timeout_must_be_one(timeout, error):
    with pytest.raises(error, match="timeout must be"):
        Client("http://localhost:8501", "vae", timeout=timeout)


def test_a_request_is_sent_again_when_its_connection_is_closed(scripted):
    address, seen = scripted(None, answer(LISTING), None, None, answer('{"outputs": [[0.5, 1]]}'))
    with Client(f"http://{address}", "vae", timeout=5) as client:
        np.testing.assert_array_equal(client.predict("serving_default", {"code": [[1, 2]]})["length"], [[0.5, 1]])
    assert [each.split()[0] for each in seen] == ["GET", "GET", "POST", "POST", "POST"]


def test_a_connection_is_used_again(scripted, monkeypatch):
    opened, connect = [], socket.create_connection
    monkeypatch.setattr("urllib3.util.connection.create_connection", lambda *a, **o: opened.append(a) or connect(a[0]))
    address, seen = scripted(answer(LISTING), answer("no", "400 Bad"), answer('{"outputs": [[0.5, 1]]}'))
    with Client(f"http://{address}", "vae", timeout=5) as client:
        with pytest.raises(ServingError, match="400: no"):
            client.predict("serving_default", {"code": [[1, 2]]})
        client.predict("serving_default", {"code": [[1, 2]]})
    assert (len(seen), len(opened)) == (3, 1)


def test_it_is_sent_three_times_at_most(scripted):
    address, seen = scripted()
    with (
        Client(f"http://{address}", "vae", timeout=5) as client,
        pytest.raises(ServingError, match="closed connection"),
    ):
        _ = client.signatures
    assert len(seen) == 3


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_what_is_refused_is_not_sent_again(status, scripted):
    address, seen = scripted(answer("later", status, **{"Retry-After": "86400"}))
    with (
        Client(f"http://{address}", "vae", timeout=5) as client,
        pytest.raises(ServingError, match=f"{status[:3]}: later"),
    ):
        _ = client.signatures
    assert len(seen) == 1


class Unavailable(prediction_service_pb2_grpc.PredictionServiceServicer):
    """A server that is unavailable to the first requests, and then does not find the model."""

    def __init__(self, times: int):
        self.left, self.seen = times, 0

    def GetModelMetadata(self, request, context):  # noqa: N802
        self.left, self.seen = self.left - 1, self.seen + 1
        code = grpc.StatusCode.NOT_FOUND if self.left < 0 else grpc.StatusCode.UNAVAILABLE
        context.abort(code, "no such model")


@pytest.mark.parametrize(("times", "seen", "code"), [(2, 3, "NOT_FOUND"), (9, 3, "UNAVAILABLE")])
def test_it_is_sent_again_over_grpc(times, seen, code):
    from concurrent import futures

    server, service = grpc.server(futures.ThreadPoolExecutor(1)), Unavailable(times)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with Client(f"grpc://127.0.0.1:{port}", "vae") as client, pytest.raises(ServingError, match=f"{code}: no such"):
            _ = client.signatures
    finally:
        server.stop(None).wait()
    assert service.seen == seen


def test_redirects_are_not_followed(scripted):
    elsewhere, followed = scripted(answer(LISTING))
    address, seen = scripted(answer("", "307 Temporary Redirect", Location=f"http://me:secret@{elsewhere}/x"))
    with Client(f"http://{address}", "vae") as client, pytest.raises(ServingError) as caught:
        _ = client.signatures
    assert str(caught.value).endswith(f"answers 307, a redirect to http://{elsewhere}/x, which is not followed")
    assert (len(seen), followed) == (1, [])


@pytest.mark.parametrize(("scheme", "variable"), [("http", "HTTP_PROXY"), ("grpc", "http_proxy")])
def test_a_proxy_is_named(scheme, variable, nobody, scripted, monkeypatch):
    for name in ("no_proxy", "NO_PROXY", "http_proxy", "https_proxy", "grpc_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, f"http://me:secret@{nobody}")
    with Client(f"{scheme}://192.0.2.1:8501", "vae", timeout=2) as client, pytest.raises(ServingError) as caught:
        _ = client.signatures
    assert re.search(rf"through the proxy (http://)?{nobody}\)", str(caught.value))
    assert "secret" not in str(caught.value)
    proxy, seen = scripted(answer("who are you?", "407 Proxy Authentication Required"))
    if scheme == "http":
        monkeypatch.setenv(variable, f"http://me:secret@{proxy}")
        with Client("http://192.0.2.1:8501", "vae") as client, pytest.raises(ServingError) as caught:
            _ = client.signatures
        assert str(caught.value).endswith(f"answers 407: who are you? (through the proxy http://{proxy})")
        assert seen[0].startswith("GET http://192.0.2.1:8501/v1/models/vae/metadata")
    monkeypatch.setenv("no_proxy", "192.0.2.0/24,127.0.0.1")
    with Client(f"{scheme}://{nobody}", "vae", timeout=2) as client, pytest.raises(ServingError) as caught:
        _ = client.signatures
    assert "proxy" not in str(caught.value)


@pytest.mark.parametrize("password", ["secret", "sec%20r%C3%A9t", "s:cret"])
def test_a_password_is_sent_and_not_shown(password, scripted, nobody):
    from urllib.parse import unquote

    address, seen = scripted(answer(LISTING))
    with Client(f"http://me:{password}@{address}", "vae") as client:
        _ = client.signatures
    (header,) = re.findall("Authorization: (.*)\r", seen[0])
    echo = f"{unquote(password)} {password} {header}".encode("ascii", "replace").decode()
    echoes = [answer(echo, "401 Unauthorized"), answer(json.dumps({"error": echo})), answer(json.dumps({echo: 1}))]
    echoes += [answer(LISTING.replace("serving_default", echo)), answer("", "302 Found", Location=f"/{echo}")]
    address, _ = scripted(*echoes)
    for at in [address] * len(echoes) + [nobody]:
        with Client(f"http://me:{password}@{at}", "vae") as client, pytest.raises(ServingError) as caught:
            _ = client.signatures
        for secret in (password, unquote(password), header.split()[1]):
            assert secret not in str(caught.value)
        assert "me:" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong", ["ftp://me:secret@x", "grpc://me:secret@x:1", "http://me:secret@x:y", "me:secret@x", "http://x?secret"]
)
def test_a_wrong_url_does_not_show_a_password(wrong):
    with pytest.raises(ValueError, match=r"^url must be http://HOST:PORT or grpc://HOST:PORT, got ") as caught:
        Client(wrong, "vae")
    assert "me" not in str(caught.value).partition("got")[2]


def test_a_closed_client_asks_nothing(url, plain):
    with Client(url, plain.model.entry, timeout=60) as client:
        assert client.sample(2, seed=0).shape[0] == 2
    for again in (client.close, client.close):
        again()
    with pytest.raises(ValueError, match="this client is closed"):
        client.sample(2, seed=0)


def test_closing_closes_the_connection(scripted):
    address, seen = scripted(answer(LISTING), answer(LISTING))
    for _ in range(2):  # the server takes one connection after the other
        with Client(f"http://{address}", "vae", timeout=5) as client:
            _ = client.signatures
    assert len(seen) == 2
