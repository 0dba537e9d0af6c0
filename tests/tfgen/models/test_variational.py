"""The ELBO and the importance-weighted bound of a model against integrals over its latent, done by brute force."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from tfgen import seeds

GRID = np.linspace(-9, 9, 6001)[:, None]
STEP = GRID[1, 0] - GRID[0, 0]
QUANTILES = stats.norm.ppf((np.arange(6000) + 0.5) / 6000)  # evenly likely noise: an integral over eps as a mean


@pytest.fixture(scope="module")
def model(small_vae):
    """A VAE with a 1-D latent that matters: its decoder's weights are larger than fresh ones."""
    model = small_vae(latent_dim=1)
    for variable in model.decoder.trainable_variables:
        variable.assign(1.5 * variable)
    return model


@pytest.fixture(scope="module")
def images(digits):
    return tf.constant(digits.test.binarised()[:3].astype(np.float32))


@pytest.fixture(scope="module")
def log_joint(model, images):
    """log p(x, z) on the grid, [G, B], from the decoder's logits and the formulas alone."""
    logits = model.decoder(tf.constant(GRID, tf.float32)).numpy().astype(np.float64)[:, None]
    images = images.numpy()
    pixels = images * special.log_expit(logits) + (1 - images) * special.log_expit(-logits)
    return pixels.sum((2, 3, 4)) + stats.norm.logpdf(GRID)


@pytest.fixture(scope="module")
def log_evidence(log_joint):
    return special.logsumexp(log_joint, 0) + np.log(STEP)


def noise_for(images) -> tf.Tensor:
    return tf.constant(np.tile(QUANTILES[:, None, None], [1, len(images), 1]).astype(np.float32))  # [L, B, 1]


def test_elbo_is_the_evidence_less_the_posteriors_error(model, images, log_joint, log_evidence):
    """ELBO = log p(x) - KL(q(z|x) || p(z|x)), both integrated on the grid."""
    mean, stddev = (value.numpy().astype(np.float64)[:, 0] for value in model.encode(images))
    log_q = stats.norm(mean, stddev).logpdf(GRID)  # [G, B]
    divergence = (np.exp(log_q) * (log_q - (log_joint - log_evidence))).sum(0) * STEP
    assert (divergence > 0.1).all()  # a bound that left the term out would be seen
    distortion, rate = model.elbo_terms(images, noise_for(images))
    np.testing.assert_allclose(-(distortion + rate), log_evidence - divergence, atol=0.02)


def test_importance_weights_average_to_the_evidence(model, images, log_evidence):
    log_weights = model.log_weights(images, noise_for(images)).numpy().astype(np.float64)
    np.testing.assert_allclose(special.logsumexp(log_weights, 0) - np.log(len(QUANTILES)), log_evidence, atol=0.02)


def test_public_bounds_lie_in_order_and_close_in_on_the_evidence(model, images, log_evidence):
    many = np.repeat(images, 100, axis=0)

    def mean_bound(bound, **options):
        return bound(many, seed=0, **options).numpy().reshape(len(images), 100).mean(1)

    elbo, few, more = (
        mean_bound(model.elbo),
        mean_bound(model.log_likelihood, k=4),
        mean_bound(model.log_likelihood, k=64),
    )
    assert (elbo < few).all()
    assert (few < more).all()
    assert (more < log_evidence + 0.05).all()
    np.testing.assert_allclose(model.log_likelihood(images, k=20_000, seed=0), log_evidence, atol=0.15)


def test_elbo_with_several_samples_is_the_mean_over_them(model, images):
    noise = tf.random.stateless_normal([4, len(images), 1], [2, 0])
    whole, rate = model.elbo_terms(images, noise)
    parts = [model.elbo_terms(images, noise[sample : sample + 1])[0] for sample in range(4)]
    assert np.ptp(parts, axis=0).min() > 0.1
    np.testing.assert_allclose(whole, np.mean(parts, 0), rtol=1e-5)
    assert rate.shape == [len(images)]


@pytest.mark.parametrize("bound", ["elbo", "log_likelihood"])
def test_bounds_are_seeded_by_row(model, digits, bound):
    images = digits.test.binarised()[:5]
    call = lambda image, seed: getattr(model, bound)(image, seed=seed).numpy()  # noqa: E731
    rows = seeds.row_seeds(7, 5)
    whole = call(images, 7)
    np.testing.assert_array_equal(whole, call(images, 7))
    np.testing.assert_allclose(whole, call(images, rows), rtol=1e-6)
    np.testing.assert_allclose(whole[3:], call(images[3:], rows[3:]), rtol=1e-5)
    assert (call(images, 8) != whole).all()
    assert (call(images, None) != call(images, None)).any()


def test_bounds_do_not_depend_on_how_a_batch_is_cut(model, digits, monkeypatch):
    images = digits.test.binarised()[:7]
    elbo, likelihood = model.elbo(images, seed=1), model.log_likelihood(images, k=10, seed=1)
    monkeypatch.setattr("tfgen.models.variational.CHUNK_IMAGES", 3)
    monkeypatch.setattr("tfgen.models.variational.CHUNK_ROWS", 2)
    np.testing.assert_allclose(model.elbo(images, seed=1), elbo, rtol=1e-5)
    np.testing.assert_allclose(model.log_likelihood(images, k=10, seed=1), likelihood, rtol=1e-5)


@pytest.mark.parametrize("bound", ["elbo", "log_likelihood"])
def test_bounds_of_no_images_are_none(model, bound):
    assert getattr(model, bound)(np.zeros([0, 28, 28, 1], np.float32), seed=0).shape == [0]


@pytest.mark.parametrize("k", [0, -1, 2.5, True])
def test_wrong_k_is_named(model, digits, k):
    with pytest.raises((ValueError, TypeError), match=f"k must be .*{k}"):
        model.log_likelihood(digits.test.images[:1], k=k)


def test_warm_up_grows_linearly_from_zero_and_stays_at_one(small_vae):
    model = small_vae(warmup=0.1, beta=2.0)
    assert model.rate_weight(0) == 2
    model.compile_recipe(learning_rate=1e-3, steps=100)
    weights = [float(model.rate_weight(step)) for step in (0, 1, 5, 10, 11, 1000)]
    np.testing.assert_allclose(weights, [0, 0.2, 1, 2, 2, 2], rtol=1e-6)
    model.compile_recipe(learning_rate=1e-3, steps=None)
    assert model.rate_weight(0) == 2


def test_free_bits_are_paid_and_not_pushed(small_vae, images):
    model, batch = small_vae(), {"image": images}
    plain = model.training_loss(batch, tf.constant([0, 1]), tf.constant(0))
    assert (plain["rate"].numpy() < 50).all()
    model.weigh(free_bits=50.0)
    free = model.training_loss(batch, tf.constant([0, 1]), tf.constant(0))
    np.testing.assert_allclose(free["loss"], plain["distortion"] + 50.0, rtol=1e-5)
    np.testing.assert_allclose(free["rate"], plain["rate"], rtol=1e-5)


@pytest.mark.parametrize("weight", [{"beta": -1}, {"warmup": 1.5}, {"samples": 0}, {"free_bits": float("nan")}])
def test_wrong_weights_of_the_bound_are_named(small_vae, weight):
    with pytest.raises(ValueError, match=f"{next(iter(weight))} must be"):
        small_vae().weigh(**weight)
