"""Verification passes what is whole and fails what is damaged: files, contract, golden answers."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from export import contract, golden, manifest, verify


def run(module: str, *arguments):
    """A command in a fresh process: (exit code, stdout, stderr)."""
    words = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def copy(vae, tmp_path):
    """A version to damage."""
    return shutil.copytree(vae.version, tmp_path / "vae" / "1")


def failing(version) -> dict:
    """The checks that a version fails: name -> why."""
    return {name: detail for name, passed, detail in verify.check(version) if not passed}


def flip(path, place: int = -100):
    """Changes one byte of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


# --- the command ------------------------------------------------------------------------------------------------------


def test_a_whole_version_passes_with_a_table(vae):
    code, said, errors = run("export.verify", vae.version)
    assert (code, errors) == (0, "")
    checks = [line.split("  ")[1] for line in said.splitlines() if line.startswith("  ")]
    wanted = ["manifest", "contract", "golden", "load", "signatures", "operations", "answers", "rows", "seeds"]
    assert [check.split()[0] for check in checks] == wanted


def test_a_damaged_version_fails_with_one_line(copy):
    shutil.rmtree(copy / "variables")
    code, said, errors = run("export.verify", copy)
    assert code == 1
    assert "FAILED" in said
    assert errors.splitlines() == [f"error: {copy} fails manifest, answers, rows, seeds"]


@pytest.mark.parametrize("path", ["nowhere", "file", "folder"])
def test_a_path_that_is_no_version_ends_with_2(path, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    code, said, errors = run("export.verify", tmp_path / path)
    assert (code, said) == (2, "")
    assert errors.count("\n") == 1
    assert "is no version" in errors


def test_the_verifying_process_has_no_python_of_tensorflow_or_keras(vae):
    code = (
        "import sys\n"
        "from export import verify\n"
        f"verify.main([{str(vae.version)!r}])\n"
        "heavy = ('tensorflow', 'tensorflow.python', 'keras', 'tf_keras', 'tensorflow_probability', 'tfgen')\n"
        "print([name for name in heavy if name in sys.modules])\n"
        "print({name.split('.')[1] for name in sys.modules if name.startswith('tensorflow.')})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == ["[]", "{'core'}"]


@pytest.mark.parametrize("module", ["export", "export.verify", "export.client", "export.benchmark", "export.replay"])
def test_imports_stay_light(module):
    code = f"import sys, {module}; print(sorted({{'tensorflow', 'keras', 'tfgen', 'zoo'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_tensorflow_can_be_imported_after_its_protocol_buffers(vae):
    code = (
        "from export.session import read_graph\n"
        f"read_graph({str(vae.version)!r})\n"
        "import tensorflow as tf\n"
        f"print(sorted(tf.saved_model.load({str(vae.version)!r}).signatures))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'sample'" in done.stdout


def test_where_there_is_no_c_library_it_says_so(monkeypatch, capsys, vae):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SystemExit) as stop:
        verify.main([str(vae.version)])
    assert stop.value.code == 2
    assert "on Linux only, this is darwin" in capsys.readouterr().err


# --- damaged files ----------------------------------------------------------------------------------------------------


def test_a_whole_version_fails_nothing(copy):
    assert failing(copy) == {}


def test_missing_variables_fail(copy):
    shutil.rmtree(copy / "variables")
    assert set(failing(copy)) == {"manifest", "answers", "rows", "seeds"}  # the loader itself takes it


@pytest.mark.parametrize("file", ["variables/variables.data-00000-of-00001", "golden.npz", "MODEL_CARD.md"])
def test_a_changed_byte_fails(copy, file):
    flip(copy / file, 100)
    assert failing(copy)["manifest"] == f"{file} has changed"


def test_a_damaged_graph_fails(copy):
    (copy / "saved_model.pb").write_bytes(b"\xff" * 100)
    assert set(failing(copy)) == {"manifest", "load"}
    assert failing(copy)["load"] == "saved_model.pb is damaged"


@pytest.mark.parametrize("file", ["saved_model.pb", "signatures.json", "assets.extra/tf_serving_warmup_requests"])
def test_a_missing_file_fails(copy, file):
    (copy / file).unlink()
    assert failing(copy)["manifest"] == f"{file} is missing"


def test_a_foreign_file_and_a_link_fail(copy):
    (copy / "variables" / "left.tempstate").touch()
    (copy / "link").symlink_to("MODEL_CARD.md")
    assert failing(copy) == {"manifest": "link is foreign; variables/left.tempstate is foreign"}


def test_a_version_without_its_manifest_fails(copy):
    (copy / manifest.NAME).unlink()
    assert failing(copy) == {"manifest": "manifest.json is missing or damaged"}


def test_an_empty_numbered_folder_is_a_version_that_fails(tmp_path):
    (tmp_path / "7").mkdir()
    assert verify.is_version(tmp_path / "7")
    assert "load" in failing(tmp_path / "7")


# --- answers that depart, under a manifest that does not know -------------------------------------------------------


def test_other_answers_than_the_golden_ones_fail(copy):
    requests = golden.read(copy / golden.NAME)
    requests["encode"]["outputs"]["latent_mean"][3, 1] += 3e-3
    golden.write(copy / golden.NAME, requests)
    manifest.write(copy)
    assert failing(copy) == {"answers": "latent_mean of encode is off by 0.003"}


def test_golden_answers_that_are_not_finite_fail(copy):
    requests = golden.read(copy / golden.NAME)
    requests["score"]["outputs"]["elbo"][0] = np.nan
    golden.write(copy / golden.NAME, requests)
    manifest.write(copy)
    assert failing(copy)["golden requests"] == "the model answers score with NaN or infinity"


def test_a_description_that_departs_from_the_contract_fails(copy):
    facts = json.loads((copy / contract.FILE).read_text())
    facts["signatures"]["sample"]["inputs"]["seed"]["shape"] = []
    (copy / contract.FILE).write_text(json.dumps(facts))
    assert "departs from the contract" in failing(copy)["contract"]
