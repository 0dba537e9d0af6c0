"""DCGAN: its game, its normalisation, its prior."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.evaluation.images import as_float
from tfgen.models import losses
from zoo.models import dcgan


def built(**hyperparameters):
    keras.utils.set_random_seed(0)
    model = dcgan.build(**({"latent_dim": 6, "filters": 4} | hyperparameters))
    model.compile_recipe(learning_rate=2e-4, steps=100)
    return model


@pytest.fixture(scope="module")
def batch(digits):
    return {"image": tf.constant(as_float(digits.train.images[:32]))}


def test_final_statistics_are_those_of_fresh_batches():
    """Inference agrees with training-mode normalisation on a large batch, however short the run was."""
    model = built()
    latent = model.draw_prior(np.arange(2000))
    in_training = lambda: (1 + model.generator(latent, training=True).numpy()) / 2  # noqa: E731
    start = np.abs(model.image_mean(latent) - in_training()).mean()
    model.finalize()
    final = np.abs(model.image_mean(latent) - in_training()).mean()
    assert final < 0.1 * start
    momenta = [layer.momentum for layer in model.generator.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert momenta == [0.9, 0.9]


def test_finalizing_leaves_what_is_trained_and_repeats():
    model = built()
    before = [variable.numpy() for variable in model.trainable_variables]
    model.finalize()
    once = model.generator.get_weights()
    model.finalize()
    for old, variable in zip(before, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, variable)
    for old, new in zip(once, model.generator.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_learning_rate_stays_to_the_end():
    for optimizer in built().optimizers.values():
        optimizer.iterations.assign(100)  # of as many
        assert float(optimizer.learning_rate) == pytest.approx(2e-4)


def test_generator_moves_after_every_kth_discriminator_step(batch):
    model = built(discriminator_steps=3)
    moves = []
    for step in range(6):
        before = model.generator.get_weights()[0].copy(), model.discriminator.get_weights()[0].copy()
        model.update(batch, tf.constant([0, step]), tf.constant(step))
        after = model.generator.get_weights()[0], model.discriminator.get_weights()[0]
        moves.append(tuple(bool((old != new).any()) for old, new in zip(before, after, strict=True)))
    assert moves == [(False, True), (False, True), (True, True)] * 2


def test_generator_descends_against_the_updated_discriminator(batch):
    """Algorithm 1: the generator's loss, and its gradient, are those of the discriminator after its own step."""
    model, frozen = built(), built()  # with the same weights
    frozen.optimizers["discriminator"].learning_rate = 0.0  # a discriminator that its step leaves where it was
    for each in (model, frozen):
        each.optimizers["discriminator"].learning_rate = 0.0 if each is frozen else 0.1
    after, before = (
        float(each.update(batch, tf.constant([0, 1]), tf.constant(0))["generator_loss"]) for each in (model, frozen)
    )
    again = built()
    noise = again.noise(batch, tf.constant([0, 1]))
    again.discriminator.set_weights(model.discriminator.get_weights())
    fake = again.generator(again.prior.bijector.forward(noise), training=True)
    expected = float(losses.generator_loss(again.discriminator(fake, training=True)))
    assert after == pytest.approx(expected, rel=1e-4)
    assert abs(after - before) > 0.01  # or the comparison would say nothing


def test_discriminator_descends_its_loss_and_the_weighted_penalty_at_real_images(batch, monkeypatch):
    """The gradients of the discriminator's step without and with gamma differ by gamma times that of R_1."""
    gradients = {}

    def noted(self, name, tape, loss, when=True):
        if name == "discriminator":
            gradients[self.gradient_penalty] = tape.gradient(loss, self.discriminator.trainable_variables)

    monkeypatch.setattr(dcgan.DCGAN, "descend", noted)
    for weight in (0.0, 3.0):
        model = built(gradient_penalty=weight)  # every built model starts from the same weights
        model.update(batch, tf.constant([0, 0]), tf.constant(0))
    with tf.GradientTape() as tape, tf.GradientTape() as slope_tape:
        real = 2 * batch["image"] - 1
        slope_tape.watch(real)
        logit = model.discriminator(real, training=True)
        slopes = slope_tape.gradient(tf.reduce_sum(logit), real)
        penalty = tf.reduce_sum(slopes**2) / (2 * len(real))
    oracle = tape.gradient(penalty, model.discriminator.trainable_variables)
    assert oracle[-1] is None  # the logit's bias, which no slope depends on
    for without, weighted, of_penalty in zip(gradients[0.0], gradients[3.0], [*oracle[:-1], 0], strict=True):
        np.testing.assert_allclose(weighted - without, 3 * of_penalty, rtol=1e-3, atol=1e-5)
    assert np.abs(oracle[0]).max() > 1e-4  # or the comparison would say nothing


def test_uniform_prior_fills_the_cube():
    model = built(prior="uniform")
    codes = model.draw_prior(np.arange(3000)).numpy()
    assert np.abs(codes).max() <= 1
    np.testing.assert_allclose(codes.std(0), 1 / np.sqrt(3), rtol=0.05)
    inside = tf.constant(codes[:5] * 0.9)
    np.testing.assert_allclose(model.prior.log_prob(inside), -6 * np.log(2), rtol=1e-3)


def test_initial_weights_are_narrow():
    kernels = [v for v in built(filters=32).trainable_variables if v.path.endswith("kernel")]
    assert len(kernels) == 6
    for kernel in kernels:
        assert np.std(kernel.numpy()) == pytest.approx(0.02, rel=0.2), kernel.path


def test_discriminate_gives_a_logit_an_image(digits):
    model = built()
    logits = model.discriminate(digits.test.images[:5])
    assert logits.shape == (5,)
    np.testing.assert_allclose(model.discriminate(digits.test.images[3:4])[0], logits[3], atol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"discriminator_steps": 0}, "discriminator_steps must be at least 1, got 0"),
        ({"label_smoothing": 0.9}, "label_smoothing must be in 0"),
        ({"gradient_penalty": -1}, "gradient_penalty must be at least 0, got -1"),
        ({"prior": "cauchy"}, "prior must be one of normal, uniform; got 'cauchy'"),
        ({"filters": 2.5}, "filters must be an int, got 2.5"),
    ],
)
def test_hyperparameters_out_of_range_are_named(wrong, message):
    with pytest.raises((ValueError, TypeError), match=message):
        built(**wrong)


def test_the_penalty_can_be_differentiated_through_batch_statistics():
    """Its slope along a line agrees with differences of it; `tf.nn.moments` alone has another second derivative."""
    layer = dcgan.normalisation()
    rows, line = (tf.random.stateless_normal([16, 3], [0, i]) for i in range(2))

    def penalty(x):
        return losses.gradient_penalty(lambda x: tf.tanh(layer(tf.exp(x), training=True)) @ [[1.0], [2.0], [-1.0]], x)

    with tf.GradientTape() as tape:
        tape.watch(rows)
        value = penalty(rows)
    along = float(tf.reduce_sum(tape.gradient(value, rows) * line))
    assert float(penalty(rows + 0.01 * line) - penalty(rows - 0.01 * line)) / 0.02 == pytest.approx(along, rel=0.01)
