"""The importance-weighted objective: its value is the bound's, its gradient the plain one's in expectation."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.models import bounds, importance
from zoo.models import iaf_vae

K, REPEATS = 3, 2000


@pytest.fixture(scope="module", params=["diagonal", "full"])
def model(request, small_vae):
    """A model with two dimensions, so that gradients are estimated quickly, and a learned prior."""
    return small_vae(latent_dim=2, hidden_units=(4,), covariance=request.param, prior="mixture", prior_components=3)


@pytest.fixture(scope="module")
def image(digits):
    return tf.constant(digits.test.binarised()[:1].astype(np.float32))


def plain_loss(model, image, noise, beta):
    """-L_K by its definition, whose gradient is the plain reparameterised one."""
    posterior = model.posterior(image)
    latent = posterior.bijector.forward(noise)
    rate = posterior.log_prob(latent) - model.prior.log_prob(latent)
    return -bounds.importance_weighted_bound(model.likelihood(latent).log_prob(image) - beta * rate)


def gradients(model, image, loss, beta):
    """Means and their standard errors of the gradient [P] over many draws of noise, for the biases of all layers."""
    variables = [variable for variable in model.trainable_variables if variable.shape.rank == 1]
    variables += [model.learned_prior.means]

    @tf.function(autograph=False)
    def one(seed):
        noise = tf.random.stateless_normal([K, 1, 2], seed)
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(loss(model, image, noise, beta))
        return tf.concat([tf.reshape(part, [-1]) for part in tape.gradient(value, variables)], 0)

    seeds = tf.stack([tf.range(REPEATS), tf.range(REPEATS) + 7], 1)
    found = tf.function(lambda: tf.map_fn(one, seeds, fn_output_signature=tf.float32), autograph=False)().numpy()
    return found.mean(0), found.std(0) / np.sqrt(REPEATS)


def loss_of(model, image, noise, beta):
    return importance.loss_terms(model, image, noise, beta)["loss"]


def test_the_loss_is_the_bound(model, image):
    noise = tf.random.stateless_normal([K, 1, 2], [3, 4])
    np.testing.assert_allclose(loss_of(model, image, noise, 0.5), plain_loss(model, image, noise, 0.5), rtol=1e-6)
    log_weights = model.log_weights(image, noise)
    np.testing.assert_allclose(
        loss_of(model, image, noise, 1.0), -bounds.importance_weighted_bound(log_weights), rtol=1e-6
    )


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.parametrize("beta", [1.0, 0.4])
def test_the_gradient_has_the_mean_of_the_plain_one(model, image, beta):
    mean, error = gradients(model, image, loss_of, beta)
    plain_mean, plain_error = gradients(model, image, plain_loss, beta)
    off = np.abs(mean - plain_mean) / np.sqrt(error**2 + plain_error**2 + 1e-12)
    assert np.sqrt(np.mean(off**2)) < 1.3
    assert off.max() < 5


def test_more_samples_leave_the_posteriors_gradient_less_noise(small_vae, image):
    model = small_vae(latent_dim=2, hidden_units=(4,), prior="mixture", prior_components=3)
    posterior_bias = slice(4, 8)  # of the encoder's last layer, after the four of its hidden one
    ours, plain = (gradients(model, image, loss, 1.0)[1][posterior_bias].mean() for loss in (loss_of, plain_loss))
    assert ours < 0.9 * plain


def test_a_posterior_that_is_a_flow_keeps_the_plain_gradient(image):
    model = iaf_vae.build(**iaf_vae.SMALL | {"latent_dim": 2})
    noise = tf.random.stateless_normal([K, 1, 2], [3, 4])
    with tf.GradientTape(persistent=True) as tape:
        ours, plain = (tf.reduce_sum(loss(model, image, noise, 1.0)) for loss in (loss_of, plain_loss))
    np.testing.assert_allclose(ours, plain, rtol=1e-6)
    variables = model.encoder.trainable_variables
    for one, other in zip(tape.gradient(ours, variables), tape.gradient(plain, variables), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.ci
def test_training_by_the_bound_descends_and_reports_it(small_vae, digits, no_xla):
    from tfgen.training import loop

    model = small_vae()
    model.train_by(importance_samples=5)
    model.compile_recipe(learning_rate=1e-3, steps=100)
    history = loop.fit(model, digits.train, validation=digits.validation, epochs=2, batch_size=100).history
    assert model.monitor == "val_neg_bound"
    assert history["val_neg_bound"][1] < history["val_neg_bound"][0]
    assert history["val_neg_bound"][1] < history["val_neg_elbo"][1]


@pytest.mark.parametrize(
    ("weights", "options", "message"),
    [
        ({}, {"importance_samples": 0}, "importance_samples must be at least 1, got 0"),
        ({"samples": 2}, {"importance_samples": 3}, "take the place of samples: leave out one of 3 and 2"),
        ({"free_bits": 2.0}, {"importance_samples": 3}, "leave out free_bits 2.0"),
        ({}, {"ema": 1.0}, "ema must lie between 0 and 1, got 1.0"),
    ],
)
def test_options_that_do_not_go_together_are_named(small_vae, weights, options, message):
    with pytest.raises(ValueError, match=message):
        small_vae(**weights).train_by(**options)
