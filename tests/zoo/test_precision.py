"""Networks in half precision: what is made of their outputs, what is stored and what is loaded stay float32."""

import json
from typing import get_args

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.evaluation import likelihood
from tfgen.evaluation.images import as_float
from tfgen.networks import common
from tfgen.storage import entries, runs

SLOW = (pytest.mark.slow, pytest.mark.ci)
HALF = [policy for policy in get_args(common.Precision) if policy != "float32"]
policies = pytest.mark.parametrize("policy", [pytest.param(HALF[0], marks=SLOW), *HALF[1:]])
ENTRIES = {entry: entries.module(entry).build for entry in tfgen.entries()}
DENSE = next(entry for entry, model in ENTRIES.items() if not model.phases)
PHASED = next(entry for entry, model in ENTRIES.items() if model.phases and model.convolutional)


@pytest.fixture(scope="module")
def batch(digits):
    image = as_float(digits.train.binarised()[:16])
    return {"image": tf.constant(image), "label": tf.constant(digits.train.labels[:16])}


def built(entry, policy):
    keras.utils.set_random_seed(0)
    with common.precision(policy):
        model = entries.build(entry, entries.module(entry).SMALL)
    model.compile_recipe(learning_rate=1e-3, steps=10)
    return model


@pytest.mark.parametrize(
    "entry", [entry if entry in (DENSE, PHASED) else pytest.param(entry, marks=SLOW) for entry in ENTRIES]
)
@policies
def test_steps_are_finite_and_all_but_the_networks_is_float32(entry, policy, batch):
    model = built(entry, policy)
    assert keras.config.dtype_policy().name == "float32"
    for _ in range(2):
        metrics = model.update(batch, tf.constant([0, 0]), tf.constant(1))
        assert {value.dtype for value in metrics.values()} == {tf.float32}
        assert np.isfinite([float(value) for value in metrics.values()]).all()
    optimizers = (model.optimizers or {"": model.optimizer}).values()
    assert {isinstance(each, keras.optimizers.LossScaleOptimizer) for each in optimizers} == {policy == "mixed_float16"}
    assert all(np.isfinite(variable.numpy()).all() for variable in model.weights)
    assert {variable.dtype for variable in model.weights} == {"float32"}
    image, condition = batch["image"], model.condition(batch)
    terms = model.validation_terms(image, tf.range(16, dtype=tf.int64), **condition)
    assert all(term.dtype == tf.float32 for term in terms.values())
    multiplying = [layer for layer in model._flatten_layers() if hasattr(layer, "kernel")]
    assert len(multiplying) >= 2
    assert {layer.compute_dtype for layer in multiplying} == {policy.removeprefix("mixed_")}


@policies
@pytest.mark.parametrize(
    ("entry", "phase"), [("vae", None), ("aae", "reconstruction"), ("aae", "discriminator"), ("dcgan", "discriminator")]
)
def test_gradients_are_about_those_of_float32(entry, phase, policy, batch):
    """Whether the loss was scaled or not: momentum holds the gradient, far from underflow in either.

    Of the discriminators' phases the larger part is the penalty's: the slope of a slope.
    """

    def gradients(policy):
        model = built(entry, policy)
        if phase:
            model.gradient_penalty *= 100
        model.compile(optimizer=keras.optimizers.SGD(1e-3, momentum=0.5))
        optimizer = model.optimizers[phase] if phase else model.optimizer
        if policy == "mixed_float16":
            optimizer.initial_scale = 8.0
        model.update(batch, tf.constant([0, 0]), tf.constant(1))
        slots = [slot.numpy().ravel() for slot in optimizer.variables if "momentum" in slot.path]
        return np.concatenate(slots)

    exact, half = gradients("float32"), gradients(policy)
    assert np.linalg.norm(half - exact) < 0.1 * np.linalg.norm(exact)


@pytest.mark.parametrize("clip_norm", [0.5, 1e6])
def test_a_gradient_is_clipped_to_a_norm_and_keeps_its_direction(clip_norm, batch):
    def gradient(clip_norm):
        model = built("vae", "float32")
        model.compile(optimizer=keras.optimizers.SGD(1.0, momentum=0.5))
        model.clip_norm = clip_norm
        model.update(batch, tf.constant([0, 0]), tf.constant(1))
        return np.concatenate([slot.numpy().ravel() for slot in model.optimizer.variables if "momentum" in slot.path])

    whole, clipped = gradient(None), gradient(clip_norm)
    norm = min(np.linalg.norm(whole), clip_norm)
    np.testing.assert_allclose(clipped, whole * norm / np.linalg.norm(whole), rtol=1e-3, atol=1e-6)


def test_run_in_half_precision_is_loaded_and_measured_in_float32(command, untrained, no_figures, digits, tmp_path):
    run = tmp_path / "run"
    options = ("--dataset", "digits", "--epochs", "1", "--hidden-units", "16", "--latent-dim", "3")
    code, _, error = command("vae", *options, "--precision", HALF[0], "--clip-norm", "5", "--run-dir", run)
    assert (code, error) == (0, "")
    assert runs.read_config(run)["recipe"]["precision"] == HALF[0]
    assert runs.read_config(run)["recipe"]["clip_norm"] == 5
    assert keras.config.dtype_policy().name == "float32"
    model = tfgen.load(run)
    assert model.dtype_policy.name == "float32"
    assert model.sample(2, seed=0).dtype == tf.float32
    metrics = json.loads((run / runs.METRICS).read_text())
    assert metrics["test_neg_elbo"] == pytest.approx(likelihood.report(model, digits)["test_neg_elbo"], abs=1e-3)


def test_precision_is_that_of_before_after_an_error():
    with pytest.raises(RuntimeError), common.precision("mixed_float16"):
        raise RuntimeError
    assert keras.config.dtype_policy().name == "float32"
    with (
        pytest.raises(ValueError, match=r"precision must be one of float32, .*; got 'half'"),
        common.precision("half"),
    ):
        pass
