"""The small classifier of 28 x 28 digits whose features measure every model of the zoo, and the command that trains it.

    image -> 3 x (3 x 3 convolution, batch normalisation, ReLU, 2 x 2 maximum) -> features [64] -> logits [10]

It plays the part that the Inception network plays for photographs (Heusel et al. 2017): distances between sets of images
are taken between their features, the ReLU units before the logits. It is trained by plain cross-entropy; smoothed labels
would draw the features of a digit together (Mueller et al. 2019) and with them what tells one five from another.

    python -m zoo.classifier

on MNIST's `train[:55000]`, shifted and turned a little; the last epoch's weights are the ones that ship.
"""

import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfgen import checks, data, evaluation, files, runs
from zoo import commands

USAGE = "python -m zoo.classifier"
NAME = "classifier"
WEIGHTS = Path(__file__).parent / "weights" / f"{NAME}.weights.h5"

EPOCHS = 12
BATCH_SIZE = 100
LEARNING_RATE = 2e-3
CHANNELS = (32, 64, 128)
FEATURES = 64
SHIFT, TURN = 2 / 28, 10 / 360  # of the training images, at most: two pixels, ten degrees
CHUNK = 1000  # images recognised at once

layers = keras.layers


def build() -> keras.Model:
    """The network with fresh weights: images [B, 28, 28, 1] in [0, 1] -> {"features": [B, 64], "logits": [B, 10]}."""
    image = maps = keras.Input(checks.IMAGE_SHAPE)
    for channels in CHANNELS:
        maps = layers.Conv2D(channels, 3, padding="same", use_bias=False)(maps)
        maps = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(maps))
        maps = layers.MaxPooling2D()(maps)  # 28 -> 14 -> 7 -> 3
    features = layers.Dense(FEATURES, "relu")(layers.Flatten()(maps))
    return keras.Model(image, {"features": features, "logits": layers.Dense(checks.CLASSES)(features)}, name=NAME)


def load(path: Path = WEIGHTS) -> keras.Model:
    """The trained classifier."""
    network = build()
    network.load_weights(path)
    return network


def recognise(network: keras.Model, image) -> tuple[np.ndarray, np.ndarray]:
    """What the classifier makes of images.

    Args:
        image: [N, 28, 28, 1], uint8 in 0..255 or float in [0, 1].

    Returns:
        (features [N, 64], probabilities of the ten digits [N, 10]), float32.
    """
    forward = tf.function(lambda part: network(part, training=False), autograph=False, reduce_retracing=True)
    parts = [forward(evaluation.as_float(image[i : i + CHUNK])) for i in range(0, len(image), CHUNK)]
    features, logits = (np.concatenate([part[name] for part in parts]) for name in ("features", "logits"))
    return features, tf.nn.softmax(logits).numpy()


def accuracy(network: keras.Model, split) -> float:
    """The share of a split's images that are recognised as their labels."""
    _, probabilities = recognise(network, split.images)
    return float(np.mean(probabilities.argmax(1) == split.labels))


def fit(network: keras.Model, split, *, epochs: int, seed: int, callbacks=()) -> None:
    """Trains the network on a split whose images are shifted and turned afresh in every epoch."""
    steps = len(split.images) // BATCH_SIZE
    trained = keras.Model(network.input, network.output["logits"])
    trained.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps * epochs)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # XLA makes convolutions slow on a CPU
    )
    move = {"fill_mode": "constant", "fill_value": 0.0}
    augment = keras.layers.Pipeline(
        [
            layers.RandomTranslation(SHIFT, SHIFT, seed=seed, **move),
            layers.RandomRotation(TURN, seed=seed + 1, **move),
        ]
    )

    @tf.autograph.experimental.do_not_convert
    def batch(image, label):
        return augment(tf.cast(image, tf.float32) / 255, training=True), label

    images = tf.data.Dataset.from_tensor_slices((split.images, split.labels)).shuffle(len(split.images), seed)
    images = images.batch(BATCH_SIZE, drop_remainder=True).map(batch).prefetch(4)
    trained.fit(images, epochs=epochs, shuffle=False, verbose=0, callbacks=list(callbacks))


def train(*, epochs: int = EPOCHS, data_dir: Path | None = None, run_dir: Path | None = None, seed: int = 0) -> Path:
    """Trains the classifier of digits that measures the zoo's models, on MNIST, into a run directory.

    Args:
        epochs: passes over the training images.
        data_dir: a TFDS directory that holds MNIST prepared; TFDS_DATA_DIR by default.
        run_dir: the directory to make for the run; runs/classifier-DATE-TIME by default.
        seed: fixes the first weights, the order of the data and its shifts and turns.
    """
    started = time.perf_counter()
    with commands.bad_input():
        recipe = {"epochs": checks.positive_int("epochs", epochs)}
        recipe |= {"batch_size": BATCH_SIZE, "learning_rate": LEARNING_RATE}
        checks.in_range("seed", seed, 0, 2**31 - 2)
        run = runs.check_new(run_dir or runs.default_path(NAME))
        images = data.load(data.DEFAULT, data_dir)
        runs.create(run)
    keras.utils.set_random_seed(seed)
    network = build()
    print(f"{NAME}: {network.count_params():,} parameters, {epochs} epochs of {images.name} {images.train.name}")
    fit(network, images.train, epochs=epochs, seed=seed, callbacks=[keras.callbacks.CSVLogger(run / runs.HISTORY)])
    with files.replacing(run / runs.WEIGHTS) as temporary:
        network.save_weights(temporary)
    for split in (images.validation, images.test):
        print(split.name, accuracy(network, split), time.perf_counter() - started, flush=True)
    return run


def main(arguments: list[str] | None = None) -> None:
    """The command line: the options of `train`."""
    commands.run(train, sys.argv[1:] if arguments is None else arguments, USAGE)


if __name__ == "__main__":
    main()
