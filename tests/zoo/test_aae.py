"""AAE: its priors, its posteriors and its three phases."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen import seeds
from tfgen.distributions import likelihoods, priors
from tfgen.evaluation.images import as_float
from zoo.models import aae


def built(**hyperparameters):
    keras.utils.set_random_seed(0)
    model = aae.build(**({"latent_dim": 2, "hidden_units": (16,)} | hyperparameters))
    model.compile_recipe(learning_rate=1e-2, steps=100)
    return model


@pytest.fixture(scope="module")
def batch(digits):
    image = as_float(digits.train.binarised()[:32])
    return {"image": tf.constant(image), "label": tf.constant(digits.train.labels[:32])}


def test_discriminator_step_leaves_the_autoencoder_untouched(batch, monkeypatch):
    model = built()
    descend = aae.AAE.descend

    def only_discriminator(self, name, *arguments):
        if name == "discriminator":
            descend(self, name, *arguments)

    monkeypatch.setattr(aae.AAE, "descend", only_discriminator)
    before = [network.get_weights() for network in (model.encoder, model.decoder, model.discriminator)]
    model.update(batch, tf.constant([0, 0]), tf.constant(0))
    after = [network.get_weights() for network in (model.encoder, model.decoder, model.discriminator)]
    for old, new in zip(before[0] + before[1], after[0] + after[1], strict=True):
        np.testing.assert_array_equal(old, new)
    assert any((old != new).any() for old, new in zip(before[2], after[2], strict=True))


def test_encoder_as_generator_fools_the_discriminator_more(batch, monkeypatch):
    """Steps of the third phase alone raise the discriminator's logits of codes."""
    model = built()
    descend = aae.AAE.descend
    monkeypatch.setattr(
        aae.AAE, "descend", lambda self, name, *rest: descend(self, name, *rest) if name == "generator" else None
    )
    losses = [float(model.update(batch, tf.constant([0, 0]), tf.constant(0))["generator_loss"]) for _ in range(5)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("weight", [0.0, 40.0])
def test_encoder_descends_the_distortion_and_the_weighted_loss_of_the_generator(batch, monkeypatch, weight):
    """A gradient step on the third phase's loss alone, beside the gradients of its two terms."""
    model = built(adversarial_weight=weight, posterior="deterministic")
    found = {}

    def gradients(self, name, tape, loss):
        found[name] = tape.gradient(loss, self.variables_of(name))

    monkeypatch.setattr(aae.AAE, "descend", gradients)
    model.update(batch, tf.constant([0, 0]), tf.constant(0))
    variables = model.encoder.trainable_variables
    assert [variable.path for variable in model.variables_of("generator")] == [variable.path for variable in variables]
    with tf.GradientTape(persistent=True) as tape:
        codes = model.code(batch["image"])
        distortion = -tf.reduce_mean(model.likelihood(codes).log_prob(batch["image"]))
        fooled = tf.reduce_mean(tf.nn.softplus(-model.discriminator(codes)))
    terms = zip(tape.gradient(distortion, variables), tape.gradient(fooled, variables), strict=True)
    for have, (first, second) in zip(found["generator"], terms, strict=True):
        np.testing.assert_allclose(have, first + weight * second, rtol=1e-4, atol=1e-5)


def test_discriminator_descends_its_loss_and_the_weighted_penalty(batch, monkeypatch):
    """The gradients of the second phase without and with gamma differ by gamma times that of R(D) at both codes."""
    gradients, points = {}, []

    def noted(self, name, tape, loss):
        if name == "discriminator":
            gradients[self.gradient_penalty] = tape.gradient(loss, self.discriminator.trainable_variables)

    def seen(self, latent, label):
        points.append(tf.stop_gradient(latent))
        return self.discriminator(latent)

    monkeypatch.setattr(aae.AAE, "descend", noted)
    monkeypatch.setattr(aae.AAE, "logit", seen)
    for weight in (0.0, 3.0):
        points.clear()
        model = built(gradient_penalty=weight)  # every built model starts from the same weights
        model.update(batch, tf.constant([0, 0]), tf.constant(0))
    expected, found = points[:2]
    assert np.abs(expected - found).max() > 0.1
    with tf.GradientTape() as tape:
        penalty = 0.0
        for codes in (expected, found):
            with tf.GradientTape() as slope_tape:
                slope_tape.watch(codes)
                logit = tf.reduce_sum(model.discriminator(codes))
            penalty += tf.reduce_sum(slope_tape.gradient(logit, codes) ** 2) / (2 * len(codes))
    oracle = tape.gradient(penalty, model.discriminator.trainable_variables)
    assert np.abs(oracle[0]).max() > 1e-4  # or the comparison would say nothing
    for without, weighted, of_penalty in zip(gradients[0.0], gradients[3.0], oracle, strict=True):
        expected = 0 if of_penalty is None else 3 * of_penalty  # None: the logit's bias, which no slope depends on
        np.testing.assert_allclose(weighted - without, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("smallest", [0.1, 0.5])
def test_spread_of_the_posterior_stays_above_the_smallest(digits, smallest):
    model = built(smallest_stddev=smallest)
    raw = model.encoder.layers[-1]
    raw.bias.assign(tf.fill(raw.bias.shape, -50.0))  # a posterior that wants to be a point
    np.testing.assert_allclose(model.encode(digits.test.images[:3])[1], smallest, rtol=1e-4)


def test_deterministic_posterior_has_no_spread(digits):
    mean, stddev = built(posterior="deterministic").encode(digits.test.images[:3])
    assert mean.shape == (3, 2)
    np.testing.assert_array_equal(stddev, np.zeros([3, 2]))
    _, stddev = built().encode(digits.test.images[:3])
    assert (stddev.numpy() > 0).all()


def test_prior_is_the_average_of_its_petals():
    model = built(prior="petals")
    points = tf.random.stateless_normal([50, 2], [0, 1]) * 2
    petals = priors.petal(tf.range(10), 10)
    average = tf.reduce_logsumexp(petals.log_prob(points[:, None]), 1) - np.log(10)
    np.testing.assert_allclose(model.prior.log_prob(points), average, rtol=1e-4)


def test_samples_of_the_petals_follow_them():
    model = built(prior="petals")
    drawn = model.draw_prior(seeds.row_seeds(0, 4000)).numpy()
    digit = priors.petal(tf.range(10), 10).log_prob(drawn[:, None]).numpy().argmax(1)
    shares = np.bincount(digit, minlength=10) / len(drawn)
    assert np.abs(shares - 0.1).max() < 0.025
    np.testing.assert_allclose(drawn[digit == 0].mean(0), [priors.PETAL_DISTANCE, 0], atol=0.2)


def test_discriminator_is_told_the_label_of_petals_alone():
    codes, labels = tf.zeros([2, 2]), tf.constant([0, 5])
    told, untold = (built(prior=prior).logit(codes, labels).numpy()[:, 0] for prior in ("petals", "normal"))
    assert told[0] != told[1]
    assert untold[0] == untold[1]


def test_gaussian_likelihood_trains_on_grey_levels():
    assert built().pixels.protocol == "dynamic"
    grey = built(likelihood="normal")
    assert grey.pixels.protocol == "grey"
    image = tf.fill([1, 28, 28, 1], 0.5)
    expected = -0.5 * np.log(2 * np.pi * likelihoods.PIXEL_STDDEV**2) * 784
    assert grey.pixels(tf.zeros([1, 28, 28, 1])).log_prob(image).numpy() == pytest.approx(expected)


def test_petals_need_the_plane():
    with pytest.raises(ValueError, match="need latent_dim 2, got 8"):
        aae.build(prior="petals")


def test_petals_are_not_trained_without_labels(batch):
    with pytest.raises(ValueError, match=r"call fit\(images, labels\)"):
        built(prior="petals").train_on_batch(batch["image"])


def test_petals_are_refused_for_data_without_classes(command, tmp_path):
    """They would be trained as if every image were of the first class."""
    np.savez(tmp_path / "images.npz", images=np.zeros([40, 16, 16, 1], np.uint8))
    options = ("--dataset", tmp_path / "images.npz", "--latent-dim", "2", "--prior", "petals")
    code, _, error = command("aae", *options, "--run-dir", tmp_path / "run")
    assert (code, error) == (2, "error: this aae is trained with labels, and the data set 'images' has no classes\n")
    assert not (tmp_path / "run").exists()
