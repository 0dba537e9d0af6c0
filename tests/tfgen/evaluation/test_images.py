"""Images as a model takes them, a chunk at a time."""

import keras
import numpy as np
import pytest

from tfgen.evaluation import images
from zoo.models import cvae


def test_held_out_images_are_as_the_likelihood_sees_them(small_vae, digits):
    binarised, grey = small_vae(), small_vae(likelihood="normal")
    np.testing.assert_array_equal(images.held_out(binarised, digits.test), digits.test.binarised())
    np.testing.assert_array_equal(images.held_out(grey, digits.test), digits.test.images)


@pytest.mark.parametrize(("image", "largest"), [(np.array([0, 255], np.uint8), 1.0), (np.array([False, True]), 1.0)])
def test_held_out_images_become_fractions(image, largest):
    fraction = images.as_float(image)
    assert fraction.dtype == np.float32
    np.testing.assert_array_equal(fraction, [0.0, largest])


def test_samples_are_those_of_the_model(small_vae):
    model = small_vae()
    found = images.samples(model, np.zeros(5, np.int64), seed=2)
    np.testing.assert_allclose(found, model.sample(5, seed=2), atol=1e-6)


def test_samples_of_a_conditional_model_are_of_the_classes_asked_for(monkeypatch):
    keras.utils.set_random_seed(0)
    model, labels = cvae.build(latent_dim=2, hidden_units=(16,)), np.array([3, 1, 4, 1, 5])
    expected = model.sample(5, label=labels, seed=0)
    monkeypatch.setattr(images.chunks, "__defaults__", (2,))
    np.testing.assert_allclose(images.samples(model, labels), expected, atol=1e-6)
