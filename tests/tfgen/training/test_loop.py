"""The compiled loop against the plain one that it replaces; it is repeatable, and never silently wrong."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import data, seeds
from tfgen.storage import runs, weights
from tfgen.training import callbacks, loop

BATCH = 10  # 129 steps an epoch: two full blocks of the compiled loop, and a shorter one


def fitted(model, split, *, epochs=1, batch_size=BATCH, watchers=(), **options):
    """A model after training, and Keras's history."""
    if not model.compiled:
        model.compile(optimizer=keras.optimizers.Adam(1e-3))
    history = loop.fit(model, split, epochs=epochs, batch_size=batch_size, callbacks=watchers, **options)
    return model, history.history


@pytest.fixture(scope="module")
def trained(small_vae, digits):
    """A small VAE after two epochs, the history of these, and its weights after them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "uses_xla", lambda model: False)  # which would make other noise of the same seeds
        model, history = fitted(small_vae(), digits.train, epochs=2, seed=5)
        return model, history, model.get_weights()


def test_compiled_loop_does_what_a_plain_one_does(trained, small_vae, digits):
    """Rows gathered, binarised and updated with the seeds of their step, metrics averaged over steps."""
    _, history, found = trained
    model = small_vae()
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    metrics = []

    @tf.function
    def update(grey, step):
        pixel_seed, seed = seeds.step_seeds(5, step, 2)
        return model.update({"image": model.prepared(grey, pixel_seed)}, seed, step)

    for epoch in (0, 1):
        order = np.random.default_rng([5, epoch]).permutation(len(digits.train.images))[: 129 * BATCH]
        for rows in order.reshape(129, BATCH):
            grey = tf.constant(digits.train.images[rows] / 255, tf.float32)
            metrics.append(update(grey, tf.constant(len(metrics))))
    for name in ("loss", "distortion", "rate"):
        means = np.reshape([step[name] for step in metrics], [2, 129]).mean(1)
        assert history[name] == pytest.approx(means, rel=1e-3), name
    for ours, theirs in zip(found, model.get_weights(), strict=True):
        assert np.linalg.norm(ours - theirs) < 0.01 * np.linalg.norm(theirs)


def loop_of(model, count: int, batch_size: int, seed: int = 0):
    images = np.zeros([count, 28, 28, 1], np.uint8)
    return loop.Loop(model, data.Split("train", images, np.zeros(count, np.int64)), batch_size, seed)


def test_an_epoch_is_cut_into_blocks_again_and_again(small_vae):
    blocks = loop_of(small_vae(), 1297, BATCH).blocks()
    found = [block.numpy().tolist() for block in itertools.islice(blocks, 5)]
    assert found == [[0, 60], [60, 60], [120, 9], [0, 60], [60, 60]]


def test_every_epoch_visits_rows_once_in_an_order_of_its_own(small_vae):
    own = loop_of(small_vae(), 1297, BATCH)
    orders = []
    for epoch in (0, 1):
        own.begin_epoch(epoch)
        assert int(own.first_step) == 129 * epoch
        rows = own.order.numpy()[:1290]
        np.testing.assert_array_equal(rows, own.rows_of(range(129 * epoch, 129 * (epoch + 1))).ravel())
        assert len(set(rows)) == 1290
        assert rows.max() < 1297
        orders.append(rows)
    assert (orders[0] != orders[1]).mean() > 0.9


def test_later_epochs_do_not_depend_on_where_training_began(small_vae):
    begun, resumed = (loop_of(small_vae(), 50, 10, seed=3) for _ in range(2))
    for epoch in range(3):
        begun.begin_epoch(epoch)
    resumed.begin_epoch(2)
    np.testing.assert_array_equal(begun.order, resumed.order)
    assert int(begun.first_step) == int(resumed.first_step) == 10


def test_single_steps_are_those_of_a_block(small_vae, digits, no_xla):
    """`advance` runs steps by their number, as diagnosis does; a block goes through the drawn order."""
    ours, theirs = small_vae(), small_vae()
    for model in (ours, theirs):
        model.compile(optimizer=keras.optimizers.Adam(1e-3))
        model.build_optimizers()
    whole, single = (loop.Loop(model, digits.train, 100, seed=1) for model in (ours, theirs))
    whole.begin_epoch(1)
    means, done = whole(tf.constant([2, 3], tf.int32))
    assert int(done) == 3
    assert int(whole.done) == 12 + 5
    losses = [single.advance(range(step, step + 1))[0]["loss"] for step in (14, 15, 16)]
    assert float(means["loss"]) == pytest.approx(np.mean(losses), rel=1e-5)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    "hyperparameters",
    [
        pytest.param({"covariance": "diagonal"}, marks=(pytest.mark.slow, pytest.mark.ci)),
        {"covariance": "full", "samples": 2},
    ],
)
def test_every_trainable_variable_moves_in_one_step(small_vae, digits, no_xla, hyperparameters):
    model = small_vae(**hyperparameters)
    before = [variable.numpy() for variable in model.trainable_variables]
    fitted(model, digits.train, batch_size=len(digits.train.images))
    assert model.optimizer.iterations == 1
    assert len(before) == 8
    for old, variable in zip(before, model.trainable_variables, strict=True):
        assert (variable.numpy() != old).any(), variable.path


def test_same_seed_trains_the_same_model(trained, small_vae, digits, no_xla):
    again, history = fitted(small_vae(), digits.train, epochs=2, seed=5)
    assert history == trained[1]
    for ours, theirs in zip(trained[2], again.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    _, other = fitted(small_vae(), digits.train, epochs=1, seed=6)
    assert other["loss"] != history["loss"][:1]


@pytest.mark.slow
def test_same_seed_trains_the_same_model_under_xla(small_vae, digits):
    (model, history), (again, same) = (fitted(small_vae(), digits.train, seed=5) for _ in range(2))
    assert history == same
    for ours, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_steps_that_xla_compiles_learn(small_vae, digits):
    _, history = fitted(small_vae(), digits.train, batch_size=100, epochs=3)
    assert history["loss"][2] < history["loss"][0] - 10


def test_training_learns_and_leaves_keras_fit_as_it_was(trained, digits):
    model, history, _ = trained
    assert history["loss"][1] < history["loss"][0] - 10
    np.testing.assert_allclose(history["loss"], np.add(history["distortion"], history["rate"]), rtol=1e-4)
    again = model.fit(digits.train.images[:100], batch_size=50, verbose=0).history
    assert again["loss"][0] < history["loss"][0]


def test_validation_reports_the_split_as_the_likelihood_sees_it(small_vae, digits, no_xla, monkeypatch):
    """Binarised once, every image with the row seed of its place in the split, whatever the batches and the epoch."""
    monkeypatch.setattr(loop, "VALIDATION_BATCH", 77)  # of 200 images
    options = {"batch_size": 100, "epochs": 2, "validation": digits.validation}
    model, history = fitted(small_vae(), digits.train, **options)
    assert set(history) == {"loss", "distortion", "rate", "val_neg_elbo", "val_rate", "val_distortion"}
    expected = -model.elbo(digits.validation.binarised(), seed=0).numpy().mean()
    assert history["val_neg_elbo"][1] == pytest.approx(expected, rel=1e-5)
    assert history["val_neg_elbo"][1] == pytest.approx(history["val_rate"][1] + history["val_distortion"][1], rel=1e-5)


@pytest.mark.slow
@pytest.mark.ci
def test_validation_in_batches_is_that_of_the_whole(small_vae, digits, no_xla, monkeypatch):
    histories = []
    for batch in (1000, 77):
        monkeypatch.setattr(loop, "VALIDATION_BATCH", batch)
        _, history = fitted(small_vae(), digits.train, batch_size=100, epochs=2, validation=digits.validation)
        histories.append(history)
    whole, batches = histories
    assert whole["loss"] == batches["loss"]
    assert whole["val_neg_elbo"] == pytest.approx(batches["val_neg_elbo"], rel=1e-5)


def test_plain_evaluate_is_the_same_validation(small_vae, digits, no_xla):
    model = small_vae()
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    images = digits.validation.binarised()[:70].astype(np.float32)
    terms = model.evaluate(images, batch_size=32, return_dict=True, verbose=0)
    assert terms["neg_elbo"] == pytest.approx(-model.elbo(images, seed=0).numpy().mean(), rel=1e-5)
    assert model.evaluate(images, batch_size=32, return_dict=True, verbose=0) == terms


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


def test_loss_that_is_not_finite_stops_with_step_metric_and_good_weights(small_vae, digits, tmp_path, no_xla):
    model, run = failing_at(small_vae, 200, "rate"), tmp_path / "run"
    runs.create(run, {})
    writer, kept = callbacks.RunWriter(run), []
    remember = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()))
    options = {"epochs": 3, "validation": digits.validation, "watchers": [writer, remember]}
    with pytest.raises(loop.NonFiniteError, match=r"^step 201: rate is nan$"):
        fitted(model, digits.train, **options)
    assert writer.state.best_epoch == len(kept) == 1
    restored = small_vae()
    weights.load(restored, run / runs.WEIGHTS)
    for good, stored in zip(kept[0], restored.get_weights(), strict=True):
        np.testing.assert_array_equal(good, stored)
    assert len(runs.read_history(run)) == 1


def test_model_stops_at_the_very_step_that_went_wrong(small_vae, digits, no_xla):
    model = failing_at(small_vae, 7, "loss")
    with pytest.raises(loop.NonFiniteError, match=r"^step 8: loss is nan$"):
        fitted(model, digits.train)
    assert model.optimizer.iterations == 8


def test_xla_is_kept_off_convolutions_on_a_cpu(monkeypatch, small_vae):
    class Convolutional(tfgen.Model):
        convolutional = True

    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [])
    assert not loop.uses_xla(Convolutional(latent_dim=2))
    assert loop.uses_xla(small_vae())
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["GPU:0"])
    assert loop.uses_xla(Convolutional(latent_dim=2))


def test_device_is_named_with_what_compiles_for_it(small_vae, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert loop.device_name(small_vae()).startswith("CPU (")
    assert loop.device_name(small_vae()).endswith(", XLA")
