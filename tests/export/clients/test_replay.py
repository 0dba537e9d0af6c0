"""The golden requests against a running server, and the README's own lines."""

import json
import re
import shutil

import numpy as np
import pytest
import requests

from export import golden, manifest, replay


def replayed(capsys, *arguments):
    """`python -m export.replay` in this process: (exit code, stdout, stderr)."""
    capsys.readouterr()
    code = 0
    try:
        replay.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        code = stop.code
    return code, *capsys.readouterr()


def test_a_server_of_the_version_answers_every_golden_request(url, exported, capsys):
    code, said, errors = replayed(capsys, exported.version, "--url", url)
    assert (code, errors) == (0, "")
    assert said.count("  ok  ") == len(golden.read(exported.version))


def test_a_server_that_answers_otherwise_is_named(url, plain, tmp_path, capsys):
    version = shutil.copytree(plain.version, tmp_path / "1")
    asked = golden.read(version)
    asked["decode"]["outputs"]["image"] += np.float32(0.01)
    golden.write(version / golden.NAME, asked)
    manifest.write(version)
    code, said, errors = replayed(capsys, version, "--url", url)
    assert code == 1
    assert said.count("DEPARTS") == 1
    assert errors == f"error: {url} answers decode otherwise than {version}\n"


def test_a_running_server_is_measured_and_its_answers_compared(url, plain, ended, tmp_path):
    from export import benchmark

    options = ("--url", url, "--seconds", "0.1", "--clients", "1", "--clients", "3")
    code, said, errors = ended(benchmark.main, plain.version, *options)
    rows = [line.split() for line in said.splitlines()]
    assert (code, errors) == (0, [])
    assert [row[:2] for row in rows[1:3]] == [["sample", "1"], ["sample", "3"]]
    assert {row[-1] for row in rows[1:]} == {"0"}
    assert all(float(row[2]) > 0 for row in rows[1:])
    version = shutil.copytree(plain.version, tmp_path / "1")
    asked = golden.read(version)
    asked["decode"]["outputs"]["image"] += np.float32(0.01)
    golden.write(version / golden.NAME, asked)
    code, _, errors = ended(benchmark.main, version, *options[:4])
    assert (code, len(errors)) == (1, 1)
    assert "answers that are not those of" in errors[0]


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "grpc://127.0.0.1:9", "127.0.0.1:8500"])
def test_a_server_that_is_not_there_ends_with_one_line(address, plain, capsys):
    code, said, errors = replayed(capsys, plain.version, "--url", address, "--timeout", "5")
    assert (code, said, errors.count("\n")) == (2, "", 1)
    assert address in errors


def test_a_path_that_is_no_version_ends_with_one_line(tmp_path, capsys):
    code, said, errors = replayed(capsys, tmp_path, "--url", "http://localhost:8501")
    assert (code, said, errors.count("\n")) == (2, "", 1)
    assert "is not a version" in errors


def emptied(asked: dict) -> dict:
    return {}


def one_left_out(asked: dict) -> dict:
    return {name: sides for name, sides in asked.items() if name != "decode"}


def one_too_many(asked: dict) -> dict:
    return asked | {"dream": asked["decode"]}


def of_other_codes(asked: dict) -> dict:
    latent = asked["decode"]["inputs"]["latent"]
    return asked | {"decode": asked["decode"] | {"inputs": {"latent": latent[:, :1]}}}


def of_other_dtype(asked: dict) -> dict:
    return asked | {"sample": asked["sample"] | {"inputs": {"seed": np.zeros(8, np.int32)}}}


def of_no_rows(asked: dict) -> dict:
    cut = {side: {key: value[:0] for key, value in arrays.items()} for side, arrays in asked["decode"].items()}
    return asked | {"decode": cut}


def of_fewer_answers(asked: dict) -> dict:
    return asked | {"decode": asked["decode"] | {"outputs": {"image": asked["decode"]["outputs"]["image"][:3]}}}


