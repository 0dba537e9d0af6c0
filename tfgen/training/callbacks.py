"""What happens around an epoch of training: validation, and the run's files."""

import contextlib
import time

import keras
import tensorflow as tf

from tfgen.storage import requirements, runs, weights
from tfgen.training import checkpoints

IMAGES_PER_S = "images_per_s"


class Throughput(keras.callbacks.Callback):
    """Adds images / seconds of training steps to the logs; validation and writing are not counted."""

    def __init__(self, images_per_epoch: int, state: checkpoints.State | None = None):
        super().__init__()
        self.images, self.seconds = images_per_epoch, 0.0
        self.speeds = (state or checkpoints.State()).speeds

    def on_epoch_begin(self, epoch, logs=None):
        self.seconds = 0.0

    def on_train_batch_begin(self, batch, logs=None):
        self.start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.seconds += time.perf_counter() - self.start
        logs[IMAGES_PER_S] = self.images * (batch + 1) / self.params["steps"] / self.seconds  # of the epoch so far

    def on_epoch_end(self, epoch, logs=None):
        logs[IMAGES_PER_S] = self.images / self.seconds
        self.speeds.append(logs[IMAGES_PER_S])


class RunWriter(keras.callbacks.Callback):
    """Writes history.csv, TensorBoard events and the best weights so far: the last, where the model names no metric."""

    def __init__(self, run, state: checkpoints.State | None = None):
        super().__init__()
        self.run, self.state = run, state or checkpoints.State()
        with _as_os_errors():
            self.events = tf.summary.create_file_writer(str(self.run / runs.EVENTS))

    def on_epoch_end(self, epoch, logs=None):
        state = self.state
        monitored = self.monitored(logs) if self.model.monitor else -epoch
        if monitored < state.best:
            weights.save(self.model, self.run / runs.WEIGHTS)
            state.best, state.best_epoch = monitored, epoch + 1
        state.history.append(
            {"epoch": epoch + 1} | {name: value for name, value in logs.items() if name != IMAGES_PER_S}
        )
        state.epoch = epoch + 1
        runs.write_history(self.run, state.history)
        with _as_os_errors(), self.events.as_default(step=epoch + 1):
            for name, value in logs.items():
                tf.summary.scalar(name, value)
            self.events.flush()

    def monitored(self, logs: dict) -> float:
        """The validation metric that names the weights to keep. Raises RequirementError for another one."""
        if self.model.monitor not in logs:
            reported = ", ".join(name for name in logs if name.startswith("val_")) or "nothing"
            raise requirements.RequirementError(
                f"{self.model.entry}.monitor is {self.model.monitor!r}, and validation reports {reported}"
            )
        return logs[self.model.monitor]

    def on_train_end(self, logs=None):
        with contextlib.suppress(tf.errors.OpError):  # what did not fit on the disk was reported before
            self.events.close()


class Patience(keras.callbacks.Callback):
    """Ends a training whose best epoch lies `epochs` back, after `RunWriter`; resumed, it counts on from the state.

    Keras's EarlyStopping forgets its best value and its count when a process ends.
    """

    def __init__(self, epochs: int, state: checkpoints.State):
        super().__init__()
        self.epochs, self.state = epochs, state

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = is_over(self.epochs, self.state)


def is_over(patience: int | None, state: checkpoints.State) -> bool:
    """Whether the best epoch of a training lies `patience` epochs back; never without one."""
    return patience is not None and state.epoch - state.best_epoch >= patience


class Checkpoints(keras.callbacks.Callback):
    """Writes a checkpoint of every n-th epoch and of the last, after `RunWriter`; the first before any step."""

    def __init__(self, run, state: checkpoints.State, every: int = 1, started: float | None = None):
        super().__init__()
        self.run, self.state, self.every = run, state, every
        self.started = time.perf_counter() - state.seconds if started is None else started

    def on_train_begin(self, logs=None):
        if self.state.epoch == 0:
            self.write()

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0 or epoch + 1 == self.params["epochs"] or self.model.stop_training:
            self.write()

    def write(self) -> None:
        self.state.seconds = time.perf_counter() - self.started
        checkpoints.write(self.run, self.model, self.state)


@contextlib.contextmanager
def _as_os_errors():
    """Turns what TensorFlow raises of a full or read-only disk into the OSError that Python would raise."""
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(error.message.splitlines()[0]) from error
