"""The small classifier of a data set's images in whose features the models of the zoo are measured.

    image -> 3 x (3 x 3 convolution, batch normalisation, ReLU, 2 x 2 maximum)
          -> dense, batch normalisation, ReLU = features [64] -> logits [classes]

It plays the part that the Inception network plays for photographs (Heusel et al. 2017). Normalised features are of
order 1, which the kernel distance asks for. It is trained by plain cross-entropy: smoothed labels would draw a digit's
features together (Mueller et al. 2019), and with them what tells one five from another.
"""

import keras
import numpy as np
import tensorflow as tf

from tfgen.evaluation.images import as_float
from tfgen.graphs import graph
from tfgen.networks import common
from tfgen.training.loop import uses_xla

layers = keras.layers

CHANNELS = (32, 64, 128)
FEATURES = 64
SHIFT, TURN = 2 / 28, 10 / 360  # of a training image, at most: two pixels, ten degrees
CHUNK = 1000  # images recognised at once


class Classifier(keras.Model):
    """Images [B, H, W, C] in [0, 1] -> {"features": [B, 64], "logits": [B, classes]}, with fresh weights."""

    entry = "classifier"  # which it is not, but its weights are stored like those of one
    convolutional = True

    @common.by_settings
    def __init__(self, *, image_shape=(28, 28, 1), classes: int = 10):
        image = maps = keras.Input(image_shape)
        for channels in CHANNELS:
            maps = layers.Conv2D(channels, 3, padding="same", use_bias=False)(maps)
            maps = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(maps))
            maps = layers.MaxPooling2D()(maps)  # 28 -> 14 -> 7 -> 3
        units = layers.Dense(FEATURES, use_bias=False)(layers.Flatten()(maps))
        features = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(units))
        logits = layers.Dense(classes)(features)
        super().__init__(image, {"features": features, "logits": logits}, name=self.entry)

    def finalize(self) -> None:
        """Nothing is left to do before weights are saved."""

    @graph
    def forward(self, image):
        """The network in inference, float32 images in [0, 1]."""
        return self(image, training=False)


def fit(
    network: Classifier,
    split,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int = 0,
    callbacks=(),
    moved: bool = True,
):
    """Trains the network on a split through Keras's `fit`; Adam's learning rate falls to zero along half a cosine.

    Images are shifted and rotated afresh in every epoch, unless `moved` is false.

    Returns:
        A row an epoch: {"epoch", "loss", "accuracy"}.
    """
    steps = len(split.images) // batch_size
    trained = keras.Model(network.input, network.output["logits"])
    trained.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps * epochs)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=uses_xla(network),
    )
    images = batches(split, batch_size, seed, moved=moved).prefetch(4)
    history = trained.fit(images, epochs=epochs, shuffle=False, verbose=0, callbacks=list(callbacks)).history
    losses = zip(history["loss"], history["accuracy"], strict=True)
    return [{"epoch": epoch, "loss": loss, "accuracy": right} for epoch, (loss, right) in enumerate(losses, 1)]


def batches(split, batch_size: int, seed: int = 0, moved: bool = True) -> tf.data.Dataset:
    """The images and labels of a split in batches; `moved`: shifted and rotated a little, afresh in every epoch."""
    background = {"fill_mode": "constant", "fill_value": 0.0}
    augment = layers.Pipeline(
        [
            layers.RandomTranslation(SHIFT, SHIFT, seed=seed, **background),
            layers.RandomRotation(TURN, seed=seed + 1, **background),
        ]
    )

    @tf.autograph.experimental.do_not_convert
    def batch(image, label):
        image = tf.cast(image, tf.float32) / 255
        return (augment(image, training=True) if moved else image), label

    images = tf.data.Dataset.from_tensor_slices((split.images, split.labels)).shuffle(len(split.images), seed)
    return images.batch(batch_size, drop_remainder=True).map(batch)


def recognise(network: Classifier, image) -> tuple[np.ndarray, np.ndarray]:
    """What the classifier makes of images.

    Args:
        network: a trained `Classifier`.
        image: [N, H, W, C], uint8 in 0..255, bool, or float in [0, 1]; an array, or images in a file.

    Returns:
        (features [N, 64], probabilities of the classes [N, classes]), float32.
    """
    parts = [network.forward(as_float(image[start : start + CHUNK])) for start in range(0, len(image), CHUNK)]
    features, logits = (np.concatenate([part[name] for part in parts]) for name in ("features", "logits"))
    return features, tf.nn.softmax(logits).numpy()


def accuracy(network: Classifier, split) -> float:
    """The share of a split's images whose class is recognised, in 0..1."""
    _, probabilities = recognise(network, split.images)
    return float(np.mean(probabilities.argmax(1) == split.labels))
