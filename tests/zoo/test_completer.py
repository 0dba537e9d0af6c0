"""The completer: its bound against definitions, what it is sure of, its completions, and what it refuses."""

import signal
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import export.__main__ as export
import tfgen
from tfgen.distributions.damage import luminance
from tfgen.evaluation.images import as_float
from tfgen.storage import runs
from tfgen.training import loop
from zoo import train
from zoo.models import completer

tfd = tfp.distributions


def built(**hyperparameters):
    keras.utils.set_random_seed(0)
    return completer.build(**completer.SMALL | hyperparameters)


@pytest.fixture(scope="module")
def model():
    return built()


@pytest.fixture(scope="module")
def images(digits):
    return as_float(digits.test.images[:6])


def test_the_posterior_relative_to_the_prior_has_the_divergence_of_the_two(model, images):
    damaged = tf.constant(model.damaged(images, seed=0))
    raw, _ = model.context(model.damage.view(damaged))
    mean, stddev = raw[:, :3], tf.nn.softplus(raw[:, 3:]) + 1e-5
    relative = model.posterior(images, damaged)
    posterior = tfd.MultivariateNormalDiag(mean + stddev * relative.mean(), stddev * relative.stddev())
    _, rate = model.elbo_terms(images, tf.zeros([1, 6, 3]), damaged)
    np.testing.assert_allclose(rate, posterior.kl_divergence(tfd.MultivariateNormalDiag(mean, stddev)), rtol=1e-4)


def test_seen_pixels_cost_nothing_and_hidden_ones_their_cross_entropy(model, images):
    damaged = tf.constant(model.damaged(images, seed=0))
    latent = tf.zeros([6, 3])
    mean = model.restored(latent, damaged).numpy().astype(np.float64)
    missing = damaged.numpy() < 0
    entropy = -(images * np.log(mean) + (1 - images) * np.log(1 - mean))
    found = -model.likelihood(latent, damaged).log_prob(images)
    np.testing.assert_allclose(found, (missing * entropy).sum((1, 2, 3)), rtol=1e-4)
    seen = np.where(missing, images, 1 - images)  # what the model is sure of is not scored
    np.testing.assert_allclose(-model.likelihood(latent, damaged).log_prob(seen), found, rtol=1e-5)


@pytest.mark.parametrize("damage", ["quadrants:2", "holes", "gaussian:0.3", "blocks:4"])
def test_a_completion_keeps_what_is_known_and_follows_its_seed(images, damage):
    model = built(damage=damage)
    damaged = model.damaged(images, seed=0)
    made = model.complete(damaged, seed=1).numpy()
    assert (made.shape, made.dtype) == (images.shape, np.float32)
    assert made.min() >= 0
    assert made.max() <= 1
    np.testing.assert_array_equal(made, model.complete(damaged, seed=1))
    assert np.abs(made - model.complete(damaged, seed=2)).max() > 1e-4
    rows = tfgen.row_seeds(1, 6)
    np.testing.assert_allclose(model.complete(damaged[2:3], seed=rows[2:3])[0], made[2], atol=1e-5)
    if model.damage.hides:
        np.testing.assert_array_equal(made[damaged >= 0], images[damaged >= 0])
    served = model.signatures()["complete"].function(tf.constant(damaged), tf.constant(rows))["image"]
    np.testing.assert_allclose(served, made, atol=1e-5)


@pytest.mark.parametrize("likelihood", ["logistic", "normal", "normal_global_stddev", "bernoulli"])
def test_colours_are_told_relative_to_the_grey_level(likelihood, images):
    """A network that says nothing leaves the image grey, and no draw changes its luminance: white stays white."""
    model = built(damage="grey", image_shape=(16, 20, 3), likelihood=likelihood)
    colours = np.random.default_rng(0).uniform(0.1, 0.9, (4, 16, 20, 3)).astype(np.float32)
    grey = model.damaged(colours)
    np.testing.assert_allclose(grey, luminance(colours), atol=1e-6)
    raw = model.parameters(tf.zeros([2, 4, 3]), tf.constant(grey))
    silent = tf.concat([0 * raw[..., :3], 0 * raw[..., 3:] - 9], -1)  # the latter are scales: small ones
    silent = model.pixels(model.pixels.around(silent, tf.constant(grey))).mean()
    np.testing.assert_allclose(silent[1], np.repeat(grey, 3, -1), atol=2e-3)
    made = model.complete(grey, seed=0).numpy()
    np.testing.assert_allclose(luminance(made), grey, atol=1e-5)
    ends = np.float32([[[[0.0], [1.0]]]] * 8).repeat(16, 1).repeat(10, 2)
    np.testing.assert_allclose(model.complete(ends, seed=0), np.repeat(ends, 3, -1), atol=1e-6)


