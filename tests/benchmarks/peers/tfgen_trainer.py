"""The zoo's VAE 784-500-500-25, or its DCGAN without penalty, through `tfgen.training.loop.fit`.

With every callback of `python -m zoo.train`. Trains an epoch on IMAGES.npy for each line on stdin and answers with
images/s, loss and CPU seconds; see train_speed.py.
"""

import contextlib
import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from rounds import Rounds

from tfgen import data
from tfgen.storage import runs, weights
from tfgen.training import callbacks, checkpoints, loop, progress
from zoo.models import dcgan, vae

EPOCHS = 10_000  # more than anyone waits for: stdin ends before


def compiled(entry: str):
    """The model that the peers train too, and its batch size."""
    if entry == "dcgan":
        model = dcgan.build(latent_dim=100, filters=64, gradient_penalty=0)  # which the peer has not
        model.compile_recipe(learning_rate=2e-4, steps=None)
        return model, 128
    model = vae.build(latent_dim=25, hidden_units=(500, 500))
    model.compile_recipe(learning_rate=1e-3, steps=None)
    return model, 100


def main(path: str, entry: str) -> None:
    loop.set_initial_seed(0)
    images = np.load(path)
    train = data.Split("train", images, np.zeros(len(images), np.int64))
    validation = data.Split("validation", images[:1000], train.labels[:1000])
    model, batch = compiled(entry)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        run = Path(folder) / "run"
        runs.create(run, {})
        weights.save(model, run / runs.WEIGHTS)
        state = checkpoints.State()
        watchers = [
            Rounds(len(images)),
            callbacks.Throughput(len(images), state),
            callbacks.RunWriter(run, state),
            progress.ProgressLines(EPOCHS),
            callbacks.Checkpoints(run, state),
        ]
        loop.fit(model, train, validation=validation, epochs=EPOCHS, batch_size=batch, callbacks=watchers)


if __name__ == "__main__":
    main(*sys.argv[1:])
