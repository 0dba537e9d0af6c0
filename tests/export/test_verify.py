"""Verification passes what is whole and fails what is damaged: files, contract, golden answers."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from export import contract, golden, manifest, verify, versions

HEAVY = ("tensorflow", "tensorflow.python", "keras", "tf_keras", "tensorflow_probability")


@pytest.fixture
def copy(light, tmp_path):
    """A version to damage."""
    return shutil.copytree(light.version, tmp_path / "model" / "1")


def failing(version) -> dict:
    """The checks that a version fails: name -> why."""
    return {name: detail for name, passed, detail in verify.check(version) if not passed}


def flip(path, place: int = -100):
    """Changes one byte of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


# --- the command ------------------------------------------------------------------------------------------------------


def test_a_whole_version_passes_with_a_table_and_without_tensorflow_or_keras(conditional):
    code = (
        "import sys\n"
        "from export import verify\n"
        f"verify.main([{str(conditional.version)!r}])\n"
        f"print([name for name in {HEAVY} if name in sys.modules])\n"
        "print({name.split('.')[1] for name in sys.modules if name.startswith('tensorflow.')})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    *table, last, heavy, parts = done.stdout.splitlines()
    assert last == f"{conditional.version} holds what it promises"
    expected = [
        "manifest",
        "contract",
        "golden",
        "load",
        "signatures",
        "operations",
        "answers",
        "rows",
        "seeds",
        "labels",
        "pixels",
    ]
    assert [line.split()[0] for line in table] == expected
    assert (heavy, parts) == ("[]", "{'core'}")  # the protocol buffers of TensorFlow's core alone


def test_a_damaged_version_fails_with_one_line(copy, ended):
    shutil.rmtree(copy / "variables")
    code, said, errors = ended(verify.main, copy)
    assert code == 1
    assert "FAILED" in said
    assert errors == [f"error: {copy} fails manifest, answers, rows, seeds, pixels"]


@pytest.mark.parametrize("path", ["nowhere", "file", "folder"])
def test_a_path_that_is_no_version_ends_with_2(path, tmp_path, ended):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    code, said, errors = ended(verify.main, tmp_path / path)
    assert (code, said, len(errors)) == (2, "", 1)
    assert "is no version" in errors[0]


def test_imports_stay_light():
    code = (
        "import sys, export.__main__, export.verify, export.client, export.benchmark, export.replay\n"
        f"print([name for name in (*{HEAVY}, 'zoo') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
@pytest.mark.ci
def test_tensorflow_can_be_imported_after_its_protocol_buffers(light):
    code = (
        "from export.session import read_graph\n"
        f"read_graph({str(light.version)!r})\n"
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


def test_missing_variables_fail(copy):
    shutil.rmtree(copy / "variables")
    assert set(failing(copy)) == {"manifest", "answers", "rows", "seeds", "pixels"}  # the loader itself takes it


@pytest.mark.parametrize("file", ["variables/variables.data-00000-of-00001", "golden.npz", "MODEL_CARD.md"])
def test_a_changed_byte_fails(copy, file):
    flip(copy / file, 100)
    assert manifest.differences(copy) == [f"{file} has changed"]


def test_a_damaged_graph_fails(copy):
    (copy / "saved_model.pb").write_bytes(b"\xff" * 100)
    found = failing(copy)
    assert set(found) == {"manifest", "load"}
    assert found["load"] == "saved_model.pb is damaged"


@pytest.mark.parametrize("file", ["saved_model.pb", "signatures.json", "assets.extra/tf_serving_warmup_requests"])
def test_a_missing_file_fails(copy, file):
    (copy / file).unlink()
    assert manifest.differences(copy) == [f"{file} is missing"]


def test_a_foreign_file_and_a_link_fail(copy):
    (copy / "variables" / "left.tempstate").touch()
    (copy / "link").symlink_to("MODEL_CARD.md")
    assert failing(copy) == {"manifest": "link is foreign; variables/left.tempstate is foreign"}


def test_a_version_without_its_manifest_fails(copy):
    (copy / manifest.NAME).unlink()
    assert manifest.differences(copy) == ["manifest.json is missing or damaged"]


def test_an_empty_numbered_folder_is_a_version_that_fails(tmp_path):
    (tmp_path / "7").mkdir()
    assert versions.is_version(tmp_path / "7")
    assert "load" in failing(tmp_path / "7")


# --- answers that depart, under a manifest that does not know -------------------------------------------------------


def test_other_answers_than_the_golden_ones_fail(copy):
    requests = golden.read(copy / golden.NAME)
    requests["decode"]["outputs"]["image"][3, 1, 2, 0] += 3e-3
    golden.write(copy / golden.NAME, requests)
    manifest.write(copy)
    assert failing(copy) == {"answers": "image of decode is off by 0.003"}


def test_golden_answers_that_are_not_finite_fail(copy):
    requests = golden.read(copy / golden.NAME)
    requests["decode"]["outputs"]["image"][0] = np.nan
    golden.write(copy / golden.NAME, requests)
    manifest.write(copy)
    assert failing(copy)["golden requests"] == "the model answers decode with NaN or infinity"


def test_a_description_that_breaks_the_contract_fails(copy):
    facts = json.loads((copy / contract.FILE).read_text())
    facts["signatures"]["sample"]["inputs"]["seed"]["shape"] = []
    (copy / contract.FILE).write_text(json.dumps(facts))
    assert "breaks the contract: seed among the inputs of sample is int64 []" in failing(copy)["contract"]


def test_a_description_of_another_graph_fails(copy):
    facts = json.loads((copy / contract.FILE).read_text())
    del facts["signatures"]["decode"]
    (copy / contract.FILE).write_text(json.dumps(facts))
    assert "signatures.json" in failing(copy)["signatures"]
