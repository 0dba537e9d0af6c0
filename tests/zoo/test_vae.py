"""The VAE: its loss is the equation of its docstring, and its hyperparameters do what they say."""

import inspect

import numpy as np
import pytest
import tensorflow as tf

from tfgen.training import loop
from zoo.models import vae

SEED = tf.constant([1, 2])


@pytest.fixture(scope="module")
def batch(digits):
    return {"image": tf.constant(digits.train.binarised()[:50].astype(np.float32))}


def loss_terms(model, batch, step=0) -> dict:
    return {name: term.numpy() for name, term in model.training_loss(batch, SEED, tf.constant(step)).items()}


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_loss_is_distortion_plus_rate_of_each_image(small_vae, batch, covariance):
    terms = loss_terms(small_vae(covariance=covariance), batch)
    assert {name: term.shape for name, term in terms.items()} == dict.fromkeys(("loss", "distortion", "rate"), (50,))
    np.testing.assert_allclose(terms["loss"], terms["distortion"] + terms["rate"], rtol=1e-6)
    assert (terms["rate"] > 0).all()
    assert 400 < terms["distortion"].mean() < 700  # an untrained model pays about log 2 for each of 784 pixels


def test_beta_weighs_the_rate_and_nothing_else(small_vae, batch):
    terms, plain = loss_terms(small_vae(beta=4.0), batch), loss_terms(small_vae(), batch)
    np.testing.assert_allclose(terms["loss"], terms["distortion"] + 4 * terms["rate"], rtol=1e-6)
    for name in ("distortion", "rate"):
        np.testing.assert_array_equal(terms[name], plain[name])


def test_warm_up_covers_its_share_of_the_training(small_vae, batch):
    model = small_vae(warmup=0.25, beta=2.0)
    model.compile_recipe(learning_rate=1e-3, steps=400)
    for step, weight in ((0, 0.0), (50, 1.0), (100, 2.0), (399, 2.0)):
        terms = loss_terms(model, batch, step)
        np.testing.assert_allclose(terms["loss"], terms["distortion"] + weight * terms["rate"], rtol=1e-6)


def test_more_samples_estimate_the_same_distortion_with_less_noise(small_vae, batch):
    image = {"image": tf.repeat(batch["image"][:1], 400, 0)}
    one, many = (loss_terms(small_vae(samples=samples), image)["distortion"] for samples in (1, 16))
    assert many.std() < 0.5 * one.std()
    assert abs(many.mean() - one.mean()) < 4 * (one.std() + many.std()) / np.sqrt(400)


def test_full_covariance_correlates_codes(small_vae, batch):
    covariance = small_vae(covariance="full").posterior(batch["image"]).covariance().numpy()
    assert np.abs(covariance[:, 0, 1]).max() > 0.01
    covariance = small_vae().posterior(batch["image"]).covariance().numpy()
    np.testing.assert_array_equal(covariance[:, 0, 1], 0)


def test_step_size_falls_to_zero_along_half_a_cosine_and_begins_anew(small_vae):
    model = small_vae()
    model.compile_recipe(learning_rate=1e-3, steps=1000)
    schedule = [float(model.optimizer._learning_rate(step)) for step in (0, 500, 999, 1000)]
    np.testing.assert_allclose(schedule, [1e-3, 5e-4, 0, 1e-3], atol=1e-8)


@pytest.mark.slow
@pytest.mark.ci
def test_training_explains_held_out_images_better_than_their_mean(small_vae, digits, no_xla):
    """A trained VAE beats the best model without a latent: every pixel an independent coin of its own bias."""
    model = small_vae(latent_dim=8, hidden_units=(64,))
    model.compile_recipe(learning_rate=3e-3, steps=30 * 25)
    loop.fit(model, digits.train, epochs=30, batch_size=50)
    images = digits.test.binarised()
    bias = (digits.train.images / 255).mean(0).clip(1e-3, 1 - 1e-3)
    baseline = np.where(images, np.log(bias), np.log1p(-bias)).sum((1, 2, 3)).mean()
    assert model.elbo(images, seed=0).numpy().mean() > baseline + 50
    copies = model.reconstruct(images).numpy()
    assert ((copies - images) ** 2).mean() < 0.75 * ((bias - images) ** 2).mean()


@pytest.mark.parametrize(
    ("hyperparameters", "words"),
    [
        ({"latent_dim": 0}, ["latent_dim", "at least 1", "0"]),
        ({"latent_dim": 2.5}, ["latent_dim", "2.5"]),
        ({"hidden_units": (500, 0)}, ["hidden_units", "at least 1", "0"]),
        ({"network": "conv", "hidden_units": (8, 8, 8)}, ["hidden_units", "at most 2", "8 8 8"]),
        ({"network": "round"}, ["network", "dense, conv", "'round'"]),
        ({"beta": -1.0}, ["beta", "at least 0", "-1.0"]),
        ({"beta": float("nan")}, ["beta", "nan"]),
        ({"warmup": 1.5}, ["warmup", "0..1", "1.5"]),
        ({"samples": 0}, ["samples", "at least 1", "0"]),
        ({"covariance": "round"}, ["covariance", "diagonal, full", "'round'"]),
    ],
)
def test_wrong_hyperparameters_are_named_with_the_choices(hyperparameters, words):
    with pytest.raises((ValueError, TypeError), match=words[0]) as caught:
        vae.build(**hyperparameters)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_every_hyperparameter_is_documented():
    text = inspect.getdoc(vae.build.__init__)
    for name in inspect.signature(vae.build).parameters:
        assert f"\n    {name}: " in text, name
