"""Keras's callbacks on every entry: each of them does what it is for."""

import csv

import keras
import numpy as np
import pytest

import tfgen
from tfgen.storage import entries

pytestmark = [pytest.mark.slow, pytest.mark.ci, pytest.mark.usefixtures("no_xla")]


@pytest.fixture(params=tfgen.entries())
def model(request):
    keras.utils.set_random_seed(0)
    model = entries.build(request.param, entries.module(request.param).SMALL)
    model.compile(optimizer=keras.optimizers.Adam(1e-3, use_ema=True, ema_momentum=0.5))
    return model


def optimizers(model):
    return list((model.optimizers or {"": model.optimizer}).values())


def fit(model, digits, callbacks, epochs=2):
    images, labels = digits.train.images[:20], digits.train.labels[:20]
    options = {"validation_split": 0.5, "batch_size": 5, "verbose": 0}
    return model.fit(images, labels, epochs=epochs, callbacks=callbacks, **options).history


def test_callbacks_do_what_they_are_for(model, digits, tmp_path):
    watched = f"val_{model.reported[0]}"
    callbacks = [
        keras.callbacks.ModelCheckpoint(tmp_path / "whole.keras", watched, mode="min", save_best_only=True),
        keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True),
        keras.callbacks.TensorBoard(tmp_path / "events", histogram_freq=1),
        keras.callbacks.LearningRateScheduler(lambda epoch: 1e-2 / (epoch + 1)),
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.EarlyStopping(watched, mode="min", patience=5),
    ]
    history = fit(model, digits, callbacks)
    assert [float(each.learning_rate) for each in optimizers(model)] == pytest.approx([5e-3] * len(optimizers(model)))
    with open(tmp_path / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [float(row[watched]) for row in rows] == pytest.approx(history[watched])
    assert list((tmp_path / "events").rglob("events*"))
    best = keras.saving.load_model(tmp_path / "whole.keras")
    found = best.evaluate(digits.train.images[10:20], digits.train.labels[10:20], verbose=0, return_dict=True)
    assert found[model.reported[0]] == pytest.approx(min(history[watched]), rel=1e-4)
    last = type(model).from_config(model.get_config())
    last.compile(optimizer=keras.optimizers.Adam(1e-3, use_ema=True))
    last.build_optimizers()
    last.load_weights(tmp_path / "2.weights.h5")
    assert [int(each.iterations) for each in optimizers(last)] == [4] * len(optimizers(model))


def test_plateau_lowers_the_learning_rate_of_every_optimiser(model, digits):
    watched = f"val_{model.reported[0]}"
    plateau = keras.callbacks.ReduceLROnPlateau(watched, mode="min", factor=0.5, patience=1, min_delta=1e9)
    fit(model, digits, [plateau], epochs=3)
    rates = [float(each.learning_rate) for each in optimizers(model)]
    assert rates == pytest.approx([rates[0]] * len(rates))
    assert rates[0] < 1e-3


def test_swapped_averages_are_the_weights_that_are_measured(model, digits):
    images, labels = digits.train.images[:10], digits.train.labels[:10]
    model.fit(images, labels, batch_size=5, epochs=2, verbose=0)  # ends with the averages as weights
    averaged = model.get_weights()
    seen = []

    class Seen(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            seen.append(self.model.get_weights())

    callbacks = [keras.callbacks.SwapEMAWeights(), Seen()]
    model.fit(images, labels, validation_data=(images, labels), callbacks=callbacks, batch_size=5, verbose=0)
    assert any((one != other).any() for one, other in zip(averaged, seen[0], strict=True))


def test_training_that_was_killed_goes_on_from_its_backup(model, digits, tmp_path):
    class Killed(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    epochs = []
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(KeyboardInterrupt):
        fit(model, digits, [backup, Killed()], epochs=3)
    again = type(model).from_config(model.get_config())
    again.compile(optimizer=keras.optimizers.Adam(1e-3, use_ema=True, ema_momentum=0.5))
    noted = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epochs.append(epoch))
    fit(again, digits, [keras.callbacks.BackupAndRestore(tmp_path / "backup"), noted], epochs=3)
    assert epochs == [2]
    assert [int(each.iterations) for each in optimizers(again)] == [6] * len(optimizers(model))


def test_metric_that_is_never_reported_is_refused_before_the_first_step(digits):
    for entry in tfgen.entries():
        model = entries.build(entry, entries.module(entry).SMALL)
        model.compile("adam")
        before = model.get_weights()
        with pytest.raises(ValueError, match=r"EarlyStopping watches val_fid, and .* reports"):
            fit(model, digits, [keras.callbacks.EarlyStopping("val_fid", mode="min")])
        for one, other in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
