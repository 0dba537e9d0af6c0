"""Means of metrics: weighted, made when they are first seen, and kept out of the model's weights."""

import pytest
import tensorflow as tf

from tfgen.training.means import Means


def test_means_are_weighted_and_begin_anew_when_reset():
    means = Means()
    means.update({"loss": tf.constant(1.0)}, tf.constant(3.0))
    found = means.update({"loss": tf.constant(5.0)}, tf.constant(1.0))
    assert float(found["loss"]) == pytest.approx(2.0)
    for metric in means.metrics:
        metric.reset_state()
    assert float(means.update({"loss": tf.constant(7.0)}, tf.constant(1.0))["loss"]) == 7.0


def test_means_are_made_while_a_step_is_traced():
    means = Means()
    step = tf.function(lambda value: means.update({"loss": value}, tf.constant(1.0)), autograph=False)
    step(tf.constant(1.0))
    assert float(step(tf.constant(3.0))["loss"]) == pytest.approx(2.0)
    assert [metric.name for metric in means.metrics] == ["loss"]


def test_means_are_no_weights_of_the_model(small_vae):
    model = small_vae()
    before = len(model.weights)
    model.means.make(["loss", "rate"])
    assert len(model.metrics) == 2
    assert len(model.weights) == before == 8
