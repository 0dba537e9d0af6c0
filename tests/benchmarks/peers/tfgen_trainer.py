"""The zoo's VAE 784-500-500-25, or its DCGAN without penalty, through `tfgen.training.fit`.

With every callback of `python -m zoo.train`. Trains an epoch on IMAGES.npy for each line on stdin and answers with
images/s and loss; see train_speed.py.
"""

import contextlib
import io
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from rounds import Rounds

from tfgen import callbacks, checkpoints, data, runs, training, weights
from zoo import dcgan, vae

EPOCHS = 10_000  # more than anyone waits for: stdin ends before


def compiled(entry: str):
    """The model that the peers train too, and its batch size."""
    if entry == "dcgan":
        model = dcgan.build(latent_dim=100, filters=64, gradient_penalty=0)  # which the peer has not
        dcgan.compile_model(model, learning_rate=2e-4, steps=None)
        return model, 128
    model = vae.build(latent_dim=25, hidden_units=(500, 500))
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    return model, 100


def main(path: str, entry: str) -> None:
    training.set_initial_seed(0)
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
            callbacks.Validation(validation, model),
            callbacks.RunWriter(run, state),
            callbacks.ProgressLines(EPOCHS),
            callbacks.Checkpoints(run, state),
        ]
        training.fit(model, train, epochs=EPOCHS, batch_size=batch, callbacks=watchers)


if __name__ == "__main__":
    main(*sys.argv[1:])
