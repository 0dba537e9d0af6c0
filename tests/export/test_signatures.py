"""What is served is what the model says in Python: every signature of every entry, through the C++ session."""

import dataclasses
import subprocess
import sys
import threading

import numpy as np
import pytest

import tfgen
from export import contract, signatures
from export.session import Session, SessionError
from tfgen.distributions import learned_priors
from tfgen.quiet import tf


def test_every_variable_is_stored_once(exported):
    stored = sum(path.stat().st_size for path in (exported.version / "variables").glob("variables.data-*"))
    held = sum(4 * int(np.prod(weight.shape)) for weight in exported.model.weights)
    print(f"{exported.model.entry}: {stored:,} bytes stored for {held:,} bytes of weights")
    assert held <= stored < 1.02 * held + 10_000  # the object graph lies beside them


def test_every_signature_answers_as_the_public_functions_do(exported, session):
    known = [name for name in exported.signatures if name in contract.SIGNATURES]
    assert known
    for name in known:
        request = exported.request(name, 6)
        answers, expected = session.run(name, request), exported.ask(exported.model, name, request)
        for key, value in zip(exported.signatures[name]["outputs"], expected, strict=True):
            tolerance = 1e-5 if key == "image" else 1e-4
            np.testing.assert_allclose(answers[key], value, rtol=1e-5, atol=tolerance, err_msg=f"{key} of {name}")


def test_samples_do_not_depend_on_their_batch(exported, session):
    if "sample" not in exported.signatures:
        pytest.skip("does not sample")
    request = exported.request("sample", 64)
    together = session.run("sample", request)["image"]
    rows = ({name: value[row : row + 1] for name, value in request.items()} for row in range(64))
    np.testing.assert_allclose([session.run("sample", row)["image"][0] for row in rows], together, atol=1e-5)
    assert np.abs(together[2:] - together[:-2]).max(axis=(1, 2, 3)).min() > 1e-6  # other seeds, other images


def test_latents_from_the_prior_are_equal_to_the_bit(exported, tmp_path):
    if not {"sample", "decode"} <= set(exported.signatures):
        pytest.skip("draws no code")
    module, model = tf.Module(), exported.model
    module.weights = [weight.value for weight in model.weights]
    draw = tf.function(lambda seed: {"latent": model.draw_prior(seed)}, autograph=False)
    signature = draw.get_concrete_function(tf.TensorSpec([None], tf.int64, "seed"))
    tf.saved_model.save(module, str(tmp_path), signatures=signature)
    rows = tfgen.row_seeds(5, 32)
    with Session(tmp_path) as session:
        together = session.run("serving_default", {"seed": rows})["latent"]
        alone = [session.run("serving_default", {"seed": rows[i : i + 1]})["latent"][0] for i in range(32)]
    np.testing.assert_array_equal(together, model.draw_prior(tf.constant(rows)))
    np.testing.assert_array_equal(alone, together)


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.parametrize("prior", learned_priors.LEARNED)
def test_learned_priors_are_served_as_they_are_in_python(small, prior, tmp_path):
    model = small("vae", prior=prior)
    signatures.save(model, model.signatures(4), tmp_path / "served")
    rows = tfgen.row_seeds(5, 32)
    images = model.sample(32, seed=rows).numpy()
    with Session(tmp_path / "served") as session:
        together = session.run("sample", {"seed": rows})["image"]
        alone = [session.run("sample", {"seed": rows[i : i + 1]})["image"][0] for i in range(32)]
        score = session.run("score", {"image": images, "seed": rows})
    np.testing.assert_allclose(together, images, atol=1e-5)
    np.testing.assert_allclose(alone, images, atol=1e-5)
    np.testing.assert_allclose(score["elbo"], model.elbo(images, seed=rows), rtol=1e-4)


def test_the_bound_of_more_samples_is_the_higher_one(plain, plain_session):
    answers = plain_session.run("score", plain.request("score", 32))
    assert answers["log_likelihood"].mean() > answers["elbo"].mean()


