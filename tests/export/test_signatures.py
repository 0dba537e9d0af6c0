"""What is served is what the model says in Python: every signature of every entry, through the C++ session."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from export.session import Session, SessionError

IMAGE = ("float32", [-1, 28, 28, 1])
NUMBER, SEED = ("float32", [-1]), ("int64", [-1])
SEEDED = ("vae", "cvae", "iaf_vae")  # the entries that score
DTYPES = {1: "float32", 9: "int64"}


def design(entry: str, dim: int) -> dict:
    """The table of the design, written out."""
    digit = {"digit": SEED} if entry == "cvae" else {}
    latent = ("float32", [-1, dim])
    sample = ({"seed": SEED, **digit}, {"image": IMAGE})
    table = {"serving_default": sample, "sample": sample, "decode": ({"latent": latent, **digit}, {"image": IMAGE})}
    if entry == "dcgan":
        return table | {"discriminate": ({"image": IMAGE}, {"logit": NUMBER})}
    table["encode"] = ({"image": IMAGE, **digit}, {"latent_mean": latent, "latent_stddev": latent})
    if entry == "iaf_vae":
        table["encode"] = ({"image": IMAGE, "seed": SEED}, {"latent": latent, "log_density": NUMBER})
    table["reconstruct"] = ({"image": IMAGE, **digit}, {"image": IMAGE})
    if entry in SEEDED:
        table["score"] = ({"image": IMAGE, "seed": SEED, **digit}, {"elbo": NUMBER, "log_likelihood": NUMBER})
    return table


def asked(exported, rows: int) -> dict:
    """The digits of a request's rows, where the model takes them."""
    return {"digit": np.full([rows], 3)} if exported.model.conditional else {}


def test_signatures_are_the_table_of_the_design(exported, session):
    def specs(side):
        return {name: (DTYPES[info.dtype], [dim.size for dim in info.tensor_shape.dim]) for name, info in side.items()}

    served = {
        name: (specs(definition.inputs), specs(definition.outputs))
        for name, definition in session.signatures.items()
        if not name.startswith("__")
    }
    assert served == design(exported.model.entry, exported.model.latent_dim)


def test_export_and_verification_take_less_than_a_minute(exported):
    print(f"{exported.model.entry}: exported and verified in {exported.seconds:.1f} s of processor time")
    assert exported.seconds < 60


def test_every_variable_is_stored_once(exported):
    stored = sum(path.stat().st_size for path in (exported.version / "variables").glob("variables.data-*"))
    held = sum(4 * int(np.prod(weight.shape)) for weight in exported.model.weights)
    print(f"{exported.model.entry}: {stored:,} bytes stored for {held:,} bytes of weights")
    assert abs(stored / held - 1) < 0.02


def test_samples_are_those_of_python_whatever_the_batch(exported, session):
    rows = np.random.default_rng(1).integers(0, 2**53, 64)
    expected = exported.model.sample(64, seed=rows, **exported.given).numpy()
    together = session.run("sample", {"seed": rows, **asked(exported, 64)})["image"]
    alone = [session.run("sample", {"seed": rows[i : i + 1], **asked(exported, 1)})["image"][0] for i in range(64)]
    np.testing.assert_allclose(together, expected, atol=1e-5)
    np.testing.assert_allclose(alone, together, atol=1e-5)
    assert np.abs(together[1:] - together[:-1]).max(axis=(1, 2, 3)).min() > 1e-3  # 64 seeds, 64 images


def test_latents_from_the_prior_are_equal_to_the_bit(exported, tmp_path):
    module, model = tf.Module(), exported.model
    module.weights = [weight.value for weight in model.weights]
    draw = tf.function(lambda seed: {"latent": model.draw_prior(seed)})
    signature = draw.get_concrete_function(tf.TensorSpec([None], tf.int64, "seed"))
    tf.saved_model.save(module, str(tmp_path), signatures=signature)
    rows = tfgen.row_seeds(5, 64)
    with Session(tmp_path) as session:
        together = session.run("serving_default", {"seed": rows})["latent"]
        alone = [session.run("serving_default", {"seed": rows[i : i + 1]})["latent"][0] for i in range(64)]
    np.testing.assert_array_equal(together, model.draw_prior(tf.constant(rows)))
    np.testing.assert_array_equal(alone, together)


