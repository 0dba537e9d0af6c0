"""A classifier that begins as a model's encoder."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.data import few
from tfgen.evaluation.images import as_float
from tfgen.tasks.common import finetuning
from zoo.models import autoencoder, discrete_vae, iaf_vae


def test_classifier_learns_and_leaves_the_model_as_it_is(small_vae, digits):
    model = small_vae(hidden_units=(64,), latent_dim=8)
    before = model.get_weights()
    split = few.only(digits.train, np.arange(200))
    classify = finetuning.classifier(model, split, 10, steps=80)
    found = classify(digits.test.images[:100])
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-4)
    assert np.mean(found.argmax(1) == digits.test.labels[:100]) > 0.5
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_pre_trained_encoder_is_the_model_s_and_a_fresh_one_is_not(small_vae, digits, monkeypatch):
    """Without a step, the classifier is a function of the code of the model's encoder."""
    monkeypatch.setattr(finetuning, "LEARNING_RATE", 0.0)
    model, split = small_vae(), few.only(digits.train, np.arange(50))
    image = as_float(digits.test.images[:100])
    code = finetuning.code(model, image)
    log_odds = lambda fresh: np.log(finetuning.classifier(model, split, 10, fresh=fresh, steps=1, seed=5)(image))  # noqa: E731
    design = np.concatenate([code, np.ones([100, 1])], 1)
    misfit = {}
    for fresh in (False, True):
        found = log_odds(fresh)
        found -= found.mean(1, keepdims=True)
        misfit[fresh] = np.abs(found - design @ np.linalg.lstsq(design, found, rcond=None)[0]).max()
    assert misfit[False] < 1e-4
    assert misfit[True] > 1e-2


@pytest.mark.parametrize("module", [autoencoder, discrete_vae, iaf_vae])
def test_gradients_reach_the_whole_encoder_and_no_decoder(module, digits):
    keras.utils.set_random_seed(0)
    model, image = module.build(**module.SMALL), tf.constant(as_float(digits.test.images[:2]))
    used = finetuning._used(lambda images: finetuning.code(model, images), model.trainable_variables, image)
    used = {id(variable) for variable in used}
    assert used.issuperset(id(variable) for variable in model.encoder.trainable_variables)
    assert used.isdisjoint(id(variable) for variable in model.decoder.trainable_variables)
