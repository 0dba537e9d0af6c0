"""The losses of the adversarial game against their definitions."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.models import losses


def gradient(loss, logits):
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(logits)
    return tape.gradient(value, logits).numpy()


def test_discriminator_loss_is_minus_the_value_function():
    real, fake = np.array([[0.3], [2.0]], np.float32), np.array([[-1.0], [0.5]], np.float32)
    sigmoid = lambda logits: 1 / (1 + np.exp(-logits))  # noqa: E731
    expected = -np.log(sigmoid(real)).mean() - np.log(1 - sigmoid(fake)).mean()
    assert losses.discriminator_loss(real, fake).numpy() == pytest.approx(expected, rel=1e-5)


def test_generator_has_its_gradient_where_the_saturating_loss_has_none():
    lost = [[-30.0]]  # the discriminator is certain that this is a fake
    saturating = lambda logits: tf.reduce_mean(tf.math.log_sigmoid(-logits))  # noqa: E731  log (1 - D)
    assert abs(gradient(saturating, lost)) < 1e-10
    assert gradient(losses.generator_loss, lost) == pytest.approx(-1, rel=1e-5)


def test_both_generator_losses_pull_the_same_way():
    for logit in (-2.0, 0.0, 2.0):
        saturating = gradient(lambda logits: tf.reduce_mean(tf.math.log_sigmoid(-logits)), [[logit]])
        assert np.sign(saturating) == np.sign(gradient(losses.generator_loss, [[logit]]))


def test_smoothing_is_one_sided():
    """The best answer to a real image is the smoothed label, that to a fake one stays 0."""
    logit = float(np.log(0.9 / 0.1))
    real = gradient(lambda logits: losses.discriminator_loss(logits, tf.constant([[0.0]]), 0.9), [[logit]])
    assert real == pytest.approx(0, abs=1e-6)
    fake = gradient(lambda logits: losses.discriminator_loss(tf.constant([[0.0]]), logits, 0.9), [[-20.0]])
    assert fake == pytest.approx(0, abs=1e-6)


def test_accuracy_counts_both_sides():
    assert losses.accuracy(tf.constant([[1.0], [-1.0]]), tf.constant([[-1.0], [-2.0]])).numpy() == 0.75


def test_gradient_penalty_is_half_the_squared_slope():
    slope, inputs = tf.constant([[3.0], [4.0]]), tf.random.stateless_normal([20, 2], [0, 1])
    assert losses.gradient_penalty(lambda inputs: inputs @ slope, inputs).numpy() == pytest.approx(25 / 2)
    images, logit = tf.reshape(inputs, [20, 1, 2, 1]), lambda images: images[:, 0, :, 0] @ slope
    assert losses.gradient_penalty(logit, images).numpy() == pytest.approx(25 / 2)
    inputs = tf.constant([[1.0, 7.0], [3.0, 7.0]])  # where the slope of x^2 is 2 and 6
    assert losses.gradient_penalty(lambda inputs: inputs[:, :1] ** 2, inputs).numpy() == 10


def test_gradient_penalty_moves_the_discriminator():
    slope = tf.Variable([[2.0]])
    with tf.GradientTape() as tape:
        penalty = losses.gradient_penalty(lambda inputs: inputs @ slope, tf.ones([3, 1]))
    assert tape.gradient(penalty, slope).numpy() == pytest.approx(2)
