"""Models like one that is at hand, trained anew on other images: its class, its hyperparameters, its recipe."""

import json

import keras

from tfgen.data.dataset import Split
from tfgen.storage import entries
from tfgen.training import loop

SHORTEST_EPOCH = 20  # steps: an epoch of few images passes over them several times


def recipe(model, steps: int, **changed) -> dict:
    """The hyperparameters and the recipe of a model, as plain numbers and words.

    Args:
        model: a `tfgen.Model`.
        steps: of the training.
        changed: hyperparameters that differ from the model's.
    """
    entry = entries.module(model.entry)
    return {
        "hyperparameters": json.loads(json.dumps(dict(model.get_config()) | changed)),
        "steps": steps,
        "batch_size": entry.BATCH_SIZE,
        "learning_rate": entry.LEARNING_RATE,
    }


def train_model(like, split: Split, settings: dict, track=lambda epochs: epochs):
    """A model of the settings, trained on a split.

    Args:
        like: a model of the same class.
        split: its training images.
        settings: those of `recipe`, and "seed".
        track: wraps the range of epochs in a progress bar.

    Raises:
        ValueError: a training that meets numbers that are not finite.
    """
    batch_size, wanted = min(settings["batch_size"], len(split.images)), settings["steps"]
    passes = -(-min(SHORTEST_EPOCH, wanted) * batch_size // len(split.images))
    steps = loop.steps_of_epoch(len(split.images), batch_size, passes)
    epochs = max(1, round(wanted / steps))
    loop.set_initial_seed(settings["seed"])
    model = type(like).from_config(settings["hyperparameters"])
    model.compile_recipe(learning_rate=settings["learning_rate"], steps=epochs * steps)
    bar = iter(track(range(epochs)))
    advance = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: next(bar), on_train_end=lambda logs=None: next(bar, None)
    )
    try:
        options = {"epochs": epochs, "batch_size": batch_size, "passes": passes, "seed": settings["seed"]}
        loop.fit(model, split, callbacks=[advance], **options)
    except loop.NonFiniteError as error:
        raise ValueError(f"training on {split.name} stopped: {error}") from error
    model.finalize()
    return model