def test_a_label_of_no_class_gives_a_row_of_nan_only(conditional, conditional_session):
    classes = len(conditional.facts["classes"])
    request = {"seed": np.arange(4), "label": np.array([1, classes, -1, classes - 1])}
    image = conditional_session.run("sample", request)["image"]
    assert np.isnan(image[1:3]).all()
    for row in (0, 3):
        expected = conditional.model.sample(1, label=request["label"][row], seed=[row])[0]
        np.testing.assert_allclose(image[row], expected, atol=1e-5)


def test_a_code_that_is_not_finite_gives_a_row_of_nan_only(plain, plain_session):
    latent = np.ones((4, plain.facts["latent_dim"]), np.float32)
    latent[1, 0], latent[2, -1] = np.nan, -np.inf
    image = plain_session.run("decode", {"latent": latent})["image"]
    assert np.isnan(image[1:3]).all()
    np.testing.assert_allclose(
        image[[0, 3]], plain_session.run("decode", {"latent": latent[[0, 3]]})["image"], atol=1e-6
    )
    latent[:] = 3e38  # products of it overflow
    rows = plain_session.run("decode", {"latent": latent})["image"].reshape(4, -1)
    assert (np.isnan(rows).all(1) | np.isfinite(rows).all(1)).all()


def test_a_code_of_another_shape_is_refused_and_not_cut_up(plain, plain_session):
    dim = plain.facts["latent_dim"]
    for shape in ((2, 2 * dim), (2 * dim, 1), (dim,)):
        with pytest.raises(SessionError, match=rf"not compatible with expected shape \[\?,{dim}\]"):
            plain_session.run("decode", {"latent": np.zeros(shape, np.float32)})


def test_functions_that_break_their_signature_are_named(plain, tmp_path):
    table = plain.model.signatures(2)
    image = table["decode"].outputs["image"]
    for outputs, reason in (
        ({"picture": image}, "decode returns image; its signature has picture"),
        ({"image": image | {"shape": [-1, 5]}}, r"image of decode is float32 \[.*its signature has float32 \[-1, 5\]"),
        ({"image": image | {"dtype": "int64"}}, "image of decode is float32 .*its signature has int64"),
    ):
        wrong = {"decode": dataclasses.replace(table["decode"], outputs=outputs)}
        with pytest.raises(contract.ContractError, match=reason):
            signatures.save(plain.model, wrong, tmp_path)


def test_eight_threads_share_a_session(plain, plain_session):
    expected = plain.model.sample(200, seed=np.arange(200)).numpy()
    wrong = []

    def ask(first):
        for turn in range(100):
            rows = (first + turn + np.arange(1 + turn % 3)) % 200
            image = plain_session.run("sample", {"seed": rows})["image"]
            if not np.allclose(image, expected[rows], atol=1e-5):
                wrong.append(rows)

    threads = [threading.Thread(target=ask, args=(25 * number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_score_holds_no_copies_of_a_large_batch(plain):
    """2,000 images with K = 16: copies of them would be 100 MB of 28 x 28 pixels, and their logits as much again."""
    code = f"""
import numpy as np
from pathlib import Path
from export.session import Session
session = Session({str(plain.version)!r})
def score(rows):
    image = np.zeros((rows, *{plain.facts["image_shape"]}), np.float32)
    session.run("score", {{"image": image, "seed": np.arange(rows)}})
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
few, many = score(10), score(2000)
print((many - few) / 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    print(f"scoring 2,000 images takes {float(done.stdout):.0f} MB")
    assert float(done.stdout) < 80


def test_settings_of_the_optimizer_do_not_get_into_a_graph(tmp_path):
    """TensorFlow writes them into every call of a function, and a server would follow them."""
    script = f"""
import tensorflow as tf
from export import contract, signatures
from tfgen.storage import entries
model = entries.build("vae", entries.module("vae").SMALL)
tf.config.optimizer.set_experimental_options({{"constant_folding": False}})
try:
    signatures.save(model, model.signatures(4), {str(tmp_path / "served")!r})
except contract.ContractError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.startswith("tf.config.optimizer is set in this process (constant_folding=False)")
    assert not (tmp_path / "served").exists()
