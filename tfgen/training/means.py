"""The means of metrics over the steps of an epoch, or over the images of an evaluation, as Keras metrics."""

import keras
import tensorflow as tf


class Means:
    """Keras `Mean` metrics by name, made when a name comes for the first time.

    They are kept out of the model's own attributes, which Keras would write into weights files.
    """

    def __init__(self):
        self._of: dict[str, keras.metrics.Mean] = {}
        self._rows = None

    @property
    def metrics(self) -> list:
        """What Keras resets when an epoch or an evaluation begins."""
        return [*self._of.values(), *([self._rows] if self._rows else [])]

    def make(self, names) -> None:
        """Makes the metrics of these names, in the current strategy's scope."""
        with tf.init_scope():  # a step may be traced before its metrics are known
            for name in names:
                if name not in self._of:
                    self._of[name] = keras.metrics.Mean(name=name, dtype="float32")

    def update(self, values: dict, weight) -> dict:
        """Adds values, scalars, each with a weight; the means so far, by name."""
        self.make(values)
        for name, value in values.items():
            self._of[name].update_state(value, sample_weight=weight)
        return {name: self._of[name].result() for name in values}

    def next_rows(self, count):
        """The numbers of the next `count` rows of an evaluation, int64 [count]: 0, 1, 2, ... from its beginning."""
        with tf.init_scope():
            if self._rows is None:
                self._rows = keras.metrics.Sum(name="rows", dtype="float32")
        first = tf.cast(self._rows.result(), tf.int64)
        self._rows.update_state(tf.cast(count, tf.float32))
        return first + tf.range(tf.cast(count, tf.int64))
