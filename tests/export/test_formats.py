"""Other formats: a converted signature answers as Python does, and what is not converted is told in one line."""

import json
import os
import subprocess
import sys
import typing
from pathlib import Path

import numpy as np
import pytest

import tfgen
from export import __main__ as command
from export import contract, golden, manifest
from export.formats import checking, litert, options, readme, running, writing
from tfgen.distributions import likelihoods
from tfgen.storage import entries

SLOW = (pytest.mark.slow, pytest.mark.ci)
SLOWEST = (pytest.mark.slow,)
FORMS = tuple(options.PACKAGES)
COLOUR = {"image_shape": (16, 19, 3)}
LIKELIHOODS = typing.get_args(likelihoods.Likelihood)
BOTH = [(form, weights) for form in FORMS for weights in options.WEIGHTS[form]]
VARIED = [(entry, variant) for entry in tfgen.entries() for variant in getattr(entries.module(entry), "VARIANTS", ())]
VARIED += [(entry, COLOUR | {"likelihood": name}) for entry in ("vae", "pixelcnn") for name in LIKELIHOODS]
CASES = [(entry, {}, *each) for entry in tfgen.entries() for each in BOTH]
CASES += [(*each, form, "float32") for each in VARIED for form in FORMS]
IN_CI = [("cvae", {}, "litert", "float32"), ("cvae", {}, "litert", "int8"), ("cvae", {}, "onnx", "float32")]