def test_codes_decode_and_images_encode_as_in_python(exported, session):
    model, given = exported.model, exported.given
    latent = np.random.default_rng(2).standard_normal((5, model.latent_dim), np.float32)
    image = session.run("decode", {"latent": latent, **asked(exported, 5)})["image"]
    np.testing.assert_allclose(image, model.decode(latent, **given), atol=1e-5)
    if "discriminate" in session.signatures:
        logit = session.run("discriminate", {"image": image})["logit"]
        np.testing.assert_allclose(logit, model.discriminate(image), rtol=1e-5, atol=1e-5)
        return
    again = session.run("reconstruct", {"image": image, **asked(exported, 5)})["image"]
    np.testing.assert_allclose(again, model.reconstruct(image, **given), atol=1e-5)
    rows = {"seed": np.arange(5)} if "seed" in session.signatures["encode"].inputs else {}
    answers = session.run("encode", {"image": image, **rows, **asked(exported, 5)})
    names = ("latent", "log_density") if rows else ("latent_mean", "latent_stddev")
    for name, expected in zip(names, model.encode(image, **rows, **given), strict=True):
        np.testing.assert_allclose(answers[name], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("entry", SEEDED)
def test_scores_are_those_of_python(entry, exported_entry, digits):
    exported = exported_entry(entry)
    image = digits.test.binarised()[:6].astype(np.float32)
    rows = tfgen.row_seeds(3, 6)
    with Session(exported.version) as session:
        answers = session.run("score", {"image": image, "seed": rows, **asked(exported, 6)})
    elbo = exported.model.elbo(image, seed=rows, **exported.given)
    log_likelihood = exported.model.log_likelihood(image, k=16, seed=rows, **exported.given)
    np.testing.assert_allclose(answers["elbo"], elbo, rtol=1e-5)
    np.testing.assert_allclose(answers["log_likelihood"], log_likelihood, rtol=1e-5)
    assert answers["log_likelihood"].mean() > answers["elbo"].mean()


def test_a_digit_that_is_none_gives_a_row_of_nan_only(exported_entry):
    exported = exported_entry("cvae")
    with Session(exported.version) as session:
        image = session.run("sample", {"seed": np.arange(4), "digit": np.array([2, 10, -1, 9])})["image"]
    assert np.isnan(image[1:3]).all()
    np.testing.assert_allclose(image[0], exported.model.sample(1, digit=2, seed=[0])[0], atol=1e-5)
    np.testing.assert_allclose(image[3], exported.model.sample(1, digit=9, seed=[3])[0], atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 50), (50, 1), (25,)])
def test_a_code_of_another_shape_is_refused_and_not_cut_up(shape, vae_session):
    with pytest.raises(SessionError, match=r"not compatible with expected shape \[\?,25\]"):
        vae_session.run("decode", {"latent": np.zeros(shape, np.float32)})


def test_eight_threads_share_a_session(vae, vae_session):
    expected = vae.model.sample(200, seed=np.arange(200)).numpy()
    wrong = []

    def ask(first):
        for turn in range(200):
            rows = (first + turn + np.arange(1 + turn % 3)) % 200
            image = vae_session.run("sample", {"seed": rows})["image"]
            if not np.allclose(image, expected[rows], atol=1e-5):
                wrong.append(rows)

    threads = [threading.Thread(target=ask, args=(25 * number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_score_holds_no_copies_of_a_large_batch(vae):
    """2,000 images with K = 16: copies of them would be 100 MB, and the decoder's units for them as much again."""
    code = f"""
import numpy as np
from pathlib import Path
from export.session import Session
session = Session({str(vae.version)!r})
def score(rows):
    session.run("score", {{"image": np.zeros((rows, 28, 28, 1), np.float32), "seed": np.arange(rows)}})
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
few, many = score(10), score(2000)
print((many - few) / 1024)
"""
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    print(f"scoring 2,000 images takes {float(done.stdout):.0f} MB")
    assert float(done.stdout) < 80
