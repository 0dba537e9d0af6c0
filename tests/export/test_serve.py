"""The server for development: what it opens of a folder, its limits, and how its command ends."""

import concurrent.futures
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import requests

from export import serve
from export.server import runtime
from export.server.api import Api
from export.server.catalogue import Catalogue, Servable
from export.server.http import Server
from export.server.watcher import Watcher


@contextlib.contextmanager
def serving(served, seconds=None, read=30.0, **options):
    """A server of a catalogue: HOST:PORT."""
    server = Server(("127.0.0.1", 0), Api(served, seconds), seconds=read, **options)
    server.server_activate()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def one(plain, plain_session):
    """A catalogue of one model."""
    served = Catalogue()
    served.add(Servable(plain.model.entry, 1, plain_session))
    return served


@pytest.fixture
def watched(light, tmp_path):
    """A folder with one model, its catalogue, a look at it, and the lines that were told."""
    model, served, told = tmp_path / "served" / "m", Catalogue(), []
    shutil.copytree(light.version, model / "1")
    watcher = Watcher(tmp_path / "served", served, runtime.SESSION, told.append)
    yield model, served, watcher.look, told
    served.close()


def states(served, name="m") -> dict:
    return {each["version"]: each["state"] for each in served.status(name, None)}


def test_new_versions_take_the_place_of_old_ones_under_requests(watched, light):
    model, served, look, told = watched
    look()
    assert states(served) == {"1": "AVAILABLE"}
    with served.using("m") as old:
        shutil.copytree(light.version, model / "2")
        shutil.copytree(light.version, model.parent / "other" / "5")
        look()
        assert states(served) == {"2": "AVAILABLE", "1": "END"}
        assert states(served, "other") == {"5": "AVAILABLE"}
        assert len(old.run("sample", {"seed": np.array([1])})["image"]) == 1  # it is closed after this request
    with served.using("m") as new:
        assert new.version == 2
    assert {line.partition(":")[0] for line in told} >= {"m/2 is served", "m/1 is closed", "other/5 is served"}
    shutil.rmtree(model)
    look()
    assert states(served) == {"2": "END", "1": "END"}


def test_a_damaged_newest_version_is_refused_and_the_older_is_served(watched, light):
    model, served, look, told = watched
    shutil.copytree(light.version, model / "2")
    whole = (model / "2" / "saved_model.pb").read_bytes()
    (model / "2" / "saved_model.pb").write_bytes(whole[:-1] + b"x")
    for _ in range(2):
        look()
    assert states(served) == {"2": "END", "1": "AVAILABLE"}
    assert served.status("m", 2)[0]["status"]["error_message"].startswith("m/2 is refused: signatures: saved_model.pb")
    assert len(told) == 2  # a version that is refused is not tried again, until its files change
    (model / "2" / "saved_model.pb").write_bytes(whole)
    look()
    assert states(served) == {"2": "AVAILABLE", "1": "END"}


def test_both_runtimes_answer_alike(plain, plain_session):
    functions = runtime.opened(plain.version, runtime.PYTHON)
    request = plain.request("decode", 3)
    expected = plain_session.run("decode", request)["image"]
    np.testing.assert_allclose(functions.run("decode", request)["image"], expected, atol=1e-5)
    assert set(functions.signatures) == set(plain_session.signatures)


def test_many_clients_at_once_get_what_each_asked(one, plain, plain_session):
    seeds = list(range(96))
    expected = plain_session.run("sample", {"seed": np.array(seeds)})["image"]
    with serving(one) as address, requests.Session() as session:
        session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=16))
        url = f"http://{address}/v1/models/{plain.model.entry}:predict"

        def ask(seed):
            return session.post(url, json={"instances": [seed]}, timeout=60).json()["predictions"][0]

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            np.testing.assert_allclose(list(pool.map(ask, seeds)), expected, atol=1e-5)
        page = requests.get(f"http://{address}/monitoring/prometheus/metrics", timeout=60).text
    labels = f'model_name="{plain.model.entry}"'
    assert f':tensorflow:serving:request_count{{{labels},status="OK"}} 96\n' in page
    assert f':tensorflow:serving:request_latency_count{{{labels},API="predict",entrypoint="REST"}} 96\n' in page
    assert (
        f':tensorflow:serving:request_latency_bucket{{{labels},API="predict",entrypoint="REST",le="+Inf"}} 96' in page
    )


def test_a_request_that_takes_too_long_is_ended(one, plain):
    body = {"signature_name": "score", "inputs": {k: v.tolist() for k, v in plain.request("score", 256).items()}}
    with serving(one, seconds=0.001) as address:
        url = f"http://{address}/v1/models/{plain.model.entry}:predict"
        answer = requests.post(url, json=body, timeout=60)
    assert answer.status_code == 504, answer.text