def test_pixels_may_be_named_missing_by_a_mask(model, images):
    mask = model.damage.mask(None).numpy()[0, :, :, 0]
    made = model.complete(images, missing=mask, seed=1)
    np.testing.assert_array_equal(made, model.complete(model.damaged(images, seed=0), seed=1))
    with pytest.raises(ValueError, match=r"missing must be bool \[28, 28\] or \[6, 28, 28\], got dtype float64"):
        model.complete(images, missing=np.ones((28, 28)))
    with pytest.raises(ValueError, match="hides no pixels: leave out missing"):
        built(damage="salt:0.1").complete(images, missing=mask)
    with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
        model.complete(images - 0.5)
    with pytest.raises(ValueError, match="image must have shape"):
        built(damage="blocks:4").complete(images)


def test_the_bound_of_what_is_given_is_that_of_the_damage_from_the_seed(model, images):
    damaged = model.damaged(images, seed=0)
    np.testing.assert_allclose(model.elbo(images, damaged=damaged, seed=3), model.elbo(images, seed=3), rtol=1e-5)
    bound = model.log_likelihood(images, k=50, damaged=damaged, seed=3).numpy()
    assert bound.mean() >= model.elbo(images, seed=3).numpy().mean()


def test_it_draws_no_image_of_its_own(model):
    assert not {"sample", "decode", "encode"} & set(model.signatures())
    with pytest.raises(AttributeError, match="completer has no prior over whole images, which vae"):
        model.sample(1)


def test_training_learns_to_use_what_is_seen(digits, no_xla):
    """What is seen tells the digit, so the bound falls below that of the same model which sees other images' parts."""
    model = built(damage="quadrants:3", hidden_units=(64,), latent_dim=4)
    model.compile_recipe(learning_rate=2e-3, steps=None)
    loop.fit(model, digits.train, epochs=12, batch_size=60)
    images = as_float(digits.test.images[:100])
    damaged = model.damaged(images, seed=0)
    right, wrong = (np.mean(model.elbo(images, damaged=given, seed=0)) for given in (damaged, np.roll(damaged, 1, 0)))
    assert right > wrong + 5


DAMAGED = {  # what is drawn anew in every step: noise; its range; and colour images, of which nothing is drawn
    "noise": ("--damage", "gaussian:0.1-0.5", "--network", "conv", "--hidden-units", "4", "8"),
    "holes": ("--damage", "holes", "--hidden-units", "16"),
    "colours": ("--damage", "grey", "--image-channels", "3", "--hidden-units", "16"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [pytest.param("noise", marks=pytest.mark.ci), "holes", "colours"])
def test_a_killed_run_resumes_to_the_same_bits_and_is_exported(kind, call, tmp_path, no_figures):
    """Damage, like all noise, follows from the seed and the step. The export is proved by TensorFlow's C++ loader."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (150, 16, 16, 3 if kind == "colours" else 1), np.uint8)
    np.savez(tmp_path / "images.npz", images=images)
    options = ["completer", "--dataset", tmp_path / "images.npz", *DAMAGED[kind], "--latent-dim", "3"]
    options += ["--batch-size", "20", "--epochs", "12"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    words = [sys.executable, "-m", "zoo.train", *map(str, options), "--run-dir", str(killed)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        next(line for line in process.stdout if line.startswith("epoch  2/12"))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert not runs.is_finished(killed), "it was not killed but had ended"
    assert call(train.main, *options, "--run-dir", whole)[::2] == (0, "")
    assert call(train.main, "completer", "--resume", "--run-dir", killed)[::2] == (0, "")
    assert (killed / runs.HISTORY).read_bytes() == (whole / runs.HISTORY).read_bytes()
    for one, other in zip(weights_of(killed), weights_of(whole), strict=True):
        np.testing.assert_array_equal(one, other)
    code, output, error = call(export.main, killed, "--to", tmp_path / "served")
    assert (code, error) == (0, ""), output
    assert (tmp_path / "served" / "completer" / "1" / "saved_model.pb").exists()


def weights_of(run) -> list:
    """The arrays of a run's weights."""
    found = []
    with h5py.File(run / runs.WEIGHTS) as file:
        file.visititems(lambda name, item: found.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    assert len(found) >= 8
    return found
