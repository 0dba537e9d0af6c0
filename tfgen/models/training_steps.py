"""The steps of a model in Keras's `fit`, `evaluate` and `predict`, by the hooks that Keras documents for them."""

import keras
import tensorflow as tf

from tfgen import seeds
from tfgen.models import feeding, losses
from tfgen.models.calling import fractions
from tfgen.training import augmentation, means, replicas


class TrainingSteps:
    """The part of `tfgen.Model` that is about steps: `train_step`, `test_step`, `predict_step`, `metrics`.

    A step of plain `fit` is one `update` on a batch of images. In a training of `tfgen.training.loop.fit` it is a block
    of updates on the data set in device memory.

    Attributes:
        tracked: the names of the metrics that `update` returns, where they are known before the first step.
        reported: those of `evaluation_terms`.
        loss_term: the one of `validation_terms` that `evaluate` also reports as "loss", None if there is none.
        weighs_rows: whether `update` weighs the rows of a batch that has a "weight".
        means: the means of metrics over an epoch.
    """

    tracked, reported = (), ()
    loss_term = None
    weighs_rows = True
    compiled_update = None

    def start_training_steps(self) -> None:
        """Makes the attributes."""
        self.means, self._loop = means.Means(), None

    @property
    def metrics(self):
        """What Keras resets when an epoch begins, and reads when it ends."""
        return self.means.metrics

    def use_loop(self, chosen) -> None:
        """Has `fit` run the blocks of a `tfgen.training.loop.Loop`; None for batches of images again."""
        self._loop, self.train_function, self.test_function = chosen, None, None
        if chosen is not None and chosen.shared:
            self.means = means.Means()  # outside of the strategy's scope: the loop has reduced them over the replicas

    def uses_loop(self) -> bool:
        """Whether `fit` runs the blocks of a loop."""
        return self._loop is not None

    def validates(self) -> bool:
        """Whether validation in the loop has anything to report of this model."""
        return type(self).validation_terms is not TrainingSteps.validation_terms

    def evaluates(self) -> bool:
        """Whether `evaluate` has anything to report of this model."""
        return self.validates() or type(self).evaluation_terms is not TrainingSteps.evaluation_terms

    def validation_terms(self, image, rows, **condition) -> dict:
        """What validation and tests report of images [B, H, W, C] under row seeds int64 [B]: {name: [B]}."""
        return {}

    def evaluation_terms(self, image, rows, **condition) -> dict:
        """What Keras's `evaluate` reports, as `validation_terms`, and "loss" where held-out images have one."""
        terms = self.validation_terms(image, rows, **condition)
        return terms if self.loss_term is None else {"loss": terms[self.loss_term], **terms}

    def prepared(self, image, seed):
        """Training images from images in [0, 1], [B, H, W, C]: augmented, and as the likelihood wants them."""
        if self.augment:
            seed, other = seeds.split(seed, 2)
            image = augmentation.augmented(image, self.augment, other)
        return self.pixels.prepare(image, lambda: replicas.noise(seeds.uniform, tf.shape(image), seed))

    def train_step(self, data):
        """A step of `fit(images)` or `fit(images, labels)`, or a block of steps of the loop in use."""
        if self._loop is not None:
            values, weight = self._loop(data)
            return self.means.update(values, weight)
        batch = batch_of(data)
        if self.distribute_strategy.num_replicas_in_sync == 1:
            with tf.init_scope():  # an update that XLA compiles may not create variables
                self.build_optimizers()
        first, *_ = (self.optimizers or {"": self.optimizer}).values()
        values = self.compiled_update(batch, tf.cast(first.iterations, tf.int32))
        return self.means.update(values, tf.cast(tf.shape(batch["image"])[0], tf.float32))

    def test_step(self, data):
        """A step of `evaluate`: the means over rows, row i drawn from the i-th row seed of the seed 0."""
        batch = batch_of(data)
        report = self.evaluation_terms if self._loop is None else self.validation_terms
        terms = report(batch["image"], batch["row"], **self.condition(batch))
        values = {name: losses.mean(term, batch.get("weight")) for name, term in terms.items()}
        return self.means.update(values, tf.cast(tf.shape(batch["row"])[0], tf.float32))

    def predict_step(self, data):
        """A step of `predict`: images from images, or from codes."""
        x, label, _ = feeding.of_element(data)
        return self(x if label is None else [x, label])

    def make_train_function(self, force=False):
        """Keras's hook. Several devices meet within a step, for which the loop has a train function of its own."""
        if self._loop is not None and self._loop.shared:
            self.train_function = self._loop.train_function
        else:
            super().make_train_function(force)

    def make_test_function(self, force=False):
        """Keras's hook. In a training on several devices the loop has a test function of its own."""
        if self._loop is None or not self._loop.shared:
            super().make_test_function(force)
        elif self.test_function is None or force:
            self.test_function = self._loop.test_function()

    def plain_update(self, batch, step):
        """The mean metrics of an update on images in [0, 1], after `step` others of a plain `fit`, whose seed is 0."""
        pixel_seed, seed = seeds.step_seeds(0, step, 2)
        return self.update(batch | {"image": self.prepared(batch["image"], pixel_seed)}, seed, step)


def batch_of(data) -> dict:
    """The rows of an element of Keras's, as `feeding` made them, with images as float32 [B, H, W, C] in [0, 1]."""
    rows, *_ = keras.utils.unpack_x_y_sample_weight(data)
    return {**rows, "image": fractions(rows["image"])}