def test_large_bodies_trickling_requests_and_too_many_connections_are_ended(one):
    def said(connection) -> bytes:
        connection.settimeout(10)
        found = b""
        while part := connection.recv(2**16):
            found += part
        return found

    with serving(one, largest=1000, connections=2) as address:
        host, port = address.split(":")
        with socket.create_connection((host, port)) as first, socket.create_connection((host, port)):
            first.sendall(b"GET /v1/models/x HTTP/1.1\r\n\r\n")
            first.recv(10)
            with socket.create_connection((host, port)) as third:
                assert said(third).startswith(b"HTTP/1.1 503 ")
    with serving(one, largest=1000) as address:
        url = f"http://{address}/v1/models/x:predict"
        answer = requests.post(url, data="x" * 2000, timeout=60)
        assert (answer.status_code, "2000 bytes" in answer.text) == (413, True)
        assert requests.post(url, data=iter([b"x"]), timeout=60).status_code == 411
    with serving(one, read=0.3) as address:
        host, port = address.split(":")
        began = time.monotonic()
        with socket.create_connection((host, port)) as slow, contextlib.suppress(ConnectionError):
            slow.sendall(b"POST /v1/models/x:predict HTTP/1.1\r\nContent-Length: 9000\r\n\r\n")
            while time.monotonic() - began < 5:
                slow.sendall(b"x")
                time.sleep(0.05)
        assert time.monotonic() - began < 3


def test_a_server_on_the_loopback_is_asked_by_its_own_names_only(one):
    with serving(one) as address:
        url = f"http://{address}/v1/models/x"
        assert requests.get(url, headers={"Host": "evil.example"}, timeout=60).status_code == 403
        assert requests.get(url, headers={"Host": "localhost:80"}, timeout=60).status_code == 404
        assert "Access-Control-Allow-Origin" not in requests.get(url, timeout=60).headers
    with serving(one, cors=True) as address:
        answer = requests.options(f"http://{address}/v1/models/x", headers={"Origin": "http://a.b"}, timeout=60)
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [
        ("GET //[ HTTP/1.1", "", 404),
        ("GET /v1/models/%ff%00 HTTP/1.1", "", 404),
        ("GET /v1/models/x?y HTTP/1.0", "", 404),
        ("GET /v1/models/x HTTP/1.1", "Host: [::1\r\n", 403),
        ("POST /v1/models/x:predict HTTP/1.1", "Content-Length: -1\r\n", 400),
        ("POST /v1/models/x:predict HTTP/1.1", "Content-Length: 99999999999999999999\r\n", 413),
        ("BREW /v1/models/x HTTP/1.1", "", 501),
        ("nonsense", "", 400),
    ],
)
def test_odd_requests_get_an_answer_and_the_server_goes_on(one, request_line, headers, status):
    with serving(one) as address:
        host, port = address.split(":")
        with socket.create_connection((host, port)) as connection:
            connection.settimeout(10)
            connection.sendall(f"{request_line}\r\n{headers}Connection: close\r\n\r\n".encode())
            said = b""
            while part := connection.recv(2**16):
                said += part
        assert b" %d " % status in said.partition(b"\r\n")[0] or b"Error code: %d" % status in said
        assert requests.get(f"http://{address}/v1/models/x", timeout=60).status_code == 404


@pytest.mark.parametrize(
    ("path", "options", "words"),
    [
        ("nowhere", (), "is not a folder of served models: there is no such folder"),
        ("empty", (), "holds no served model: python -m export vae --to"),
        ("served/m", (), "holds the versions of one model; name the folder above it"),
        ("served/m/1", (), "is one version; name the folder of all models"),
        ("served", ("--port", "70000"), "port must be in 0..65535, got 70000"),
        ("served", ("--timeout", "0"), "timeout must"),
        ("served", ("--runtime", "jax"), "runtime must be session or python, got 'jax'"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(watched, ended, path, options, words):
    root = watched[0].parent.parent
    (root / "empty").mkdir()
    code, said, errors = ended(serve.main, root / path, *options)
    assert (code, said, len(errors)) == (2, "", 1)
    assert words in errors[0]


def test_a_port_in_use_is_said(watched, ended):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said, errors = ended(serve.main, watched[0].parent, "--port", port)
    assert (code, said) == (2, "")
    assert errors == [
        f"error: cannot listen on port {port} of 127.0.0.1: Address already in use; choose another with --port"
    ]


def test_the_command_serves_without_tensorflows_python_until_it_is_stopped(watched):
    code = (
        "import sys, export.serve\n"
        "export.serve.main(sys.argv[1:])\n"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])\n"
    )
    words = [sys.executable, "-c", code, str(watched[0].parent), "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline() for _ in range(3)]
        assert "TensorFlow's C++ session, without TensorFlow's Python" in lines[0]
        url = lines[2].partition("/v1")[0]
        began = time.perf_counter()
        answer = requests.post(f"{url}/v1/models/m:predict", data=json.dumps({"inputs": [1]}), timeout=60)
        assert (answer.status_code, time.perf_counter() - began < 30) == (200, True)
        process.terminate()
        rest = process.stdout.read()
    assert (process.returncode, rest.splitlines()[-2:]) == (0, ["stopped", "[]"])
