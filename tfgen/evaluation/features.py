"""The features in which images are compared: those of a classifier of the data set, or of any Keras model."""

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from tfgen.evaluation import recognition
from tfgen.evaluation.images import as_float

ENDING = ".keras"


class NotFiniteError(ValueError):
    """Features of some images that are NaN or infinite."""


@dataclasses.dataclass(frozen=True)
class Features:
    """A feature extractor.

    Attributes:
        name: what is recorded with numbers that were measured in these features.
        of: images [N, H, W, C], uint8 or float in [0, 1], to (features [N, D], probabilities of classes [N, classes] or
            None).
    """

    name: str
    of: Callable


def of_classifier(network: recognition.Classifier, name: str) -> Features:
    """The features of a classifier of the zoo's own kind."""
    return Features(name, lambda image: recognition.recognise(network, image))


def of_keras_file(path, image_shape) -> Features:
    """The output of a Keras model that was saved in a `.keras` file, for images (H, W, C).

    The file is read in Keras's safe mode, which refuses code of one's own in it. A model is a program all the same:
    load only files that you trust.

    Raises:
        ValueError: no such file or none that Keras reads, or a model that does not turn batches of these images,
            float32 [B, H, W, C] in [0, 1], into vectors [B, D].
    """
    path = Path(path)
    if path.suffix != ENDING or not path.is_file():
        raise ValueError(f"features must be a {ENDING} file that exists, or a run of zoo.classifier, got {str(path)!r}")
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        outputs = np.asarray(model(np.full([2, *image_shape], 0.5, np.float32), training=False))
    except Exception as error:  # Keras raises errors of many kinds
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(
            f"{str(path)!r} gives no features of images of {' x '.join(map(str, image_shape))}: {reason[0]}"
        ) from error
    if outputs.ndim != 2 or outputs.shape[0] != 2:
        raise ValueError(f"{str(path)!r} must give features [B, D], gave {list(outputs.shape)} for 2 images")
    if not np.isfinite(outputs).all():
        raise ValueError(f"{str(path)!r} gives features that are not finite of a grey image")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    def features(image):
        chunk = recognition.CHUNK
        starts = range(0, len(image), chunk)
        parts = [np.asarray(model(as_float(image[start : start + chunk]), training=False)) for start in starts]
        found = np.concatenate(parts)
        if not np.isfinite(found).all():
            count = int((~np.isfinite(found).all(1)).sum())
            raise NotFiniteError(f"{str(path)!r} gives features that are not finite of {count} of {len(found)} images")
        return found, None

    return Features(f"{path.name}, SHA-256 {digest}", features)
