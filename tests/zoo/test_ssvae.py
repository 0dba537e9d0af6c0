"""M2 and M1+M2: the bounds of the paper, and what a label of -1 leaves out."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfgen.data import few
from tfgen.models import bounds
from tfgen.storage import entries
from tfgen.training import loop
from zoo import train
from zoo.models import ssvae


@pytest.fixture(scope="module", params=["M1+M2", "M2"])
def model(request):
    loop.set_initial_seed(0)
    return entries.build("ssvae", ssvae.SMALL | {"network": request.param})


@pytest.fixture(scope="module")
def batch(digits):
    image = tf.constant(digits.train.images[:12], tf.float32) / 255
    return {"image": image, "label": tf.constant(digits.train.labels[:12], tf.int64)}


def of(model, image):
    """u of images: the mean of M1's code, or the image itself."""
    return model.features_of(image).mean() if model.stacked else image


def test_the_marginal_bound_is_the_sum_over_the_classes(model, batch):
    u, noise = of(model, batch["image"]), tf.random.stateless_normal([12, 3], [0, 1])
    q = model.classify(batch["image"]).numpy()
    expected = np.zeros(12)
    for y in range(10):
        expected += q[:, y] * (model.bound(u, noise, tf.fill([12], y)).numpy() + np.log(q[:, y]))
    found = bounds.marginal_bound(model.of_every_class(model.bound, u, noise), tf.math.log(q)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_it_bounds_the_sum_over_the_classes_and_is_tight_at_their_posterior():
    joint = np.random.default_rng(0).normal(size=(5, 4)) * 3  # J(y) = -log p(u,y)
    exact = -np.log(np.exp(-joint).sum(1))
    posterior = -joint + exact[:, None]
    np.testing.assert_allclose(bounds.marginal_bound(joint, posterior), exact, rtol=1e-6)
    uniform = np.full((5, 4), -math.log(4))
    assert (bounds.marginal_bound(joint, uniform).numpy() > exact + 0.01).all()


def test_the_loss_of_a_row_is_that_of_its_kind(model, batch):
    seed, step = tf.constant([0, 1]), tf.constant(0)
    losses = {}
    for label in (-1, 3, 7):
        labels = tf.fill([12], tf.constant(label, tf.int64))
        losses[label] = model.training_loss(batch | {"label": labels}, seed, step)["bound"].numpy()
    mixed = tf.constant([-1, 3, 7] * 4, tf.int64)
    found = model.training_loss(batch | {"label": mixed}, seed, step)["bound"].numpy()
    np.testing.assert_allclose(found, np.choose([0, 1, 2] * 4, list(losses.values())), rtol=1e-5)
    assert (np.abs(losses[3] - losses[7]) > 1e-3).all()


def test_no_label_moves_the_first_model(batch):
    loop.set_initial_seed(0)
    model = entries.build("ssvae", ssvae.SMALL)
    variables = model.first_encoder.trainable_variables + model.first_decoder.trainable_variables
    gradients = []
    for label in (2, 5, -1):
        with tf.GradientTape() as tape:
            terms = model.training_loss(
                batch | {"label": tf.fill([12], tf.constant(label, tf.int64))}, tf.constant([0, 1]), tf.constant(0)
            )
            loss = tf.reduce_mean(terms["loss"])
        gradients.append([part.numpy() for part in tape.gradient(loss, variables)])
    for first, *others in zip(*gradients, strict=True):
        for other in others:
            np.testing.assert_allclose(other, first, atol=1e-5)


def test_a_reconstruction_is_that_of_the_first_model(batch):
    model = entries.build("ssvae", ssvae.SMALL)
    first = model.pixels(model.first_decoder(model.features_of(batch["image"]).mean())).mean()
    for label in (0, 4):
        np.testing.assert_allclose(model.reconstruct(batch["image"], label=label), first, atol=1e-4)


def test_few_labels_are_as_many_of_each_class_and_a_tenth_of_what_is_seen(digits):
    known = few.rows(digits.train.labels, 23, digits.classes, 5)
    assert np.bincount(digits.train.labels[known]).tolist() == [3, 3, 3, 2, 2, 2, 2, 2, 2, 2]
    np.testing.assert_array_equal(known, few.rows(digits.train.labels, 23, digits.classes, 5))
    assert set(known) != set(few.rows(digits.train.labels, 23, digits.classes, 6))
    split = few.hidden(digits.train, known)
    assert len(split.images) == len(digits.train.images)
    seen = split.labels != few.NONE
    assert seen.mean() == pytest.approx(0.1, abs=0.001)
    own = {image.tobytes(): label for image, label in zip(digits.train.images, digits.train.labels, strict=True)}
    for image, label in zip(split.images[seen], split.labels[seen], strict=True):
        assert own[image.tobytes()] == label
    with pytest.raises(ValueError, match="at least one for each of the 10 classes, got 9"):
        few.rows(digits.train.labels, 9, digits.classes, 0)
    with pytest.raises(ValueError, match="needs 100000 images of class 0, and there are"):
        few.rows(digits.train.labels, 1_000_000, digits.classes, 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("vae", "--labels", "100"), "labels 100 is not for vae: it takes a model that learns from few of them"),
        (("ssvae", "--labels", "5"), "labels must be at least one for each of the 10 classes, got 5"),
        (("ssvae", "--labels", "0"), "labels must be at least 1, got 0"),
        (("ssvae", "--network", "M3"), "M3"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_labels_that_cannot_be_are_refused_in_one_line(call, tmp_path, arguments, words):
    run = tmp_path / "run"
    code, _, error = call(train.main, *arguments, "--dataset", "digits", "--run-dir", run)
    assert code == 2
    assert words in error.splitlines()[-1]
    assert not run.exists()


@pytest.mark.slow
@pytest.mark.ci
def test_a_run_with_few_labels_says_its_error(call, tmp_path):
    small = ("--latent-dim", "3", "--features", "4", "--hidden-units", "32", "--class-units", "16")
    options = ("--labels", "20", "--epochs", "1", "--dataset", "digits", "--run-dir", tmp_path / "run", *small)
    code, output, _ = call(train.main, "ssvae", *options)
    assert code == 0
    assert "test error" in output
