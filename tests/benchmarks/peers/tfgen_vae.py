"""The zoo's VAE 784-500-500-25 through `tfgen.training.fit`, with every callback that `python -m zoo.train` uses.

Trains an epoch on IMAGES.npy for each line on stdin and answers with images/s and loss; see train_speed.py.
"""

import contextlib
import io
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from rounds import Rounds

from tfgen import callbacks, data, runs, training
from zoo import vae

BATCH = 100
EPOCHS = 10_000  # more than anyone waits for: stdin ends before


def main() -> None:
    training.set_initial_seed(0)
    images = np.load(sys.argv[1])
    train = data.Split("train", images, np.zeros(len(images), np.int64))
    validation = data.Split("validation", images[:1000], train.labels[:1000])
    model = vae.build(latent_dim=25, hidden_units=(500, 500))
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        run = Path(folder) / "run"
        runs.create(run)
        watchers = [
            Rounds(len(images)),
            callbacks.Throughput(len(images)),
            callbacks.Validation(validation, model),
            callbacks.RunWriter(run),
            callbacks.ProgressLines(EPOCHS),
        ]
        training.fit(model, train, epochs=EPOCHS, batch_size=BATCH, callbacks=watchers)


if __name__ == "__main__":
    main()