@pytest.mark.parametrize(
    "change", [emptied, one_left_out, one_too_many, of_other_codes, of_other_dtype, of_no_rows, of_fewer_answers]
)
def test_requests_that_are_none_or_of_another_model_fail(change, url, plain, tmp_path, capsys):
    version = shutil.copytree(plain.version, tmp_path / "1")
    golden.write(version / golden.NAME, change(golden.read(version)))
    code, said, errors = replayed(capsys, version, "--url", url)
    assert (code, said, errors.count("\n")) == (2, "", 1)
    assert "is not a version of a served model: golden.npz is damaged" in errors


NPY = (
    b"\x93NUMPY\x01\x00"
    + b"\x46\x00"
    + b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }".ljust(69)
    + b"\n"
    + bytes(4)
)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x93NUMPY", NPY, b"[]"])
def test_requests_that_are_damaged_fail(content, plain, tmp_path, capsys):
    version = shutil.copytree(plain.version, tmp_path / "1")
    (version / golden.NAME).write_bytes(content)
    code, said, errors = replayed(capsys, version, "--url", "http://localhost:9")
    assert (code, said, errors.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"model": 5}', "[" * 10_000])
def test_facts_that_are_damaged_fail(text, plain, tmp_path, capsys):
    version = shutil.copytree(plain.version, tmp_path / "1")
    (version / "signatures.json").write_text(text)
    code, said, errors = replayed(capsys, version, "--url", "http://localhost:9")
    assert (code, said, errors.count("\n")) == (2, "", 1)


def test_a_server_of_other_signatures_is_not_the_version(url, plain, conditional, tmp_path, capsys):
    version = shutil.copytree(plain.version, tmp_path / "1")
    facts = json.loads((version / "signatures.json").read_text())
    facts["model"] = conditional.model.entry
    (version / "signatures.json").write_text(json.dumps(facts))
    code, said, errors = replayed(capsys, version, "--url", url)
    assert (code, said) == (1, "")
    assert errors == f"error: {url} serves other signatures than {version}\n"


def test_a_server_that_is_still_starting_is_waited_for(url, plain, capsys, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    answers = iter([replay.ServingError("starting"), replay.ServingError("starting")])
    client = replay.Client(url, plain.model.entry)
    whole = client._transport.signatures

    def signatures(deadline):
        for error in answers:
            raise error
        return whole(deadline)

    monkeypatch.setattr(client._transport, "signatures", signatures)
    replay.wait_for(client, 60)
    assert "sample" in client.signatures


def test_the_curl_lines_of_the_readme_are_answered(rest_url, exported):
    text = (exported.version.parent / "README.md").read_text()
    calls = re.findall(r"curl (?:-d '(.*?)' \\\n\s+)?http://localhost:8501(\S+)", text)
    assert len(calls) == 2 + len({"sample", "decode"} & set(exported.signatures))
    for body, path in calls:
        address = rest_url + path
        reply = requests.post(address, json=json.loads(body), timeout=60) if body else requests.get(address, timeout=60)
        assert reply.status_code == 200, reply.text
        if body:
            assert np.shape(reply.json()["predictions"])[1:] == tuple(exported.facts["image_shape"])


def test_the_python_lines_of_the_readme_run(grpc_url, exported):
    text = (exported.version.parent / "README.md").read_text()
    blocks = re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
    client, stubs = (block for block in blocks if "from export" in block or "import grpc" in block)
    shape, dim = exported.facts["image_shape"], exported.facts["latent_dim"]
    names = {"image": np.zeros((2, *shape), np.uint8), "latent": np.zeros((2, dim or 1), np.float32)}
    damaged = exported.facts["signatures"]["serving_default"]["inputs"].get("damaged", {"shape": [-1]})
    names["damaged"] = np.zeros((2, *damaged["shape"][1:]), np.float32)
    for block in (client, stubs):
        source = re.sub("^    ", "", block, flags=re.MULTILINE)
        source = source.replace("grpc://localhost:8500", grpc_url).replace("localhost:8500", grpc_url[len("grpc://") :])
        exec(compile(source, "README.md", "exec"), names)
    first, sides = next(iter(exported.signatures.items()))
    if first == "sample":
        label = {"label": len(exported.facts["classes"]) // 2} if exported.model.conditional else {}
        np.testing.assert_allclose(names["image"], exported.model.sample(2, seed=[0, 1], **label), atol=1e-5)
    assert names[next(iter(sides["outputs"]))].shape[0] == 2
