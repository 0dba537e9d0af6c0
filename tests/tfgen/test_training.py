"""The compiled loop against the plain one that it replaces; it is repeatable, and never silently wrong."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import callbacks, data, runs, seeds, training, weights

BATCH = 10  # 129 steps an epoch: two full calls of the compiled loop, and a shorter one


def fitted(model, split, *, epochs=1, batch_size=BATCH, watchers=(), **options):
    """A model after training, and Keras's history."""
    if not model.compiled:
        model.compile(optimizer=keras.optimizers.Adam(1e-3))
    history = training.fit(model, split, epochs=epochs, batch_size=batch_size, callbacks=watchers, **options)
    return model, history.history


@pytest.fixture(scope="module")
def trained(small_vae, digits):
    """A small VAE after two epochs, with its history."""
    return fitted(small_vae(), digits.train, epochs=2, seed=5)


def test_compiled_loop_does_what_a_plain_one_does(small_vae, digits, monkeypatch):
    """Rows gathered, binarised and updated with the seeds of their step, metrics averaged over steps."""
    monkeypatch.setattr(training, "uses_xla", lambda model: False)  # XLA makes other noise of the same seeds
    compiled, history = fitted(small_vae(), digits.train, seed=5)
    model = small_vae()
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    metrics = []

    @tf.function
    def update(grey, step):
        pixel_seed, seed = seeds.step_seeds(5, step, 2)
        return model.update({"image": model.pixels(grey, pixel_seed)}, seed, step)

    order = np.random.default_rng([5, 0]).permutation(len(digits.train.images))
    for step in range(len(order) // BATCH):
        rows = order[step * BATCH : (step + 1) * BATCH]
        metrics.append(update(tf.constant(digits.train.images[rows] / 255, tf.float32), tf.constant(step)))
    for name in ("loss", "distortion", "rate"):
        assert history[name][0] == pytest.approx(np.mean([step[name] for step in metrics]), rel=1e-3), name
    for ours, theirs in zip(compiled.get_weights(), model.get_weights(), strict=True):
        assert np.linalg.norm(ours - theirs) < 0.01 * np.linalg.norm(theirs)


def loop_of(model, count: int, batch_size: int, seed: int = 0):
    images = np.zeros([count, 28, 28, 1], np.uint8)
    return training.ResidentLoop(model, data.Split("train", images, np.zeros(count, np.int64)), batch_size, seed)


def test_every_epoch_visits_rows_once_in_an_order_of_its_own(small_vae):
    loop = loop_of(small_vae(), 1297, BATCH)
    steps = [loop.steps_of(int(call)) for call in loop.calls(0, 2)]
    assert steps == [range(60), range(60, 120), range(120, 129), range(129, 189), range(189, 249), range(249, 258)]
    epochs = [np.concatenate([loop.rows_of(part).ravel() for part in half]) for half in (steps[:3], steps[3:])]
    for rows in epochs:
        assert len(set(rows)) == len(rows) == 1290
        assert rows.max() < 1297
    assert (epochs[0] != epochs[1]).mean() > 0.9


def test_later_epochs_do_not_depend_on_where_training_began(small_vae):
    loop = loop_of(small_vae(), 50, 10, seed=3)
    whole, rest = [int(call) for call in loop.calls(0, 3)], [int(call) for call in loop.calls(1, 3)]
    assert rest == whole[1:]
    again = loop_of(small_vae(), 50, 10, seed=3)
    for call in rest:
        np.testing.assert_array_equal(loop.rows_of(loop.steps_of(call)), again.rows_of(again.steps_of(call)))


@pytest.mark.parametrize("hyperparameters", [{"covariance": "diagonal"}, {"covariance": "full", "samples": 2}])
def test_every_trainable_variable_moves_in_one_step(small_vae, digits, hyperparameters):
    model = small_vae(**hyperparameters)
    before = [variable.numpy() for variable in model.trainable_variables]
    fitted(model, digits.train, batch_size=len(digits.train.images))
    assert model.optimizer.iterations == 1
    assert len(before) == 8
    for old, variable in zip(before, model.trainable_variables, strict=True):
        assert (variable.numpy() != old).any(), variable.path


def test_same_seed_trains_the_same_model(trained, small_vae, digits):
    again, history = fitted(small_vae(), digits.train, epochs=2, seed=5)
    assert history == trained[1]
    for ours, theirs in zip(trained[0].get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    _, other = fitted(small_vae(), digits.train, epochs=2, seed=6)
    assert other["loss"] != history["loss"]


def test_training_learns_and_leaves_keras_fit_as_it_was(trained, digits):
    model, history = trained
    assert history["loss"][1] < history["loss"][0] - 10
    np.testing.assert_allclose(history["loss"], np.add(history["distortion"], history["rate"]), rtol=1e-4)
    again = model.fit(digits.train.images[:100], batch_size=50, verbose=0).history
    assert again["loss"][0] < history["loss"][0]


def test_batch_larger_than_the_data_is_refused(small_vae, digits):
    with pytest.raises(ValueError, match="at most the 1297 training images, got 1298"):
        fitted(small_vae(), digits.train, batch_size=1298)


def failing_at(small_vae, step: int, metric: str):
    """A VAE whose metric is not finite from a step on."""
    model = small_vae()
    loss = model.training_loss

    def training_loss(batch, seed, now):
        terms = loss(batch, seed, now)
        return terms | {metric: tf.where(now >= step, float("nan"), terms[metric])}

    model.training_loss = training_loss
    return model


def test_loss_that_is_not_finite_stops_with_step_metric_and_good_weights(small_vae, digits, tmp_path):
    model, run = failing_at(small_vae, 200, "rate"), tmp_path / "run"
    runs.create(run, {})
    writer, kept = callbacks.RunWriter(run), []
    validation = callbacks.Validation(digits.validation, model)
    remember = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()))
    with pytest.raises(training.NonFiniteError, match=r"^step 201: rate is nan$"):
        fitted(model, digits.train, epochs=3, watchers=[validation, writer, remember])
    assert writer.state.best_epoch == len(kept) == 1
    restored = small_vae()
    weights.load(restored, run / runs.WEIGHTS)
    for good, stored in zip(kept[0], restored.get_weights(), strict=True):
        np.testing.assert_array_equal(good, stored)
    assert len(runs.read_history(run)) == 1


def test_model_stops_at_the_very_step_that_went_wrong(small_vae, digits):
    model = failing_at(small_vae, 7, "loss")
    with pytest.raises(training.NonFiniteError, match=r"^step 8: loss is nan$"):
        fitted(model, digits.train)
    assert model.optimizer.iterations == 8


def test_xla_is_kept_off_convolutions_on_a_cpu(monkeypatch, small_vae):
    class Convolutional(tfgen.Model):
        convolutional = True

    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [])
    assert not training.uses_xla(Convolutional(2))
    assert training.uses_xla(small_vae())
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["GPU:0"])
    assert training.uses_xla(Convolutional(2))


def test_device_is_named_with_what_compiles_for_it(small_vae, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert training.device_name(small_vae()).startswith("CPU (")
    assert training.device_name(small_vae()).endswith(", XLA")