@pytest.fixture(autouse=True)
def devices(monkeypatch):
    """Puts back what the command sets for its own process."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")


@pytest.fixture
def packages(monkeypatch):
    """Lets every format be asked for, whether its packages are installed or not."""
    monkeypatch.setattr(options, "absent", lambda form: [])


def need(form: str) -> None:
    """Skips a test where the packages of a format are not installed."""
    if absent := options.absent(form):
        pytest.skip(f"{', '.join(absent)} not installed: pip install '.[{form}]'")


# --- what may be asked for ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--format", "savedmodel", "--weights", "int8"),
            "weights of savedmodel must be float32, got 'int8'; --format litert can store",
        ),
        (
            ("--format", "onnx", "--weights", "int8"),
            "weights of onnx must be float32 or float16, got 'int8'; --format litert",
        ),
        (("--format", "litert", "--no-batching"), "score-samples and no-batching are for format savedmodel"),
        (("--format", "onnx", "--score-samples", "3"), "score-samples and no-batching are for format savedmodel"),
        (("--format", "tflite"), "--format must be one of savedmodel, litert, onnx; got 'tflite'"),
        (("--format", "litert", "--weights", "half"), "--weights must be one of float32, float16, int8; got 'half'"),
    ],
)
def test_options_that_do_not_go_together_are_one_line(words, said, packages, ended, tmp_path):
    code, out, error = ended(command.main, "vae", "--to", tmp_path / "served", *words)
    assert (code, out) == (2, "")
    assert error[-1].startswith("error: ")
    assert said in error[-1]
    assert not (tmp_path / "served").exists()


@pytest.mark.parametrize("form", FORMS)
def test_a_missing_extra_is_one_line_with_the_command_that_installs_it(form, ended, tmp_path, monkeypatch):
    monkeypatch.setattr(options.importlib.util, "find_spec", lambda name: None)
    code, out, error = ended(command.main, "vae", "--to", tmp_path / "served", "--format", form)
    assert (code, out, len(error)) == (2, "", 1)
    assert error[0].endswith(f"pip install '.[{form}]' in the folder of tfgen's source")
    assert not (tmp_path / "served").exists()


def test_an_unknown_entry_is_refused_as_for_a_server(packages, ended, tmp_path):
    code, out, error = ended(command.main, "nobody", "--to", tmp_path / "served", "--format", "litert")
    assert (code, out, len(error)) == (2, "", 1)
    assert not (tmp_path / "served").exists()


# --- which signatures -----------------------------------------------------------------------------------------------


def converted(model, folder: Path, monkeypatch, **answers) -> dict:
    """The facts of a folder whose files a converter of the test wrote: content by name, or an error."""

    def convert(model, name, signature, weights):
        if isinstance(answer := answers.get(name, b"-"), Exception):
            raise answer
        return answer

    monkeypatch.setitem(writing.CONVERTERS, "litert", convert)
    return writing.convert(model, folder, "litert", "float32")


def test_signatures_are_converted_or_say_why_not(small, tmp_path, monkeypatch):
    model = small("gan")
    facts = converted(model, tmp_path, monkeypatch, discriminate=litert.UnconvertedError("LiteRT has no Mystery"))
    assert set(facts["files"]) == {"decode"} == set(facts["signatures"])
    assert set(facts["not_converted"]) == {"sample", "discriminate"}
    assert facts["not_converted"]["discriminate"] == "LiteRT has no Mystery"
    assert "codes.npy" in facts["not_converted"]["sample"]
    assert [path.name for path in tmp_path.glob("*.tflite")] == ["decode.tflite"]
    requests = golden.parse((tmp_path / golden.NAME).read_bytes(), facts["signatures"])
    expected = model.decode(requests["decode"]["inputs"]["latent"])
    np.testing.assert_allclose(requests["decode"]["outputs"]["image"], expected, atol=1e-6)


@pytest.mark.parametrize("entry", ["iaf_vae", "completer"])
def test_what_a_seed_draws_is_an_input_of_its_own(entry, small):
    model = small(entry)
    for name, signature in model.seedless_signatures().items():
        seeded = model.signatures()[name]
        assert seeded.outputs == signature.outputs
        assert set(seeded.inputs) - set(signature.inputs) == {"seed"}
        (drawn,) = set(signature.inputs) - set(seeded.inputs)
        assert signature.inputs[drawn] == {"dtype": "float32", "shape": [-1, model.latent_dim]}


def test_a_model_of_which_nothing_is_converted_says_why(small, tmp_path, monkeypatch):
    def refused(*arguments):
        raise litert.UnconvertedError("LiteRT has no Mystery")

    model = small("gan")
    monkeypatch.setitem(writing.CONVERTERS, "litert", refused)
    with pytest.raises(contract.ContractError, match=r"nothing of a-name can be converted to LiteRT: .*no Mystery"):
        writing.write(model, "a-name", tmp_path, "litert", "float32")


def test_operations_that_a_converter_names_are_told():
    said = (
        "error: 'tf.MatrixDiagPartV3' op is neither a custom op nor a flex op\nTF Select ops: MatrixDiagPartV3, Foo\n"
    )
    assert litert.reason(said) == "LiteRT has no Foo, MatrixDiagPartV3"
    assert litert.reason("Traceback\nit went wrong") == "it went wrong"


# --- the proof ------------------------------------------------------------------------------------------------------

IMAGE = np.linspace(0, 1, 8 * 3, dtype=np.float32).reshape(8, 3)


def halved(inputs: dict) -> dict:
    """A model as it should be: half of each pixel, and NaN for a row that is outside [0, 1]."""
    image = inputs["image"]
    return {"image": np.where(((image >= 0) & (image <= 1)).all(1, keepdims=True), image / 2, np.float32(np.nan))}


WRONG = {
    "off by": lambda inputs: {"image": halved(inputs)["image"] + np.float32(1e-3)},
    "depends on the batch": lambda inputs: {"image": halved(inputs)["image"] * np.float32(len(inputs["image"]) / 8)},
    "is not two rows of NaN": lambda inputs: {"image": inputs["image"] / 2},
    "has the shape": lambda inputs: {"image": halved(inputs)["image"][:, :1]},
    "it answers picture": lambda inputs: {"picture": halved(inputs)["image"]},
}


def measured(run, monkeypatch, weights: str = "float32") -> dict:
    monkeypatch.setattr(running, "opened", lambda path: run)
    monkeypatch.setattr(checking, "SECONDS", 0)
    sides = {"inputs": {"image": IMAGE}, "outputs": {"image": IMAGE / 2}}
    return checking.measured(Path("a.tflite"), sides, {"weights": weights, "classes": []})


def test_right_answers_pass_the_proof(monkeypatch):
    found = measured(halved, monkeypatch)
    assert (found["difference"], found["loss"]) == (0, 0)
    assert found["p50_ms"] >= 0


@pytest.mark.parametrize("said", WRONG)
def test_wrong_answers_fail_the_proof(said, monkeypatch):
    with pytest.raises(checking.WrongError, match=said):
        measured(WRONG[said], monkeypatch)


def test_the_loss_of_rounded_weights_is_measured_and_not_refused_there(monkeypatch):
    found = measured(lambda inputs: {"image": 1.1 * halved(inputs)["image"]}, monkeypatch, "int8")
    assert found["loss"] == pytest.approx(0.1 * np.sqrt(np.mean(IMAGE**2)) / np.std(IMAGE))
    assert found["difference"] == pytest.approx(0.05)


def test_the_loss_of_numbers_that_hardly_differ_is_a_share_of_their_size():
    expected = np.full([8, 2], 0.5, np.float32)
    assert checking.loss(expected + np.float32(1e-3), expected) == pytest.approx(0.02, rel=1e-3)
    assert checking.loss(expected, expected) == 0


def test_a_signature_that_loses_too_much_is_left_out(tmp_path):
    facts = {"weights": "int8", "signatures": {"a": {}, "b": {}}, "not_converted": {}}
    facts["files"] = {"a": {"file": "a.tflite", "loss": 0.3}, "b": {"file": "b.tflite", "loss": 0.2}}
    for name in "ab":
        (tmp_path / f"{name}.tflite").write_bytes(b"-")
    golden.write(tmp_path / golden.NAME, {name: {"inputs": {}, "outputs": {"x": IMAGE}} for name in "ab"})
    writing.leave_out(facts, tmp_path)
    assert list(facts["files"]) == list(facts["signatures"]) == ["b"]
    assert facts["not_converted"] == {"a": "int8 weights lose 30.0%, above 25%"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tflite", golden.NAME]
    assert list(np.load(tmp_path / golden.NAME)) == ["b/outputs/x"]


# --- real conversions -----------------------------------------------------------------------------------------------


def run_readme(folder: Path) -> np.ndarray:
    """What the Python of a README answers, run in its folder by a fresh process."""
    lines = (folder / readme.NAME).read_text().partition("```python\n")[2].partition("```")[0]
    output = lines.strip().splitlines()[-1].partition(" = ")[0]
    code = f"{lines}\nnp.save({str(folder / 'answer')!r}, {output})"
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=folder, env=env, check=True, capture_output=True)
    return np.load(folder / "answer.npy")


def check_folder(model, folder: Path, facts: dict) -> None:
    """What every folder holds: facts, files with their SHA-256, and a README whose lines run."""
    assert json.loads((folder / writing.FILE).read_text()) == facts
    assert set(facts["files"]) | set(facts["not_converted"]) == set(model.signatures()) - {contract.DEFAULT}
    listed = manifest.parse((folder / manifest.NAME).read_bytes())
    assert set(listed) == {path.name for path in folder.iterdir()} - {manifest.NAME}
    answer = run_readme(folder)
    if (folder / writing.CODES).exists() and "decode" in facts["files"] and not model.conditional:
        expected = np.concatenate([model.sample(1, seed=seed) for seed in range(8)])
        np.testing.assert_allclose(answer, expected, atol=1e-5 if facts["weights"] == "float32" else 0.5)
    assert np.isfinite(answer).all()


@pytest.mark.parametrize("form", ["litert", pytest.param("onnx", marks=SLOW)])
def test_an_export_is_converted_proved_and_published_whole(form, light, ended, tmp_path):
    """The one conversion of every run of the tests."""
    need(form)
    code, out, error = ended(command.main, light.run, "--to", tmp_path, "--format", form)
    assert (code, error) == (0, [])
    entry = light.model.entry
    folder = tmp_path / entry / f"{form}-float32" / "1"
    assert f"How to run it: {folder}/README.md" in out
    facts = json.loads((folder / writing.FILE).read_text())
    check_folder(light.model, folder, facts)
    assert [path.name for path in folder.parent.iterdir()] == ["1"]


@pytest.mark.parametrize(
    ("entry", "variant", "form", "weights"),
    [pytest.param(*case, marks=SLOW if case in IN_CI else SLOWEST) for case in CASES],
)
def test_every_entry_answers_as_in_python(entry, variant, form, weights, small, tmp_path):
    need(form)
    model = small(entry, **variant)
    facts = writing.write(model, entry, tmp_path, form, weights)
    check_folder(model, tmp_path, facts)
    expected = {name for name in model.signatures() if name in ("decode", "encode", "reconstruct", "discriminate")}
    assert expected - set(facts["files"]) <= {name for name, why in facts["not_converted"].items() if " has no " in why}
