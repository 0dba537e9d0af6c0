"""What happens around an epoch: the rate of training alone, validation on images binarised once, the best weights."""

import csv
import io
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from tfgen import callbacks, evaluation, runs, training, weights


def test_rate_counts_training_steps_and_nothing_else(monkeypatch):
    clock = iter([0.0, 1.0, 5.0, 8.0])  # one second of training, four of something else, three of training
    monkeypatch.setattr(callbacks, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    throughput, rates = callbacks.Throughput(images_per_epoch=1000), []
    throughput.set_params({"steps": 2})
    throughput.on_epoch_begin(0)
    for batch in range(2):
        logs = {}
        throughput.on_train_batch_begin(batch)
        throughput.on_train_batch_end(batch, logs)
        rates.append(logs[callbacks.RATE])
    throughput.on_epoch_end(0, logs)
    assert rates == [500 / 1, 1000 / 4]
    assert throughput.rates == [logs[callbacks.RATE]] == [1000 / 4]


def test_validation_reports_the_split_binarised_once(small_vae, digits):
    model, logs = small_vae(), {}
    validation = callbacks.Validation(digits.validation, model)
    validation.set_model(model)
    validation.on_epoch_end(0, logs)
    expected = -model.elbo(digits.validation.binarised(), seed=0).numpy().mean()
    assert logs["val_neg_elbo"] == pytest.approx(expected, rel=1e-5)
    assert logs["val_neg_elbo"] == pytest.approx(logs["val_rate"] + logs["val_distortion"], rel=1e-5)


@pytest.fixture
def writer(tmp_path, small_vae):
    runs.create(tmp_path / "run", {})
    writer = callbacks.RunWriter(tmp_path / "run")
    writer.set_model(small_vae())
    return writer


def write_epochs(writer, losses) -> list:
    """Ends epochs with these validation losses, each with other weights; the weights of every epoch."""
    kept = []
    for epoch, loss in enumerate(losses):
        writer.model.trainable_variables[0].assign_add(tf.ones_like(writer.model.trainable_variables[0]))
        kept.append(writer.model.get_weights())
        writer.on_epoch_end(epoch, {"loss": loss + 0.1, "val_neg_elbo": loss, callbacks.RATE: 123.0})
    writer.on_train_end()
    return kept


def test_weights_of_the_best_epoch_are_kept(writer, small_vae):
    kept, restored = write_epochs(writer, [3.0, 1.0, 2.0]), small_vae()
    assert (writer.state.best, writer.state.best_epoch) == (1.0, 2)
    weights.load(restored, writer.run / runs.WEIGHTS)
    np.testing.assert_array_equal(restored.get_weights()[0], kept[1][0])


def test_last_weights_are_kept_where_no_metric_is_named(writer, small_vae):
    writer.model.monitor = None
    kept, restored = write_epochs(writer, [3.0, 1.0, 2.0]), small_vae()
    assert writer.state.best_epoch == 3
    weights.load(restored, writer.run / runs.WEIGHTS)
    np.testing.assert_array_equal(restored.get_weights()[0], kept[2][0])


def test_history_holds_every_metric_and_no_time(writer):
    write_epochs(writer, [3.0, 1.0])
    with open(writer.run / runs.HISTORY) as file:
        rows = list(csv.DictReader(file))
    assert [list(row) for row in rows] == [["epoch", "loss", "val_neg_elbo"]] * 2
    assert rows[1] == {"epoch": "2", "loss": "1.1", "val_neg_elbo": "1.0"}
    assert runs.read_history(writer.run) == [{name: float(value) for name, value in row.items()} for row in rows]


def test_events_hold_the_times_too(writer):
    write_epochs(writer, [3.0])
    (path,) = (writer.run / runs.EVENTS).iterdir()
    events = [event for event in tf.compat.v1.train.summary_iterator(str(path)) if event.summary.value]
    assert {value.tag for event in events for value in event.summary.value} == {"loss", "val_neg_elbo", callbacks.RATE}
    assert {event.step for event in events} == {1}


@pytest.mark.parametrize("started", [None, -100.0])
def test_seconds_of_earlier_processes_count_once(monkeypatch, tmp_path, started):
    """`started` is when the training would have begun, had it not stopped."""
    monkeypatch.setattr(callbacks, "time", SimpleNamespace(perf_counter=lambda: 7.0))
    monkeypatch.setattr(callbacks.checkpoints, "write", lambda *arguments: None)
    state = callbacks.checkpoints.State(seconds=107.0)
    callbacks.Checkpoints(tmp_path, state, started=started).write()
    assert state.seconds == 107.0


def test_line_of_an_epoch_names_its_metrics():
    logs = {"rate": 20.314, "distortion": 75.0, callbacks.RATE: 13021.4}
    assert callbacks.as_text(logs) == "rate 20.31  distortion 75.00  13,021 images/s"


def test_means_are_taken_over_all_images_whatever_the_chunk(small_vae, digits, monkeypatch):
    model, images = small_vae(), digits.test.binarised()[:7]
    expected = -model.elbo(images, seed=4).numpy().mean()
    monkeypatch.setattr(evaluation, "CHUNK", 3)
    terms = evaluation.means(model, images, digits.test.labels[:7], seed=4)
    assert terms["neg_elbo"] == pytest.approx(expected, rel=1e-5)
    assert set(terms) == {"neg_elbo", "rate", "distortion"}


def test_binary_models_are_tested_on_binary_images_and_others_on_grey_ones(small_vae, digits):
    model = small_vae()
    np.testing.assert_array_equal(evaluation.held_out(model, digits.test), digits.test.binarised())
    model.binary = False
    np.testing.assert_array_equal(evaluation.held_out(model, digits.test), digits.test.images)


@pytest.mark.parametrize(("image", "largest"), [(np.array([0, 255], np.uint8), 1.0), (np.array([False, True]), 1.0)])
def test_held_out_images_become_fractions(image, largest):
    fraction = evaluation.as_float(image)
    assert fraction.dtype == np.float32
    np.testing.assert_array_equal(fraction, [0.0, largest])


@pytest.mark.parametrize("end", [KeyboardInterrupt, OSError])
def test_progress_bar_gives_the_terminal_back_however_training_ends(small_vae, digits, monkeypatch, end):
    """A bar that is left running keeps the cursor hidden and overwrites the error that follows."""
    screen = io.StringIO()
    monkeypatch.setattr(callbacks, "Console", lambda: Console(file=screen, force_terminal=True))

    def stop(epoch, logs):
        raise end

    model = small_vae()
    model.compile(optimizer=keras.optimizers.Adam())
    watchers = [callbacks.ProgressLines(3), keras.callbacks.LambdaCallback(on_epoch_end=stop)]
    with pytest.raises(end):
        training.fit(model, digits.train, epochs=3, batch_size=100, callbacks=watchers)
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert hidden in screen.getvalue()
    assert screen.getvalue().rindex(shown) > screen.getvalue().rindex(hidden)
