"""Symptoms are told once each where they are provoked, and never of a healthy training."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.storage import entries
from tfgen.training import loop, symptoms
from zoo.models import dcgan

pytestmark = pytest.mark.usefixtures("no_xla")


def told(entry, hyperparameters, digits, *, epochs, learning_rate=1e-3, change=None) -> list[str]:
    """The warnings of a short training."""
    loop.set_initial_seed(0)
    model, lines = entries.build(entry, hyperparameters), []
    model.compile_recipe(learning_rate=learning_rate, steps=epochs * 12)
    if change:
        change(model)
    watcher = symptoms.Symptoms(digits.validation, lines.append)
    loop.fit(model, digits.train, epochs=epochs, batch_size=100, callbacks=[watcher])
    return lines


@pytest.mark.parametrize(
    ("entry", "hyperparameters"),
    [
        ("aae", {"latent_dim": 3, "hidden_units": (32,)}),  # in which each of the three could show
        pytest.param("vae", {"latent_dim": 1, "hidden_units": (32,)}, marks=pytest.mark.slow),
        pytest.param("vae", {"latent_dim": 8, "hidden_units": (32,)}, marks=pytest.mark.slow),
        pytest.param("dcgan", {"latent_dim": 8, "filters": 4}, marks=pytest.mark.slow),
    ],
)
def test_healthy_training_is_silent(entry, hyperparameters, digits):
    assert told(entry, hyperparameters, digits, epochs=4) == []


@pytest.mark.parametrize("entry", entries.entries())
def test_every_model_is_looked_at(entry, digits):
    lines = []
    watcher = symptoms.Symptoms(digits.validation, lines.append)
    watcher.set_model(entries.build(entry, entries.module(entry).SMALL))
    watcher.set_params({"epochs": 1})
    watcher.on_epoch_end(0, {})
    assert all(line.startswith("warning: ") for line in lines)


def test_posterior_that_collapsed_is_told_once(digits):
    options = {"latent_dim": 8, "hidden_units": (16,), "beta": 1e4, "warmup": 0.0}
    lines = told("vae", options, digits, epochs=8, learning_rate=1e-2)
    assert len(lines) == 1
    assert lines[0].startswith("warning: posterior collapse in epoch ")
    assert lines[0].endswith("0 of 8 dimensions of the code depend on the image")


def test_active_units_are_counted_by_the_variance_of_their_means(small_vae, digits):
    model = small_vae()
    codes = np.zeros([200, 3], np.float32)
    codes[::2] = [0.0, 0.19, 0.21]  # variances 0, 0.009 and 0.011
    model.code = lambda image: tf.constant(codes[: len(image)])
    assert symptoms.active_units(model, digits.validation.images, digits.validation.labels) == 1


def test_an_accuracy_of_all_images_is_told_once(digits):
    lines = []
    watcher = symptoms.Symptoms(digits.validation, lines.append)
    watcher.set_model(dcgan.build(latent_dim=4, filters=2))
    watcher.set_params({"epochs": 100})
    for epoch, accuracy in enumerate([0.999, 1.0, 0.5, 1.0]):
        watcher.on_epoch_end(epoch, {"accuracy": accuracy})
    assert len(lines) == 1
    assert lines[0].startswith("warning: discriminator won in epoch 2: ")


@pytest.mark.slow
@pytest.mark.ci
def test_discriminator_that_won_is_told_once(digits):
    def weaken(model):
        """Its generator stands still and makes grey images, which are easy to tell."""
        descend = model.descend
        model.descend = lambda name, *arguments, **options: (
            descend(name, *arguments, **options) if name == "discriminator" else None
        )

    lines = told("dcgan", {"latent_dim": 4, "filters": 2}, digits, epochs=4, change=weaken)
    assert len(lines) == 1
    assert lines[0].startswith("warning: discriminator won in epoch ")


def test_samples_that_are_all_alike_are_told_once(digits):
    picture, lines = tf.constant(digits.train.images[:1] / 255, tf.float32), []
    model = dcgan.build(latent_dim=4, filters=2)
    model.compile_recipe(learning_rate=1e-3, steps=1)
    model.image_mean = lambda latent: 0.97 * picture + 0.03 * tf.sigmoid(latent[:, :1, None, None])
    watcher = symptoms.Symptoms(digits.validation, lines.append)
    watcher.set_model(model)
    watcher.set_params({"epochs": 2})
    for epoch in range(2):
        watcher.on_epoch_end(epoch, {"accuracy": 0.9})
    assert len(lines) == 1
    assert lines[0].startswith("warning: mode collapse in epoch 1: samples differ")


def test_early_epochs_are_not_judged(digits, small_vae):
    lines = []
    watcher = symptoms.Symptoms(digits.validation, lines.append)
    model = small_vae()
    model.code = lambda image: tf.zeros([len(image), 3])
    watcher.set_model(model)
    watcher.set_params({"epochs": 4})
    for epoch in range(4):
        watcher.on_epoch_end(epoch, {})
        assert len(lines) == (epoch >= 1)


def test_what_was_told_before_a_stop_is_not_told_again(digits, small_vae):
    model, lines, before = small_vae(), [], ["posterior collapse"]
    model.code = lambda image: tf.zeros([len(image), 3])
    watcher = symptoms.Symptoms(digits.validation, lines.append, before)
    watcher.set_model(model)
    watcher.set_params({"epochs": 1})
    watcher.on_epoch_end(0, {})
    assert lines == []


def test_mean_distance_is_that_of_two_images():
    images = np.random.default_rng(0).random((5, 28, 28, 1))
    distances = [np.linalg.norm(a - b) for i, a in enumerate(images) for b in images[:i]]
    assert symptoms.mean_distance(images) == pytest.approx(np.mean(distances))
    assert symptoms.mean_distance(np.repeat(images[:1], 4, 0)) == pytest.approx(0, abs=1e-5)
