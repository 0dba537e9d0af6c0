"""The autoencoders: each penalty against its definition, corruption, what the family cannot do, its figures."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.evaluation import jacobians
from tfgen.evaluation.images import as_float
from zoo.models import autoencoder


def built(**hyperparameters):
    """A small model, its codes spread over (0, 1)."""
    keras.utils.set_random_seed(0)
    model = autoencoder.build(**autoencoder.SMALL | hyperparameters)
    for weight in model.encoder.trainable_variables:
        weight.assign(2 * weight)
    return model


@pytest.fixture(scope="module")
def image(digits):
    return tf.constant(as_float(digits.train.images[:6]))


def squared_norms(model, image):
    """|df/dx|^2 by autograd, the whole Jacobian."""
    return (jacobians.jacobian(model.code, image) ** 2).sum((1, 2))


def test_contractive_penalty_of_one_layer_is_that_of_autograd(image):
    model = built(kind="contractive", weight=0.5)
    expected = 0.5 * squared_norms(model, image)
    found = model.penalty(image, model.code(image), tf.constant([0, 0]))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert expected.min() > 1e-3


def test_contractive_penalty_of_deeper_encoders_is_estimated_without_bias(image):
    model = built(kind="contractive", hidden_units=(16,), weight=1.0)
    repeated, expected = tf.repeat(image[:2], 2000, 0), squared_norms(model, image[:2])
    found = model.penalty(repeated, model.code(repeated), tf.constant([0, 0])).numpy().reshape(2, 2000)
    error = found.std(1) / np.sqrt(2000)
    assert (np.abs(found.mean(1) - expected) < 4 * error).all()
    assert (error < 0.1 * expected).all()


def test_contractive_penalty_is_descended(image):
    """The gradient reaches the encoder through the penalty: it is a derivative of a derivative in deeper encoders."""
    for options in ({}, {"hidden_units": (16,)}):
        model = built(kind="contractive", **options)
        with tf.GradientTape() as tape:
            penalty = tf.reduce_sum(model.penalty(image, model.code(image), tf.constant([0, 0])))
        slopes = tape.gradient(penalty, model.encoder.trainable_variables)
        assert all(np.abs(slope).max() > 0 for slope in slopes[:1])


def test_sparse_penalty_is_the_kl_of_the_mean_activities(image):
    model = built(kind="sparse", weight=2.0, activity=0.1)
    code = model.code(image)
    mean = code.numpy().mean(0)
    expected = 2 * sum(0.1 * np.log(0.1 / rho) + 0.9 * np.log(0.9 / (1 - rho)) for rho in mean)
    np.testing.assert_allclose(model.penalty(image, code, None), np.full(6, expected), rtol=1e-4)
    target = tf.fill([6, 7], 0.1)
    np.testing.assert_allclose(model.penalty(image, target, None), 0, atol=1e-6)
    of_sums = built(kind="sparse", sparsity="l1", weight=2.0)
    np.testing.assert_allclose(of_sums.penalty(image, code, None), 2 * code.numpy().sum(1), rtol=1e-5)


def test_denoising_sees_corrupted_images_and_restores_whole_ones(image, monkeypatch):
    model, seen = built(kind="denoising", corruption=0.4), []
    bright = tf.ones([50, 28, 28, 1])
    corrupted = model.corrupted(bright, tf.constant([1, 2])).numpy()
    assert set(np.unique(corrupted)) == {0, 1}
    assert corrupted.mean() == pytest.approx(0.6, abs=0.01)
    code = autoencoder.Autoencoder.code
    monkeypatch.setattr(autoencoder.Autoencoder, "code", lambda self, x: (seen.append(x), code(self, x))[1])
    terms = model.training_loss({"image": image}, tf.constant([0, 0]), tf.constant(0))
    assert ((seen[0].numpy() == 0) | (seen[0].numpy() == image.numpy())).all()
    assert (seen[0].numpy() != image.numpy()).any()
    expected = -model.likelihood(code(model, seen[0])).log_prob(image)
    np.testing.assert_allclose(terms["distortion"], expected, rtol=1e-5)
    np.testing.assert_allclose(terms["loss"], terms["distortion"], rtol=1e-6)


def test_it_has_no_prior_and_says_so():
    model = built()
    assert list(model.signatures()) == ["serving_default", "decode", "encode", "reconstruct"]
    assert model.signatures()["serving_default"] == model.signatures()["reconstruct"]
    assert not hasattr(model, "sample")
    with pytest.raises(AttributeError, match="no attribute 'sample': autoencoder has no prior, which vae"):
        model.sample(3)


def test_encode_gives_one_tensor(image):
    model = built()
    code = model.encode(image).numpy()
    assert code.shape == (6, 7)
    assert 0 < code.min() < code.max() < 1
    np.testing.assert_allclose(model.decode(code), model.reconstruct(image), atol=1e-6)


def test_jacobian_is_that_of_differences(image):
    model, step = built(hidden_units=(16,)), 1e-2
    found = jacobians.jacobian(model.code, image[:1])[0]
    moved = tf.reshape(tf.eye(784)[:5] * step, [5, 28, 28, 1])
    rise = (model.code(image[:1] + moved) - model.code(image[:1] - moved)) / (2 * step)
    np.testing.assert_allclose(found[:, :5], np.transpose(rise), atol=1e-3)


def test_figures_are_drawn_for_each_kind(digits):
    always = {"spectrum", "tangents"}
    assert set(autoencoder.draw(built(kind="contractive"), digits)) == always | {"filters"}
    assert set(autoencoder.draw(built(kind="denoising", hidden_units=(8,)), digits)) == always | {"restored"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"kind": "variational"},
            "one of undercomplete, sparse, denoising, contractive; got 'variational'",
        ),
        ({"sparsity": "l2"}, "sparsity must be one of kl, l1; got 'l2'"),
        ({"weight": -1.0}, "weight must be at least 0, got -1"),
        ({"corruption": 1.5}, "corruption must be in 0"),
        ({"activity": 0.0}, "activity must be in"),
    ],
)
def test_hyperparameters_out_of_range_are_named(wrong, message):
    with pytest.raises((ValueError, TypeError), match=message):
        built(**wrong)
