"""A classifier that is a model's encoder and a linear layer on its code, all of it trained on labelled images.

    logits = W code(x) + b

It shows what pre-training is worth (Hinton and Salakhutdinov 2006; Erhan et al. 2010): beside the same network whose
encoder starts from random weights.
"""

import keras
import numpy as np
import tensorflow as tf

from tfgen.data.dataset import Split
from tfgen.evaluation import recognition
from tfgen.evaluation.images import as_float
from tfgen.graphs import graph
from tfgen.tasks.common import codes
from tfgen.training import schedules

STEPS, BATCH_SIZE, LEARNING_RATE = 600, 50, 1e-3
CHUNK = 1000


def classifier(model, split: Split, classes: int, *, fresh: bool = False, steps: int | None = None, seed: int = 0):
    """Trains the classifier, as the networks of `tfgen.evaluation.recognition` are, on shifted and rotated images.

    Args:
        model: a trained `tfgen.Model` with an encoder that is told no label. It stays as it is.
        split: labelled images.
        classes: how many there are.
        fresh: whether the encoder starts from random weights instead of the model's.
        steps: of the training; `STEPS` by default.
        seed: of the random weights, the order of the images, their shifts and rotations.

    Returns:
        A function from images [N, H, W, C] to probabilities [N, classes].
    """
    steps = steps or STEPS
    own = codes.untrained(model, seed)
    if not fresh:
        own.set_weights(model.get_weights())
    last = keras.layers.Dense(classes)
    last.build((None, code(own, as_float(split.images[:1])).shape[-1]))
    logits = lambda image: last(code(own, image))  # noqa: E731
    variables = _used(logits, [*own.trainable_variables, *last.trainable_variables], as_float(split.images[:1]))
    optimizer = keras.optimizers.Adam(schedules.falling(LEARNING_RATE, steps))
    optimizer.build(variables)

    @tf.function
    def step(image, label):
        with tf.GradientTape() as tape:
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(label, logits(image))
            loss = tf.reduce_mean(each)
        optimizer.apply(tape.gradient(loss, variables), variables)

    batch_size = min(BATCH_SIZE, len(split.images))
    for image, label in recognition.batches(split, batch_size, seed).repeat().take(steps):
        step(image, label)
    classify = graph(lambda image: tf.nn.softmax(logits(image)))
    parts = lambda images: range(0, len(images), CHUNK)  # noqa: E731
    return lambda images: np.concatenate([classify(as_float(images[i : i + CHUNK])) for i in parts(images)])


def code(model, image):
    """The code of images [B, H, W, C] through which gradients flow, [B, Z]: what `encode` answers first.

    Where it draws, under a flow, the code that stands for an image in its place.
    """
    asked = model.signatures()["encode"]
    return model.code(image) if "seed" in asked.inputs else next(iter(model.serve_encode(image).values()))


def _used(function, variables, image) -> list:
    """Those of some variables on which a function of an image depends."""
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(function(image))
    gradients = tape.gradient(total, variables)
    return [variable for variable, gradient in zip(variables, gradients, strict=True) if gradient is not None]
