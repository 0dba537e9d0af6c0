"""What users say to `fit`, `evaluate` and `predict` beside the data: an argument without an effect is refused."""

import keras

from tfgen import checks
from tfgen.models import feeding

COUNTS = ("batch_size", "steps", "steps_per_epoch", "validation_steps", "validation_batch_size")


def check(x, options: dict, validation_data=None) -> None:
    """Raises TypeError, ValueError for counts below 1, batch sizes of data sets, and callbacks that are none.

    Args:
        x, validation_data: the data.
        options: the further arguments, by name.
    """
    for name in COUNTS:
        if options.get(name) is not None:
            checks.positive_int(name, options[name])
    for name, data in (("batch_size", x), ("validation_batch_size", validation_data)):
        if options.get(name) is not None and isinstance(data, feeding.BATCHES):
            raise ValueError(f"a data set comes in batches of its own: leave out {name}, got {options[name]}")
    for callback in as_list(options.get("callbacks")):
        if not isinstance(callback, keras.callbacks.Callback):
            raise TypeError(f"callbacks must be objects of keras.callbacks.Callback, got {callback!r}")


def check_monitors(model, callbacks, validates: bool) -> None:
    """Raises ValueError for a callback that would wait in vain for a metric: Keras only warns of it.

    A callback that is not Keras's own may add metrics to the logs; then nothing is said.

    Args:
        model: the `tfgen.Model` to train.
        callbacks: one or several, or None.
        validates: whether the training has validation data.
    """
    callbacks = as_list(callbacks)
    if not model.tracked or not model.reported or not all(_is_of_keras(each) for each in callbacks):
        return
    known = [*model.tracked, *(f"val_{name}" for name in model.reported if validates)]
    for callback in callbacks:
        watched = getattr(callback, "monitor", None)
        if watched is not None and watched not in known and getattr(callback, "save_best_only", True):
            hint = "" if validates else "; validation_data or validation_split adds val_ metrics"
            name = type(callback).__name__
            raise ValueError(f"{name} watches {watched}, and {model.entry} reports {', '.join(known)}{hint}")


def as_list(callbacks) -> list:
    """Callbacks as a list: of several, of one, or of None."""
    return [*callbacks] if isinstance(callbacks, list | tuple) else [] if callbacks is None else [callbacks]


def _is_of_keras(callback) -> bool:
    return type(callback).__module__.partition(".")[0] == "keras"
