"""The page: its JavaScript computes what Python computes, it is one file, and what it cannot do is said."""

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import tfgen
from export import play, serve
from export.page import facts, moves, program, text
from export.server.refusals import Refusal
from tfgen.quiet import tf
from tfgen.storage import entries

NODE = shutil.which("node")
NETWORK = Path(text.__file__).with_name("network.js")
RUN = """
const fs = require("fs"), network = require(process.argv[1]), { page, asked } = JSON.parse(fs.readFileSync(0));
const model = JSON.parse(page), blob = network.bytes(model.blob), answers = {};
for (const name in asked) {
  const run = network.load(model.programs[name], blob);
  answers[name] = asked[name].map(inputs => Array.from(run(...inputs)));
}
console.log(JSON.stringify(answers));
"""
CODED = [entry for entry in tfgen.entries() if hasattr(entries.module(entry).build, "decode")]
VARIANTS = [(entry, {}) for entry in CODED]
VARIANTS += [
    ("vae", {"network": "conv", "hidden_units": (4, 8), "image_shape": (19, 16, 3)}),
    ("vae", {"covariance": "full"}),
    ("dcgan", {"image_shape": (17, 21, 3)}),
]


def in_browser(page: str, asked: dict) -> dict:
    """What the page's programs answer to lists of inputs, in node."""
    model = re.search('<script type="application/json" id="model">(.*?)</script>', page, re.DOTALL)[1]
    given = json.dumps({"page": model, "asked": asked})
    done = subprocess.run([NODE, "-e", RUN, str(NETWORK)], input=given, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def made(model) -> str:
    """The page of a model, whose weights it rounds."""
    found = facts.of(model, "a <model>") | {"by": "a test"}
    return text.page(found, *program.packed(facts.programs(model)))


@pytest.mark.skipif(NODE is None, reason="there is no node to run the page's JavaScript")
@pytest.mark.parametrize(("entry", "hyperparameters"), VARIANTS)
def test_the_page_computes_what_python_computes_on_the_same_weights(entry, hyperparameters, small):
    model = small(entry, **hyperparameters)
    page = made(model)
    generator = np.random.default_rng(0)
    given = {"decode": generator.standard_normal((3, model.latent_dim), np.float32)}
    if hasattr(model, "code"):
        given["encode"] = generator.random((3, *model.image_shape), np.float32)
    labels = [0, len(model.class_names) - 1, 1] if model.conditional else None
    asked = {
        name: [[row.ravel().tolist(), *([[labels[i]]] if labels else [])] for i, row in enumerate(rows)]
        for name, rows in given.items()
    }
    condition = {"label": tf.constant(labels, tf.int64)} if labels else {}
    functions = {"decode": model.image_mean, "encode": getattr(model, "code", None)}
    for name, answer in in_browser(page, asked).items():
        expected = np.asarray(functions[name](tf.constant(given[name]), **condition)).reshape(3, -1)
        np.testing.assert_allclose(answer, expected, atol=1e-4, rtol=1e-4)


def test_the_page_is_one_file_and_nothing_in_it_ends_its_scripts(small):
    page = made(small("cvae"))
    assert not re.findall(r"(?:src|href)=\"(?!data:)|https?://|@import|url\(", page.replace("http://www.w3.org", ""))
    assert page.count("</script>") == page.count("<script") == 3
    assert "a &lt;model&gt;" in page
    assert "a <model>" not in page
    assert "{{" not in page


def test_seeds_are_those_of_python_and_the_most_active_dimension_is_first(small):
    model = small("vae", latent_dim=3)
    kernel = next(weight for weight in model.decoder.weights if weight.shape[0] == 3)
    kernel.assign(kernel.numpy() * np.array([[0.01], [10], [1]]))
    found = facts.of(model, "vae")
    assert found["order"] == [1, 2, 0]
    codes = np.frombuffer(base64.b64decode(found["draws"]), "<f4").reshape(facts.SEEDS, 3)
    for seed in (0, 7, 255):
        np.testing.assert_allclose(model.decode(codes[[seed]]), model.sample(seed=seed), atol=1e-6)
    assert (np.array(found["low"]) < found["start"]).all()
    assert (np.array(found["high"]) > found["start"]).all()


def test_a_model_without_a_prior_has_a_page_too(small):
    found = facts.of(small("autoencoder"), "autoencoder")
    assert (found["draws"], found["encodes"]) == ("", True)
    assert (np.array(found["low"]) < found["high"]).all()


@pytest.mark.parametrize("places", [[1, 2, 3], [3, 2, 1], [0, 0, 1, 2, 0, 7], [0, 1], [5], []])
def test_runs_are_places(places):
    pairs = np.array(moves.runs(np.array(places))).reshape(-1, 2)
    found = [(first + k if first else 0) for first, count in pairs.tolist() for k in range(count)]
    assert found == places


def test_weights_are_stored_in_half_precision_where_that_is_exact():
    exact = tf.constant([[0.5, 1.25, -3.0]])
    described, blob = program.packed({"f": program.program(lambda x: x * exact + 0.1, tf.TensorSpec([1, 3]))})
    kinds = {kind for _, kind, _ in described["f"]["constants"]}
    assert kinds == {"half", "float"}
    assert len(blob) == 8 + 4  # three halves, padded, and a float


def test_what_the_page_does_not_compute_is_named_only_where_it_is_needed():
    def needed(x):
        return tf.cumsum(x, axis=-1)

    def unneeded(x):
        return x + 0 * tf.reduce_sum(tf.cumsum(x, axis=-1))

    with pytest.raises(program.UnknownError, match="the operation Cumsum, which the page does not compute"):
        program.program(needed, tf.TensorSpec([1, 3]))
    assert {step["op"] for step in program.program(unneeded, tf.TensorSpec([1, 3])).steps} <= {"Add", "Pass"}


def test_too_many_parameters_are_told_and_a_server_is_offered(small, save_run, tmp_path, monkeypatch, ended):
    run = save_run(small("vae"), tmp_path / "run")
    monkeypatch.setattr("export.page.facts.PARAMETERS", 100)
    code, said, errors = ended(play.main, run, "--to", tmp_path / "page.html")
    assert (code, said, len(errors)) == (2, "", 1)
    assert re.search(r"has [\d,]+ parameters, a page holds 100 at most; without --to a local server comp", errors[0])
    page = play.of_model(str(run), (), None)
    status, _, content = page.respond("POST", "/decode", json.dumps({"latent": [0, 0, 0]}).encode())
    assert (status, len(json.loads(content)["values"])) == (200, 28 * 28)
    with pytest.raises(Refusal, match="latent must be 3 numbers"):
        page.respond("POST", "/decode", b'{"latent": [1, 2]}')
    with pytest.raises(Refusal, match="there is no /x"):
        page.respond("GET", "/x", b"")
    assert page.respond("GET", "/", b"")[1].startswith("text/html")


def test_a_page_is_written_once(small, save_run, tmp_path, ended):
    run = save_run(small("gan"), tmp_path / "run")
    code, said, errors = ended(play.main, run, "--to", tmp_path / "page.html")
    assert (code, errors) == (0, [])
    assert "opens in any browser" in said
    code, _, errors = ended(play.main, run, "--to", tmp_path / "page.html")
    assert (code, len(errors)) == (2, 1)
    assert "exists already" in errors[0]


def test_a_model_without_a_code_has_no_page(small, save_run, tmp_path, ended):
    for source in (save_run(small("pixelcnn"), tmp_path / "run"), "pixelcnn"):  # trained, and not
        code, _, errors = ended(play.main, source, "--to", tmp_path / "page.html")
        assert (code, len(errors)) == (2, 1)
        assert "pixelcnn has no code" in errors[0]


def test_help_shows_no_empty_default(ended):
    for main in (play.main, serve.main):
        code, out, _ = ended(main, "--help")
        assert code == 0
        assert "[default: ]" not in out
        assert "[default:" in out
