"""The plain GAN: its four games at values computed by hand, their penalties, algorithm 1."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.evaluation.images import as_float
from tfgen.models import losses
from tfgen.storage import runs
from zoo import commands
from zoo.models import gan


def built(**hyperparameters):
    keras.utils.set_random_seed(0)
    model = gan.build(**gan.SMALL | hyperparameters)
    model.compile_recipe(learning_rate=2e-4, steps=100)
    return model


@pytest.fixture(scope="module")
def batch(digits):
    return {"image": tf.constant(as_float(digits.train.images[:32]))}


@pytest.mark.parametrize("loss", gan.OPTIMUM)
def test_value_at_the_optimum_is_what_no_discriminator_betters(loss):
    """Images and samples of one distribution get one logit each: the best of them gives the value of the table."""
    logits = tf.linspace(-3.0, 3.0, 6001)
    assert float(tf.reduce_max(gan.value(loss, logits, logits))) == pytest.approx(gan.OPTIMUM[loss], abs=1e-6)


def test_losses_are_those_of_the_paper():
    real, fake = tf.constant([0.3, -2.0]), tf.constant([1.2, -0.7])
    d_real, d_fake = tf.sigmoid(real), tf.sigmoid(fake)
    expected = tf.math.log(d_real) + tf.math.log(1 - d_fake)
    for loss in ("minimax", "nonsaturating"):
        np.testing.assert_allclose(gan.value(loss, real, fake), expected, rtol=1e-5)
    np.testing.assert_allclose(gan.generator_loss("minimax", fake), tf.math.log(1 - d_fake), rtol=1e-5)
    np.testing.assert_allclose(gan.generator_loss("nonsaturating", fake), -tf.math.log(d_fake), rtol=1e-5)
    np.testing.assert_allclose(gan.generator_loss("least-squares", fake), (fake - 1) ** 2 / 2, rtol=1e-5)
    np.testing.assert_allclose(gan.value("wasserstein-gp", real, fake), real - fake)


def test_unit_slope_penalty_of_a_linear_critic_is_known():
    """l(x) = w x has the slope |w| everywhere: (|w| - 1)^2, and nothing where |w| = 1."""
    points = tf.constant(np.random.default_rng(0).normal(size=[5, 3]).astype(np.float32))
    for weights, expected in (([3.0, 0.0, 4.0], 16.0), ([0.6, 0.0, 0.8], 0.0)):
        penalty = losses.unit_slope_penalty(lambda x, w=weights: tf.linalg.matvec(x, tf.constant(w)), points)
        assert float(penalty) == pytest.approx(expected, abs=1e-5)


def test_wasserstein_penalty_is_taken_between_images_and_samples(batch):
    """Against the slopes at mixtures that are made here, row by row, of the same shares."""
    model = built(loss="wasserstein-gp")
    real, seed = batch["image"], tf.constant([3, 4])
    fake = model.sample(32, seed=0)
    share = tf.random.stateless_uniform([32, 1, 1, 1], seed, alg="philox")
    norms = []
    for row in range(32):
        point = tf.Variable((share * real + (1 - share) * fake)[row : row + 1])
        with tf.GradientTape() as tape:
            logit = model.logit(point)
        norms.append(float(tf.norm(tape.gradient(logit, point))))
    assert float(model.penalty(real, fake, seed)) == pytest.approx(np.mean((np.array(norms) - 1) ** 2), rel=1e-4)


def test_other_games_pay_for_the_slope_at_images(batch):
    model = built()
    expected = losses.gradient_penalty(model.logit, batch["image"])
    assert float(model.penalty(batch["image"], None, None)) == pytest.approx(float(expected), rel=1e-6)


def test_generator_moves_after_every_kth_discriminator_step(batch):
    model = built(discriminator_steps=3)
    moves = []
    for step in range(6):
        before = [model.generator.get_weights()[0].copy(), model.discriminator.get_weights()[0].copy()]
        model.update(batch, tf.constant([0, step]), tf.constant(step))
        after = model.generator.get_weights()[0], model.discriminator.get_weights()[0]
        moves.append(tuple(bool((old != new).any()) for old, new in zip(before, after, strict=True)))
    assert moves == [(False, True), (False, True), (True, True)] * 2


def test_both_players_descend_their_losses(batch, monkeypatch):
    """The gradients of a step are those of the losses written down here, at the weights of each phase."""
    found = {}

    def noted(self, phase, tape, loss, when=True):
        found[phase] = tape.gradient(loss, self.variables_of(phase))

    monkeypatch.setattr(gan.GAN, "descend", noted)  # which moves nothing: both phases see the first weights
    model, seed = built(loss="minimax", gradient_penalty=2.0), tf.constant([0, 5])
    model.update(batch, seed, tf.constant(0))
    noise = model.noise(batch, tf.random.split(seed, 2, alg="philox")[0])
    with tf.GradientTape(persistent=True) as tape:
        fake = model.image_mean(noise)
        game = tf.reduce_mean(tf.math.log(tf.sigmoid(model.logit(batch["image"]))))
        game += tf.reduce_mean(tf.math.log(1 - tf.sigmoid(model.logit(fake))))
        ascended = game - 2 * losses.gradient_penalty(model.logit, batch["image"])
    for phase, target, sign in (("discriminator", ascended, -1), ("generator", game, 1)):
        expected = tape.gradient(target, model.variables_of(phase))
        for one, other in zip(found[phase], expected, strict=True):
            np.testing.assert_allclose(one, 0 if other is None else sign * other, rtol=1e-3, atol=1e-6)


def test_value_is_drawn_beside_its_optimum():
    rows = [{"epoch": 1.0, "value": -1.0}, {"epoch": 2.0, "value": -1.3}]
    axes = gan.draw_training(built(), rows)["value"].axes[0]
    curve, line = axes.get_lines()
    assert list(curve.get_ydata()) == [-1.0, -1.3]
    assert line.get_ydata()[0] == -math.log(4)
    assert "-log 4" in line.get_label()


def test_history_without_the_value_is_named(digits, tmp_path):
    runs.write_history(tmp_path, [{"epoch": 1, "loss": -1.0}])
    with pytest.raises(ValueError, match=r"history\.csv' is damaged: there is no 'value' among epoch, loss"):
        commands.training_figures(built(), digits, tmp_path)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"loss": "hinge"}, "loss must be one of minimax, nonsaturating, least-squares, wasserstein-gp; got 'hinge'"),
        ({"discriminator_steps": 0}, "discriminator_steps must be at least 1, got 0"),
        ({"gradient_penalty": -1}, "gradient_penalty must be at least 0, got -1"),
        ({"hidden_units": (0,)}, "hidden_units"),
    ],
)
def test_hyperparameters_out_of_range_are_named(wrong, message):
    with pytest.raises((ValueError, TypeError), match=message):
        built(**wrong)
