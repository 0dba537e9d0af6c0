"""Diagnosis names the first number that is not finite, and keeps what is needed to look at it again."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.storage import runs, weights
from tfgen.training import callbacks, checkpoints, diagnosis, loop
from zoo.models import aae

pytestmark = pytest.mark.usefixtures("no_xla")

STEPS = 12  # an epoch
FAULTY = 2 * STEPS - 5  # steps done before the faulty one, in the middle of the second epoch


@tf.custom_gradient
def spoil_gradient(value, spoiled):
    """The identity, whose gradient is not finite where `spoiled`."""
    return value, lambda upstream: (upstream + tf.where(spoiled, float("inf"), 0.0), None)


def vae_with(small_vae, fault):
    """A VAE in whose faulty step one thing goes wrong first."""
    model = small_vae()
    training_loss = model.training_loss

    def faulty_loss(batch, seed, step):
        now = tf.equal(step, FAULTY)
        if fault == "gradient":
            kernel = model.decoder.trainable_variables[0]
            value = spoil_gradient(kernel.value, now)
            terms = training_loss(batch, seed, step)
            return terms | {"loss": terms["loss"] + 0.0 * tf.reduce_sum(value)}
        terms = training_loss(batch, seed, step)
        return terms | {"loss": tf.where(now, float("nan"), terms["loss"])}

    model.training_loss = faulty_loss
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    return model


def failed(model, digits, run, epochs=3):
    """Trains until something is not finite; the error and the last good checkpoint."""
    runs.create(run, {})
    weights.save(model, run / runs.WEIGHTS)
    state = checkpoints.State()
    watchers = [callbacks.RunWriter(run, state), callbacks.Checkpoints(run, state)]
    model.monitor = None
    options = {"epochs": epochs, "batch_size": 100, "seed": 3}
    with pytest.raises(loop.NonFiniteError) as caught:
        loop.fit(model, digits.train, **options, callbacks=watchers)
    return caught.value, checkpoints.newest(run, pytest.fail)


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        pytest.param("loss", "loss is nan", marks=(pytest.mark.slow, pytest.mark.ci)),
        ("gradient", "the gradient of decoder/DENSE/kernel is not finite"),
    ],
)
def test_first_thing_that_went_wrong_is_named(small_vae, digits, tmp_path, fault, cause):
    model = vae_with(small_vae, fault)
    error, checkpoint = failed(model, digits, tmp_path / "run")
    found = diagnosis.diagnose(error, checkpoint)
    layer = model.decoder.trainable_variables[0].path.split("/")[0]
    assert str(found) == f"step {FAULTY + 1}: {cause.replace('DENSE', layer)}"
    order = loop.epoch_order(len(digits.train.images), 100, 3, 1)
    np.testing.assert_array_equal(found.rows, order[FAULTY - STEPS])
    assert all(np.isfinite(array).all() for array in checkpoint._arrays().values())


def test_weight_is_found_at_the_end_of_the_epoch_if_no_metric_shows_it(small_vae, digits, tmp_path):
    """A statistic that training writes and never reads, such as those of batch normalisation."""
    model = small_vae()
    model.idle = keras.layers.BatchNormalization(center=False, scale=False)
    model.idle.build((None, 3))

    def update(batch, seed, step):
        spoiled = tf.where(tf.equal(step, FAULTY), float("nan"), 1.0)
        model.idle.moving_mean.assign(model.idle.moving_mean * spoiled)
        return type(model).update(model, batch, seed, step)

    model.update = update
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    error, checkpoint = failed(model, digits, tmp_path / "run")
    assert str(error) == f"step {2 * STEPS}: a weight is not finite"
    found = diagnosis.diagnose(error, checkpoint)
    assert found.step == FAULTY + 1
    assert found.cause.startswith("the weight idle/")
    assert "moving_mean" in found.cause


def test_phase_of_an_adversarial_model_is_named(digits, tmp_path):
    loop.set_initial_seed(0)
    model = aae.build(latent_dim=2, hidden_units=(8,))
    model.compile_recipe(learning_rate=1e30, steps=100)  # the discriminator's weights leave the range of floats
    error, checkpoint = failed(model, digits, tmp_path / "run")
    assert diagnosis.diagnose(error, checkpoint).cause == "the loss of phase generator is nan"
    assert not {"descend", "apply"} & {name for part in (model, *model.optimizers.values()) for name in vars(part)}


def test_batch_and_checkpoint_are_kept(trained_run, digits, tmp_path):
    run = shutil.copytree(trained_run, tmp_path / "run")
    checkpoint = checkpoints.newest(run, pytest.fail)
    fault = diagnosis.Fault(step=FAULTY + 1, cause="loss is nan", rows=np.array([7, 0, 1296], np.int32))
    path = diagnosis.keep(run, fault, digits.train, checkpoint)
    assert path == run / runs.FAULTS / f"step-{FAULTY + 1}.npz"
    with np.load(path) as batch:
        np.testing.assert_array_equal(batch["rows"], fault.rows)
        np.testing.assert_array_equal(batch["images"], digits.train.images[fault.rows])
        np.testing.assert_array_equal(batch["labels"], digits.train.labels[fault.rows])
    for name in ("epoch-00002.npz", "epoch-00002.json"):
        assert (path.parent / name).read_bytes() == (run / runs.CHECKPOINTS / name).read_bytes()
