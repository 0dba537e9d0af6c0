"""Keras's `fit`, `evaluate` and `predict` of a model: what users hand over is checked before they begin."""

import types

import numpy as np
import tensorflow as tf

from tfgen.models.batches import count, fed
from tfgen.models.feeding import Feed
from tfgen.models.options import check, check_monitors


class Fitting:
    """The part of `tfgen.Model` that users call to train, measure and apply it the way Keras does.

    Everywhere images are [N, H, W, C], uint8 in 0..255, bool, or float in [0, 1]: arrays, or a `tf.data.Dataset`, a
    `keras.utils.PyDataset` or a generator of batches. What is not said here is as in Keras.
    """

    _seen = None  # the id of what `fit` validates on, checked already when Keras hands it to `evaluate`

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        **options,
    ):
        """Keras's `fit`, of images and, for models that need them, labels.

        Args:
            x: images, or batches of (images, labels, weights).
            y: numbers or names of classes, [N]; or x again, as autoencoders are often trained.
            shuffle: whether rows of arrays, or batches of a PyDataset, come in a new order in every epoch; other data
                sets bring their order.
            batch_size, epochs, verbose, callbacks, options: Keras's.
            validation_split, validation_data: measured as by `evaluate`, as val_NAME.
            class_weight: class -> the weight of its rows, by number or name.
            sample_weight: the weight of each row, [N]. The mean over rows of weight times loss is descended.

        Returns:
            Keras's History.

        Raises:
            TypeError, ValueError: images, labels or weights are not as above, or a callback of Keras's watches a metric
                that is not reported; the message names them.
        """
        options |= {"batch_size": batch_size, "epochs": epochs, "verbose": verbose, "callbacks": callbacks}
        options["shuffle"] = shuffle and not isinstance(x, tf.data.Dataset | types.GeneratorType)
        if self.uses_loop():
            return self._fit(x, validation_data, options)
        check(x, options, validation_data)
        if validation_split and validation_data is not None:
            raise ValueError("give either validation_split or validation_data, got both")
        train, test = Feed(self, "train", class_weight), Feed(self, "test")
        with train.own_errors(), test.own_errors():
            if validation_split:
                (x, y, sample_weight), validation_data = train.split(x, y, sample_weight, validation_split)
            if validation_data is not None:
                self._check_reports()
                parts = validation_data if isinstance(validation_data, tuple) else (validation_data,)
                validation_data = fed(test, *parts)
            check_monitors(self, callbacks, validation_data is not None)
            images, x = x, fed(train, x, y, sample_weight)
            if isinstance(images, np.ndarray | tf.Tensor):
                self.adapt(np.asarray(images))
            if self.compiled:
                self.build_optimizers()
            return self._fit(x, validation_data, options)

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **options,
    ):
        """Keras's `evaluate`: the means over held-out images of what the model reports, in the order of `metrics`.

        Images are binarised as the protocol says and row i is drawn from the i-th row seed of the seed 0, so that the
        numbers are those of `python -m zoo.evaluate` for the same images, and depend on no batch size.

        Args:
            x: images, or batches of (images, labels, weights), in order.
            y: for conditional models, numbers or names of classes.
            sample_weight: the weight of each row, [N]. The mean over rows of weight times number is reported.
            batch_size, verbose, steps, callbacks, return_dict, options: Keras's.

        Raises:
            TypeError, ValueError: images, labels or weights are not as above; the message names them.
        """
        options |= {"batch_size": batch_size, "verbose": verbose, "steps": steps, "callbacks": callbacks}
        options["return_dict"] = return_dict
        if id(x) == self._seen:
            return super().evaluate(x, **options)
        check(x, options)
        self._check_reports()
        feed = Feed(self, "test")
        self._build_shared_optimizers()
        with feed.own_errors():
            return super().evaluate(fed(feed, x, y, sample_weight), **options)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Keras's `predict`: what `model(x)` gives, float32 [N, H, W, C] in [0, 1], as a NumPy array.

        Args:
            x: images, or codes for a model without an encoder; [images, labels] for a conditional model.
            batch_size, verbose, steps, callbacks: Keras's.

        Raises:
            TypeError, ValueError: x is not as above; the message names it.
        """
        check(x, {"batch_size": batch_size, "steps": steps, "callbacks": callbacks})
        feed = Feed(self, "predict")
        self._build_shared_optimizers()
        with feed.own_errors():
            x = fed(feed, x)
            if isinstance(x, dict) and not count(x):  # Keras needs a row to make an answer of
                return np.zeros([0, *self.image_shape], np.float32)
            return super().predict(x, batch_size, verbose, steps, callbacks)

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """Keras's `train_on_batch`: one step; arguments as in `fit`."""
        batch = Feed(self, "train", class_weight).rows(x, y, sample_weight)
        if self.compiled:
            self.build_optimizers()
        return super().train_on_batch(batch, return_dict=return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Keras's `test_on_batch`: what `evaluate` gives of one batch, which is the first of its data."""
        self._check_reports()
        return super().test_on_batch(Feed(self, "test").rows(x, y, sample_weight), return_dict=return_dict)

    def predict_on_batch(self, x):
        """Keras's `predict_on_batch`: what `predict` gives of one batch."""
        return np.asarray(self(x))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Refused with TypeError: the loss is not one of a target and a prediction."""
        ways = "`train_on_batch` descends it, `evaluate` measures it"
        raise TypeError(f"the loss of {self.entry} is not a function of a target and a prediction; {ways}")

    def add_loss(self, loss) -> None:
        """Refused with TypeError: `update` would not descend it."""
        raise TypeError(f"the loss of {self.entry} is its own; a subclass adds to it in training_loss or update")

    def add_metric(self, *arguments, **options) -> None:
        """Refused with TypeError: what is reported is what `update` and `evaluation_terms` return."""
        raise TypeError(f"{self.entry} reports what update and evaluation_terms return; a subclass adds to these")

    def _fit(self, x, validation_data, options: dict):
        """Keras's own `fit` of what is checked already."""
        self._seen = id(validation_data)
        try:
            return super().fit(x, validation_data=validation_data, **options)
        finally:
            self._seen = None

    def _build_shared_optimizers(self) -> None:
        """Where several devices share a model, Keras builds an optimiser even to measure it; this does it by phases."""
        if self.compiled and self.distribute_strategy.num_replicas_in_sync > 1:
            self.build_optimizers()

    def _check_reports(self) -> None:
        """Raises ValueError for a model that has nothing to report of held-out images."""
        if not self.evaluates():
            raise ValueError(f"{self.entry} reports nothing of held-out images: its class defines no validation_terms")
