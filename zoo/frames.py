"""The animation of a training: samples of the same codes after one epoch after the other.

While a model is trained, the samples wait in `RUN/frames`; at the end they become `figures/training.gif`.
"""

import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np

from tfgen import figures, files
from tfgen.evaluation import pictures
from tfgen.storage import runs

LONGEST = 60  # frames; of a longer training epochs at equal distances are shown
NAME = "training.gif"


class Frames(keras.callbacks.Callback):
    """Draws the samples of an epoch when it ends, and keeps them as `RUN/frames/epoch-00012.npz`."""

    def __init__(self, run: Path, epochs: int):
        super().__init__()
        self.folder = run / runs.FRAMES
        self.shown = set(np.linspace(1, epochs, min(epochs, LONGEST)).round().astype(int).tolist())

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 not in self.shown or "sample" not in self.model.signatures():
            return
        images = np.rint(255 * np.nan_to_num(pictures.sample_images(self.model))).astype(np.uint8)
        self.folder.mkdir(exist_ok=True)
        with files.replacing(self.folder / f"epoch-{epoch + 1:05d}.npz") as temporary:
            np.savez_compressed(temporary, images=images)


def animate(model, dataset, run: Path, epochs: int) -> Path | None:
    """Writes the animation of the first `epochs` epochs of a run, and removes its frames; None where there are none."""
    paths = sorted((run / runs.FRAMES).glob("epoch-*.npz"))
    frames = {int(path.stem.partition("-")[2]): path for path in paths if path.stem.partition("-")[2].isdigit()}

    def drawn():
        for epoch, path in frames.items():
            if epoch <= epochs and (images := _read(path)) is not None:
                yield pictures.samples(model, pictures.title(model, dataset, epoch), images)

    target = run / runs.FIGURES / NAME
    try:
        figures.animation(drawn(), target)
    except ValueError:  # no frames
        return None
    shutil.rmtree(run / runs.FRAMES, ignore_errors=True)
    return target


def _read(path: Path):
    """The images of a frame; None where the file is damaged: a frame is not worth a training."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays["images"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
