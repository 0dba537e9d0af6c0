"""What happens around an epoch: the rate of training alone, the best weights, the history and the screen."""

import csv
import io
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from tfgen.storage import runs, weights
from tfgen.training import callbacks, loop, progress


def test_rate_counts_training_steps_and_nothing_else(monkeypatch):
    clock = iter([0.0, 1.0, 5.0, 8.0])  # one second of training, four of something else, three of training
    monkeypatch.setattr(callbacks, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    throughput, speeds = callbacks.Throughput(images_per_epoch=1000), []
    throughput.set_params({"steps": 2})
    throughput.on_epoch_begin(0)
    for batch in range(2):
        logs = {}
        throughput.on_train_batch_begin(batch)
        throughput.on_train_batch_end(batch, logs)
        speeds.append(logs[callbacks.IMAGES_PER_S])
    throughput.on_epoch_end(0, logs)
    assert speeds == [500 / 1, 1000 / 4]
    assert throughput.speeds == [logs[callbacks.IMAGES_PER_S]] == [1000 / 4]


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
        writer.on_epoch_end(epoch, {"loss": loss + 0.1, "val_neg_elbo": loss, callbacks.IMAGES_PER_S: 123.0})
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
    assert {value.tag for event in events for value in event.summary.value} == {
        "loss",
        "val_neg_elbo",
        callbacks.IMAGES_PER_S,
    }
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
    logs = {"rate": 20.314, "distortion": 75.0, callbacks.IMAGES_PER_S: 13021.4}
    assert progress.as_text(logs) == "rate 20.31  distortion 75.00  13,021 images/s"


@pytest.mark.parametrize("end", [KeyboardInterrupt, OSError])
def test_progress_bar_gives_the_terminal_back_however_training_ends(small_vae, digits, monkeypatch, no_xla, end):
    """A bar that is left running keeps the cursor hidden and overwrites the error that follows."""
    screen = io.StringIO()
    monkeypatch.setattr(progress.terminal, "is_interactive", lambda: True)
    monkeypatch.setattr(progress, "Console", lambda: Console(file=screen, force_terminal=True))

    def stop(epoch, logs):
        raise end

    model = small_vae()
    model.compile(optimizer=keras.optimizers.Adam())
    watchers = [progress.ProgressLines(3), keras.callbacks.LambdaCallback(on_epoch_end=stop)]
    with pytest.raises(end):
        loop.fit(model, digits.train, epochs=3, batch_size=100, callbacks=watchers)
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert hidden in screen.getvalue()
    assert screen.getvalue().rindex(shown) > screen.getvalue().rindex(hidden)
