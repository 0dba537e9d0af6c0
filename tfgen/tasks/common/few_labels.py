"""Classifiers that learn from few labels: M2 on codes, a convolutional network, and its own guesses as labels.

A label of -1 is none. Each is a function of test images or codes that gives probabilities [N, classes].
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from tfgen import seeds
from tfgen.data import few
from tfgen.data.dataset import Split
from tfgen.graphs import graph
from tfgen.storage import entries
from tfgen.tasks.common import codes as codes_of
from tfgen.training import loop, schedules

ENTRY = "ssvae"
STEPS, BATCH_SIZE, LEARNING_RATE = 4000, 200, 1e-3  # of M2
NETWORK_STEPS, NETWORK_BATCH, NETWORK_LEARNING_RATE = 600, 50, 2e-3
SHORTEST_EPOCH = 20  # steps of the network
CONFIDENT = 0.95  # probability above which a guess is taken for a label
GUESSED = 10_000  # unlabelled images that are guessed at most
CHUNK = 1000


def codes(model, images, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations of the codes of images, float32 [N, Z] each; the latter 0 where there is none."""
    if model.entry == ENTRY:
        from tfgen.evaluation.images import as_float

        parts = [model.features_of(tf.constant(as_float(images[i : i + CHUNK]))) for i in range(0, len(images), CHUNK)]
        return tuple(np.concatenate([getattr(part, name)() for part in parts]) for name in ("mean", "stddev"))
    mean = codes_of.of(model, images, seed=seed)
    if model.conditional or model.signatures()["encode"].outputs.keys() != {"latent_mean", "latent_stddev"}:
        return mean, np.zeros_like(mean)
    parts = [model.encode(images[i : i + CHUNK])[1] for i in range(0, len(images), CHUNK)]
    return mean, np.concatenate([np.asarray(part) for part in parts])


def m2(mean, stddev, labels, classes: int, steps: int = STEPS, seed: int = 0, track=lambda epochs: epochs):
    """M2 of Kingma et al. 2014 on codes, M1+M2 with the codes of M1.

    Args:
        mean, stddev: of the codes of training images, [N, Z] each.
        labels: int [N], -1 for most.
        classes: how many there are.
        steps: of the training; half of a batch are labelled codes.
        seed: of the first weights, the order and the noise.
        track: wraps the range of a hundredth of the steps.

    Returns:
        A function from codes [N, Z] to probabilities [N, classes].
    """
    shift, scale = mean.mean(0), np.sqrt(np.mean(np.var(mean, 0))) or 1.0
    mean, stddev = ((mean - shift) / scale).astype(np.float32), (stddev / scale).astype(np.float32)
    loop.set_initial_seed(seed)
    image = {"image_shape": (16, 16, 1), "hidden_units": (1,)}  # of M1, which is not used
    model = entries.build(ENTRY, {"features": mean.shape[1], "classes": classes, **image})
    variables = [v for network in (model.classifier, model.encoder, model.decoder) for v in network.trainable_variables]
    optimizer = keras.optimizers.Adam(schedules.falling(LEARNING_RATE, steps))
    optimizer.build(variables)
    means, stddevs, known = tf.constant(mean), tf.constant(stddev), tf.constant(labels)

    @tf.function(jit_compile=True)
    def step(rows, number):
        first, second = seeds.step_seeds(seed, number, 2)
        u = tf.gather(means, rows) + tf.gather(stddevs, rows) * seeds.normal([len(rows), mean.shape[1]], first)
        noise = seeds.normal([len(rows), model.style_dim], second)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model.second_loss(u, noise, tf.gather(known, rows)))
        optimizer.apply(tape.gradient(loss, variables), variables)

    random, labelled = np.random.default_rng(seed), np.flatnonzero(labels >= 0)
    others = np.flatnonzero(labels < 0)
    for block in track(range(0, steps, 100)):
        for number in range(block, min(block + 100, steps)):
            rows = np.concatenate([random.choice(labelled, BATCH_SIZE // 2), random.choice(others, BATCH_SIZE // 2)])
            step(tf.constant(rows.astype(np.int32)), tf.constant(number))
    classify = graph(lambda vectors: tf.nn.softmax(model.classifier(vectors)))
    return lambda vectors: classify(tf.constant(((vectors - shift) / scale).astype(np.float32))).numpy()


def network(split: Split, classes: int, steps: int = NETWORK_STEPS, seed: int = 0, *, moved: bool = True):
    """The convolutional network of `tfgen.evaluation.recognition`, trained on a split; `moved`: shifted and rotated."""
    from tfgen.evaluation import recognition

    loop.set_initial_seed(seed)
    made = recognition.Classifier(image_shape=tuple(split.images.shape[1:]), classes=classes)
    epoch = min(SHORTEST_EPOCH, steps) * NETWORK_BATCH  # images, in several passes: to begin an epoch takes time
    passes = max(1, epoch // len(split.images))
    rows = np.tile(np.arange(len(split.images)), passes)
    split = dataclasses.replace(split, images=split.images[rows], labels=split.labels[rows])
    batch = min(NETWORK_BATCH, len(rows))
    epochs = max(1, steps // (len(rows) // batch))
    recognition.fit(
        made, split, epochs=epochs, batch_size=batch, learning_rate=NETWORK_LEARNING_RATE, seed=seed, moved=moved
    )
    return lambda images: recognition.recognise(made, images)[1]


def guessing(classify, split: Split, known, classes: int, steps: int = NETWORK_STEPS, seed: int = 0):
    """As `network`, trained also on images whose class another one is sure of (pseudo-labels, Lee 2013).

    Args:
        classify: the other one, from images to probabilities.
        split: of all training images.
        known: int [M], the rows that have labels.
        classes, steps, seed: as in `network`.
    """
    others = np.setdiff1d(np.arange(min(GUESSED, len(split.images))), known)
    found = classify(split.images[others])
    sure = others[found.max(1) > CONFIDENT]
    labels = np.full_like(split.labels, few.NONE)
    labels[others] = found.argmax(1)
    labels[known] = split.labels[known]
    rows = np.concatenate([np.resize(known, max(len(known), len(sure) // 4)), sure])
    taken = dataclasses.replace(split, images=np.asarray(split.images[rows]), labels=labels[rows])
    return network(taken, classes, steps, seed)
