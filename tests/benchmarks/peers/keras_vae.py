"""The VAE 784-500-500-25 in plain Keras: a `train_step`, `fit`, and a tf.data pipeline of shuffle and batch.

Trains an epoch on IMAGES.npy for each line on stdin and answers with images/s, loss and CPU seconds; see
train_speed.py.
"""

import sys

import keras
import numpy as np
import tensorflow as tf
from rounds import Rounds

LATENT, HIDDEN, BATCH = 25, 500, 100


class VAE(keras.Model):
    def __init__(self):
        super().__init__()
        self.encoder = dense(2 * LATENT)
        self.decoder = dense(784)
        self.metric_means = [keras.metrics.Mean(name) for name in ("loss", "distortion", "rate")]

    @property
    def metrics(self):
        return self.metric_means

    def train_step(self, image):
        """A step on a batch of binary images [B, 784]; the epoch's mean metrics so far, in nats."""
        with tf.GradientTape() as tape:
            mean, raw = tf.split(self.encoder(image, training=True), 2, axis=-1)
            stddev = tf.nn.softplus(raw) + 1e-5
            logits = self.decoder(mean + stddev * tf.random.normal(tf.shape(mean)), training=True)
            distortion = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=image, logits=logits), -1)
            rate = 0.5 * tf.reduce_sum(mean**2 + stddev**2 - 1 - 2 * tf.math.log(stddev), -1)
            loss = tf.reduce_mean(distortion + rate)
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        for metric, value in zip(self.metric_means, (loss, distortion, rate), strict=True):
            metric.update_state(value)
        return {metric.name: metric.result() for metric in self.metric_means}


def dense(outputs: int) -> keras.Sequential:
    layers = keras.layers
    return keras.Sequential([layers.Dense(HIDDEN, "relu"), layers.Dense(HIDDEN, "relu"), layers.Dense(outputs)])


def binarised(grey):
    """x ~ Bernoulli(grey / 255), afresh each time an image is drawn."""
    return tf.cast(tf.random.uniform(tf.shape(grey)) < tf.cast(grey, tf.float32) / 255, tf.float32)


def main() -> None:
    keras.utils.set_random_seed(0)
    images = np.load(sys.argv[1]).reshape(-1, 784)
    pipeline = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images)).batch(BATCH, drop_remainder=True)
    pipeline = pipeline.map(binarised).prefetch(tf.data.AUTOTUNE)
    model = VAE()
    model.encoder.build((None, 784))
    model.decoder.build((None, LATENT))
    model.built = True
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    model.fit(pipeline, epochs=sys.maxsize, verbose=0, callbacks=[Rounds(len(images))])


if __name__ == "__main__":
    main()
