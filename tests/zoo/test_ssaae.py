"""The semi-supervised AAE: its two games, its labels, and what a label of -1 leaves out."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.evaluation.images import as_float
from zoo import train
from zoo.models import ssaae


def built(**hyperparameters):
    keras.utils.set_random_seed(0)
    model = ssaae.build(**({"latent_dim": 2, "hidden_units": (16,)} | hyperparameters))
    model.compile_recipe(learning_rate=1e-2, steps=100)
    return model


@pytest.fixture(scope="module")
def batch(digits):
    label = np.where(np.arange(32) < 8, digits.train.labels[:32], -1)
    return {"image": tf.constant(as_float(digits.train.binarised()[:32])), "label": tf.constant(label)}


def gradients_of(model, batch, monkeypatch) -> dict:
    """Phase -> the gradients of its loss, in an update that moves nothing."""
    found = {}

    def noted(self, name, tape, loss):
        found[name] = tape.gradient(loss, self.variables_of(name))

    monkeypatch.setattr(ssaae.SSAAE, "descend", noted)
    model.update(batch, tf.constant([0, 0]), tf.constant(0))
    return found


def test_the_encoder_descends_distortion_both_games_and_the_labels(batch, monkeypatch):
    """Without noise anywhere, beside the gradients of the four terms, each with its weight."""
    model = built(noise=0.0, adversarial_weight=7.0, classification_weight=3.0)
    monkeypatch.setattr(model, "noise", lambda batch, seed: tf.zeros([32, 2]))
    found = gradients_of(model, batch, monkeypatch)["generator"]
    image, label = batch["image"], batch["label"]
    with tf.GradientTape() as tape:
        logits, posterior = model.encoded(image)
        classes, styles = tf.nn.softmax(logits), posterior.mean()
        loss = -tf.reduce_mean(model.explained(styles, classes).log_prob(image))
        for discriminator, codes in ((model.style_discriminator, styles), (model.class_discriminator, classes)):
            loss += 7 * tf.reduce_mean(tf.nn.softplus(-discriminator(codes)))
        told = tf.reduce_sum(tf.one_hot(label, 10) * tf.nn.log_softmax(logits), -1)  # 0 for a label of -1
        loss -= 3 * tf.reduce_mean(told)
    for have, expected in zip(found, tape.gradient(loss, model.encoder.trainable_variables), strict=True):
        np.testing.assert_allclose(have, expected, rtol=1e-3, atol=1e-4)


def test_without_labels_their_numbers_do_not_matter(batch, monkeypatch):
    unlabelled = batch | {"label": tf.fill([32], tf.constant(-1, tf.int64))}
    found = [gradients_of(built(classification_weight=weight), unlabelled, monkeypatch) for weight in (0.0, 50.0)]
    for one, other in zip(found[0]["generator"], found[1]["generator"], strict=True):
        np.testing.assert_array_equal(one, other)
    labelled = gradients_of(built(classification_weight=50.0), batch, monkeypatch)
    assert np.abs(labelled["generator"][0] - found[1]["generator"][0]).max() > 1e-3


def test_each_phase_moves_its_own_networks(batch, monkeypatch):
    found = gradients_of(built(), batch, monkeypatch)
    assert list(found) == ["reconstruction", "discriminator", "generator"]
    for phase, gradients in found.items():
        moved = [gradient for gradient in gradients if gradient is not None]
        assert len(moved) >= len(gradients) - 2, phase  # the slopes leave the biases of the logits out, not the losses
        assert all(np.abs(gradient).max() > 0 for gradient in moved)


def test_classes_of_the_prior_are_equally_likely_one_hot_vectors():
    drawn = built().prior_classes(5000, tf.constant([1, 2])).numpy()
    assert set(np.unique(drawn)) == {0, 1}
    np.testing.assert_array_equal(drawn.sum(1), 1)
    np.testing.assert_allclose(drawn.mean(0), 0.1, atol=0.02)


def test_a_class_and_a_style_give_an_image_and_the_style_is_not_told_the_class(batch):
    model = built()
    image = batch["image"][:3]
    for answers in zip(model.encode(image, label=2), model.encode(image, label=7), strict=True):
        np.testing.assert_array_equal(*answers)
    two, seven = (model.reconstruct(image, label=label).numpy() for label in (2, 7))
    assert np.abs(two - seven).max() > 1e-3
    terms = model.validation_terms(image, None, label=tf.constant([0, 1, 2], tf.int64))
    logits, posterior = model.encoded(image)
    expected = -model.explained(posterior.mean(), tf.nn.softmax(logits)).log_prob(image)
    np.testing.assert_allclose(terms["distortion"], expected, rtol=1e-4)
    wrong = model.classify(image).numpy().argmax(1) != [0, 1, 2]
    np.testing.assert_array_equal(terms["error"], 100.0 * wrong)


def test_it_learns_the_classes_of_a_few_labels(digits, monkeypatch):
    """Some steps on labels alone: the error of these images falls."""
    model = built(adversarial_weight=0.0, noise=0.0)
    image, label = as_float(digits.train.binarised()[:64]), digits.train.labels[:64]
    step = tf.function(lambda number: model.update({"image": image, "label": label}, tf.constant([0, 1]), number))
    terms = [float(step(tf.constant(number))["classification_loss"]) for number in range(30)]
    assert terms[-1] < 0.7 * terms[0]
    expected = model.minus_log_q(tf.zeros([4, 10]), tf.constant([-1, -1, 3, 3]))
    np.testing.assert_allclose(expected, [0, 0, np.log(10), np.log(10)], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.ci
def test_a_run_with_few_labels_says_its_error(call, tmp_path):
    small = ("--latent-dim", "3", "--hidden-units", "32")
    options = ("--labels", "20", "--epochs", "1", "--dataset", "digits", "--run-dir", tmp_path / "run", *small)
    code, output, _ = call(train.main, "ssaae", *options)
    assert code == 0
    assert "test error" in output
