"""Verification passes what is whole and fails what is damaged: files, contract, golden answers."""

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from export import contract, golden, limits, manifest, verify, versions, warmup
from export.inspection import Inspection

HEAVY = ("tensorflow", "tensorflow.python", "keras", "tf_keras", "tensorflow_probability")
RUN = ("load", "answers", "rows", "seeds")  # of what is inspected, what is run


@pytest.fixture
def copy(light, tmp_path):
    """A version to damage."""
    return shutil.copytree(light.version, tmp_path / "model" / "1")


def failing(version) -> dict:
    """The check that a version fails: name -> why."""
    return {name: detail for name, passed, detail in verify.check(version) if not passed}


def refusal(version, pin="") -> tuple[str, str]:
    """The inspection that a version fails, and why; nothing of it is run."""
    with tempfile.TemporaryDirectory() as folder:
        inspection = Inspection(version, Path(folder), pin)
        for name in Inspection.CHECKS:
            try:
                inspection.run(name)
            except ValueError as error:
                return name, str(error)
    return "", ""


def flip(path, place: int = -100):
    """Changes one byte of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


# --- the command ------------------------------------------------------------------------------------------------------


def test_a_whole_version_passes_with_a_table_and_without_tensorflow_or_keras(conditional, tmp_path):
    code = (
        "import sys\n"
        "from export import proof\n"
        "proof.main()\n"
        f"print([name for name in {HEAVY} if name in sys.modules])\n"
        "print({name.split('.')[1] for name in sys.modules if name.startswith('tensorflow.')})\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "copy"), "60", str(conditional.version), ""]
    reading, writing = os.pipe()  # whose end would end the process
    done = subprocess.run(words, stdin=reading, capture_output=True, text=True, check=False)
    os.close(reading)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
    *lines, heavy, parts = done.stdout.splitlines()
    assert [json.loads(name) for name in lines[::2]] == [*Inspection.CHECKS, *RUN, "labels", "pixels"]
    assert all(json.loads(result)[0] for result in lines[1::2])
    assert heavy == "[]"
    assert ast.literal_eval(parts) == {"core", "compiler"}  # the protocol buffers of TensorFlow alone


def test_a_damaged_version_fails_with_one_line(copy, ended):
    shutil.rmtree(copy / "variables")
    code, said, errors = ended(verify.main, copy)
    assert code == 1
    assert said.splitlines() == ["  manifest  FAILED  variables/variables.index is missing"]
    assert errors == [f"error: {copy} fails manifest"]


def test_a_pin_refuses_every_other_version(copy, ended):
    pin = hashlib.sha256((copy / manifest.NAME).read_bytes()).hexdigest()
    assert refusal(copy, pin) == refusal(copy, pin.upper()) == ("", "")
    (copy / "MODEL_CARD.md").write_text((copy / "MODEL_CARD.md").read_text() + "Another.\n")
    manifest.write(copy)
    assert refusal(copy) == ("", "")
    assert refusal(copy, pin)[0] == "manifest"
    assert f"the pin is {pin}" in refusal(copy, pin)[1]
    code, said, errors = ended(verify.main, copy, "--pin", "abc")
    assert (code, said, len(errors)) == (2, "", 1)
    assert "pin must be a SHA-256 of 64 hexadecimal digits, got 'abc'" in errors[0]


@pytest.mark.parametrize("path", ["nowhere", "file", "folder"])
def test_a_path_that_is_no_version_ends_with_2(path, tmp_path, ended):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    code, said, errors = ended(verify.main, tmp_path / path)
    assert (code, said, len(errors)) == (2, "", 1)
    assert "is not a version" in errors[0]


def test_imports_stay_light():
    code = (
        "import sys, export.__main__, export.verify, export.client, export.benchmark, export.replay\n"
        "import export.serve, export.play, export.rollout\n"
        f"print([name for name in (*{HEAVY}, 'zoo') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
@pytest.mark.ci
def test_tensorflow_can_be_imported_after_its_protocol_buffers(light):
    code = (
        "from export import metagraph\n"
        f"metagraph.read(open({str(light.version)!r} + '/saved_model.pb', 'rb').read())\n"
        "import tensorflow as tf\n"
        f"print(sorted(tf.saved_model.load({str(light.version)!r}).signatures))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'sample'" in done.stdout


def test_where_there_is_no_c_library_it_says_so(monkeypatch, ended, light):
    monkeypatch.setattr(sys, "platform", "darwin")
    code, said, errors = ended(verify.main, light.version)
    assert (code, said, len(errors)) == (2, "", 1)
    assert "on Linux only, this is darwin" in errors[0]


# --- damaged files ----------------------------------------------------------------------------------------------------


def test_a_whole_version_fails_nothing(copy):
    assert failing(copy) == {}


@pytest.mark.parametrize("file", limits.FILES)
def test_a_changed_byte_a_missing_and_a_longer_file_fail(copy, file):
    content = (copy / file).read_bytes()
    flip(copy / file, len(content) // 2)
    assert refusal(copy)[0]
    assert f"{file} has changed" in refusal(copy)[1] or file == manifest.NAME
    (copy / file).write_bytes(content + b" ")
    assert "has changed" in refusal(copy)[1] or file == manifest.NAME
    (copy / file).unlink()
    missing = "manifest.json lists other files than there are" if file == limits.PICTURE else f"{file} is missing"
    assert refusal(copy) == ("manifest", missing)


def test_what_is_foreign_or_no_plain_file_fails(copy):
    def other(name, make, expected):
        make(copy / name)
        assert refusal(copy) == ("manifest", f"{name} {expected}")
        (copy / name).rmdir() if (copy / name).is_dir() else (copy / name).unlink()

    other("variables/left.tempstate", Path.touch, "is foreign")
    other("saved_model.pbtxt", Path.touch, "is foreign")
    other("assets/vocabulary", Path.touch, "is foreign")
    other("link", lambda path: path.symlink_to("MODEL_CARD.md"), "is a symbolic link")
    other("debug", Path.mkdir, "is a foreign folder")
    for name in ("MODEL_CARD.md", manifest.NAME):
        (copy / name).rename(copy.parent / "kept")
        other(name, os.mkfifo, "is not a plain file")
        other(name, lambda path: path.symlink_to(copy.parent / "kept"), "is a symbolic link")
        (copy.parent / "kept").rename(copy / name)
    (copy / "variables").rename(copy.parent / "variables")
    (copy / "variables").symlink_to(copy.parent / "variables")
    assert refusal(copy) == ("manifest", "variables is a symbolic link")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b'{"files": []}',
        b'{"files": {}}',
        b'{"files": {"a": 1}}',
        b'{"files": {"a": {"bytes": NaN}}}',
        b"[" * 60_000,
        b'{"files": {}, "files": {}}',
        b"\xff",
        b'{"files": {}, "more": 1}',
    ],
    ids=range(11),
)
def test_a_malformed_manifest_fails(copy, content):
    (copy / manifest.NAME).write_bytes(content)
    assert refusal(copy)[0] == "manifest"
    assert manifest.NAME in refusal(copy)[1]


def test_an_empty_numbered_folder_is_a_version_that_fails(tmp_path):
    (tmp_path / "7").mkdir()
    assert versions.is_version(tmp_path / "7")
    assert refusal(tmp_path / "7") == ("manifest", "saved_model.pb is missing")


# --- what departs from the contract, under a manifest that does not know ---------------------------------------------


def write_golden(version, change):
    """Other golden requests, with the warm-up records and the manifest of these."""
    requests = golden.read(version)
    change(requests)
    golden.write(version / golden.NAME, requests)
    warmup.write(version, json.loads((version / contract.FILE).read_text())["model"], requests)
    manifest.write(version)


def test_other_answers_than_the_golden_ones_fail(copy):
    def change(requests):
        requests["decode"]["outputs"]["image"][3, 1, 2, 0] += 3e-3

    write_golden(copy, change)
    assert failing(copy) == {"answers": "image of decode is off by 0.003"}


def test_golden_answers_that_are_not_finite_fail(copy):
    def change(requests):
        requests["decode"]["outputs"]["image"][0] = np.nan

    write_golden(copy, change)
    assert refusal(copy) == ("golden requests", "the model answers decode with NaN or infinity")


@pytest.mark.parametrize(
    "change",
    [
        lambda requests: requests.pop("decode"),
        lambda requests: requests.update(other=requests["decode"]),
        lambda requests: requests["decode"]["inputs"].update(latent=np.zeros([8, 3], np.float32)),
        lambda requests: requests["decode"]["inputs"].update(latent=np.zeros([8, 10_000], np.float32)),
        lambda requests: requests["sample"]["inputs"].update(seed=np.arange(8.0)),
        lambda requests: requests["sample"]["inputs"].update(seed=np.array([{}] * 8)),
    ],
    ids=["missing", "foreign", "shape", "large", "dtype", "objects"],
)
def test_golden_requests_other_than_the_contract_has_fail(copy, change):
    requests = golden.read(copy)
    change(requests)
    golden.write(copy / golden.NAME, requests)
    manifest.write(copy)
    assert refusal(copy)[0] == "golden requests"


def test_golden_requests_that_claim_more_than_they_hold_fail_before_they_are_read(copy):
    requests = golden.read(copy)
    golden.write(copy / golden.NAME, requests)
    with zipfile.ZipFile(copy / golden.NAME) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, content in members.items():
        if name == "sample/inputs/seed.npy":
            members[name] = content.replace(b"(8,), }", b"(2**9,)}").replace(b"(8,)", b"(9999999999,)")
    with zipfile.ZipFile(copy / golden.NAME, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    manifest.write(copy)
    assert refusal(copy)[0] == "golden requests"


def test_other_warm_up_records_fail(copy):
    model, requests = json.loads((copy / contract.FILE).read_text())["model"], golden.read(copy)

    def refused(content):
        (copy / warmup.FILE).write_bytes(content)
        manifest.write(copy)
        return refusal(copy)[0] == "warm-up"

    whole = (copy / warmup.FILE).read_bytes()
    first = warmup.record(model, "sample", requests["sample"]["inputs"])
    assert not refused(whole)
    assert refused(b"")
    assert refused(whole[:-1])
    assert refused(whole[:9] + b"\1" + whole[10:])
    assert refused(whole[:200] + b"\1\2\3" + whole[203:])
    assert refused(whole + warmup.framed(first))
    warmup.write(copy, "another", requests)
    assert refused((copy / warmup.FILE).read_bytes())
    requests["sample"]["inputs"]["seed"] = np.arange(9)
    warmup.write(copy, model, requests)
    assert refused((copy / warmup.FILE).read_bytes())


@pytest.mark.parametrize("change", ["\x1b[2J", "<script>", "another", "no signature"])
def test_a_card_of_another_model_or_with_more_than_text_fails(copy, change):
    text = (copy / "MODEL_CARD.md").read_text()
    changed = {"another": text.replace("# ", "# not ", 1), "no signature": text.replace("| `sample` |", "| `x` |")}
    (copy / "MODEL_CARD.md").write_text(changed.get(change, text + change))
    manifest.write(copy)
    assert refusal(copy)[0] == "model card"


def test_another_picture_than_a_png_fails(copy):
    whole = (copy / limits.PICTURE).read_bytes()

    def refused(content):
        (copy / limits.PICTURE).write_bytes(content)
        manifest.write(copy)
        return refusal(copy)[0] == "model card"

    assert not refused(whole)
    for content in (b"", whole[:-1], whole + b"<script>", b"GIF89a" + whole, whole[:40] + b"\1" + whole[41:]):
        assert refused(content)
    assert refused(whole[:8] + b"\0\0\0\4caBX1234\0\0\0\0" + whole[8:])


@pytest.mark.parametrize("content", [b"", b"\xff", b"0" * 90])
def test_a_damaged_fingerprint_fails(copy, content):
    (copy / limits.FINGERPRINT).write_bytes(content)
    manifest.write(copy)
    assert refusal(copy)[0] == "operations"
    assert limits.FINGERPRINT in refusal(copy)[1]


@pytest.mark.parametrize("content", [b"\xff" * 100, b"", b"\x0a\x00" * 2])
def test_a_damaged_graph_fails(copy, content):
    (copy / limits.GRAPH).write_bytes(content)
    manifest.write(copy)
    assert refusal(copy)[0] == "signatures"
    assert limits.GRAPH in refusal(copy)[1]


def test_an_index_of_other_tensors_fails(copy):
    content = (copy / limits.INDEX).read_bytes()

    def refused(other):
        (copy / limits.INDEX).write_bytes(other)
        manifest.write(copy)
        return refusal(copy)[0] == "weights"

    assert not refused(content)
    assert refused(content[:-1])
    assert refused(content[:-48] + bytes(40) + content[-8:])
    assert refused(content.replace(b"weights/0/", b"weights/x/"))
    with open(copy / limits.DATA, "ab") as data:
        data.write(b"more")
    assert refused(content)


def description(version) -> dict:
    return json.loads((version / contract.FILE).read_text())


def describe(version, facts):
    (version / contract.FILE).write_text(json.dumps(facts))
    manifest.write(version)


def test_a_description_that_breaks_the_contract_fails(copy):
    facts = description(copy)
    facts["signatures"]["sample"]["inputs"]["seed"]["shape"] = []
    describe(copy, facts)
    assert refusal(copy)[0] == "contract"
    assert "breaks the contract: seed among the inputs of sample is int64 []" in refusal(copy)[1]


@pytest.mark.parametrize(
    "change",
    [
        {"image_shape": [2**20, 2**20, 3]},
        {"latent_dim": 10**30},
        {"model": "../elsewhere"},
        {"classes": ["a"] * 2**17},
        {"more": 1},
    ],
)
def test_a_description_that_is_unbounded_fails(copy, change):
    describe(copy, description(copy) | change)
    assert refusal(copy)[0] == "contract"


def test_a_description_of_another_graph_fails(copy):
    facts = description(copy)
    del facts["signatures"]["decode"]
    describe(copy, facts)
    assert refusal(copy)[0] == "signatures"
    assert "signatures.json" in refusal(copy)[1]
