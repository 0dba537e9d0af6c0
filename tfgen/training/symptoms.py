"""Symptoms: what goes wrong in a training whose numbers are all finite, each warned of once.

posterior collapse     the decoder ignores the code: hardly a dimension of it depends on the image (where a prior is)
discriminator won      it tells every image of an epoch right, and the generator learns nothing from it
mode collapse          samples are all alike, while the images of the data are not
"""

import keras
import numpy as np
import tensorflow as tf

from tfgen import inputs

IMAGES = 1000  # of the validation split that are looked at
ACTIVE_VARIANCE = 0.01  # of a dimension's posterior mean over images, of the prior's (Burda et al. 2016, section 4.3)
ACTIVE_SHARE = 0.1  # of the dimensions, below which a posterior has collapsed
ALL_RIGHT = 1 - 1e-6  # an accuracy of 100 %, in float32
SAMPLES = 200
DISTANCE_SHARE = 0.3  # of the mean distance of two images of the data, below which samples count as alike
CONTRAST_SHARE = 0.5  # of the data's contrast, below which samples are not yet pictures that could be alike


class Symptoms(keras.callbacks.Callback):
    """Looks for symptoms when an epoch ends, and warns of each of them once.

    Collapses are looked for in the second half of the training: until then a healthy model may well look like that.
    """

    def __init__(self, split, warn, warned: list[str] | None = None):
        super().__init__()
        self.images, self.labels = split.images[:IMAGES], split.labels[:IMAGES]
        self.warn, self.warned = warn, [] if warned is None else warned

    def on_epoch_end(self, epoch, logs=None):
        late = 2 * (epoch + 1) >= self.params["epochs"]
        symptoms = {"discriminator won": lambda: discriminator_won(logs)}
        if late and "encode" in self.model.signatures() and hasattr(self.model, "prior"):
            symptoms["posterior collapse"] = self._posterior_collapse
        if late and self.model.optimizers:
            symptoms["mode collapse"] = self._mode_collapse
        for name, found in symptoms.items():
            if name not in self.warned and (words := found()):
                self.warned.append(name)
                self.warn(f"warning: {name} in epoch {epoch + 1}: {words}")

    def _posterior_collapse(self) -> str:
        active = active_units(self.model, self.images, self.labels)
        if active >= max(1, ACTIVE_SHARE * self.model.latent_dim):
            return ""
        return f"{active} of {self.model.latent_dim} dimensions of the code depend on the image"

    def _mode_collapse(self) -> str:
        images, samples = self.images[:SAMPLES].astype(np.float32) / 255, _samples(self.model)
        share = mean_distance(samples) / mean_distance(images)
        if share >= DISTANCE_SHARE or contrast(samples) < CONTRAST_SHARE * contrast(images):
            return ""
        return f"samples differ from one another by {share:.0%} of what images of the data do"


def active_units(model, images, labels) -> int:
    """The number of the code's dimensions whose posterior mean varies over images, uint8 [N, H, W, C], by over 0.01.

    The variance is compared with the prior's, which is 1 for N(0, I).
    """
    seen = tf.constant(inputs.images(model.pixels.held_out(images), model.image_shape))
    codes = model.code(seen, **model.condition({"label": tf.constant(labels)}))
    return int((np.var(codes, 0) > ACTIVE_VARIANCE * np.asarray(model.prior_variance())).sum())


def discriminator_won(logs: dict) -> str:
    """The words for a mean accuracy of 100 % over an epoch, or ""."""
    if logs.get("accuracy", 0.0) < ALL_RIGHT:
        return ""
    return "it told all images of the epoch right; the generator has nothing to learn from"


def mean_distance(images) -> float:
    """The mean Euclidean distance between two of the images [N, H, W, C]."""
    flat = np.asarray(images, np.float64).reshape(len(images), -1)
    squares = (flat**2).sum(1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * flat @ flat.T, 0))
    return float(distances.sum() / (len(flat) * (len(flat) - 1)))


def contrast(images) -> float:
    """The mean standard deviation of an image's pixels; images [N, H, W, C]."""
    return float(np.asarray(images).std((1, 2, 3)).mean())


def _samples(model):
    label = {"label": np.arange(SAMPLES) % len(model.class_names)} if model.conditional else {}
    return model.sample(SAMPLES, seed=0, **label)
