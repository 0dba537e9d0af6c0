"""The model's side of Keras's `fit` and `evaluate`, by the hooks that Keras documents for it."""

import keras
import numpy as np
import tensorflow as tf

from tfgen import inputs, seeds
from tfgen.training import augmentation, loop, means, replicas


class TrainingSteps:
    """The training half of `tfgen.Model`: `compile`, `fit`, `train_step`, `test_step`, `metrics`.

    A step of plain `fit` is one `update` on a batch of images. In a training of `tfgen.training.loop.fit` it is a block
    of updates on the data set in device memory.

    Attributes:
        tracked: the names of the metrics that `update` returns, where they are known before the first step.
        optimizers: of adversarial models, by phase; the others have `optimizer`.
        means: the means of metrics over an epoch.
    """

    tracked = ()

    def start_training_steps(self) -> None:
        """Makes the attributes."""
        self.optimizers, self.means, self._loop, self._compiled_update = {}, means.Means(), None, None

    def compile(self, *arguments, **options):
        """Keras's. `jit_compile` is for the updates alone: by default XLA where it makes them faster."""
        self.compile_steps(*arguments, **options)

    def compile_steps(self, *arguments, jit_compile: bool | None = None, **options) -> None:
        """`compile` for a model whose own `compile` takes other optimisers."""
        # Evaluation draws by row seeds, of which XLA would make other floats.
        super().compile(*arguments, jit_compile=False, **options)
        compiled = loop.uses_xla(self) if jit_compile is None else jit_compile
        self._compiled_update = tf.function(self._plain_update, autograph=False, jit_compile=compiled)
        self.means.make(self.tracked)

    @property
    def metrics(self):
        """What Keras resets when an epoch begins, and reads when it ends."""
        return self.means.metrics

    def build_optimizers(self) -> None:
        """Makes the state of every optimiser, as its first step would."""
        with self.distribute_strategy.scope():
            variables = {phase: self.variables_of(phase) for phase in self.optimizers} or {"": self.trainable_variables}
            for phase, optimizer in (self.optimizers or {"": self.optimizer}).items():
                if not optimizer.built:
                    optimizer.build(variables[phase])

    def use_loop(self, chosen) -> None:
        """Has `fit` run the blocks of a `tfgen.training.loop.Loop`; None for batches of images again."""
        self._loop, self.train_function, self.test_function = chosen, None, None
        if chosen is not None and chosen.shared:
            self.means = means.Means()  # outside of the strategy's scope: the loop has reduced them over the replicas

    def validates(self) -> bool:
        """Whether validation has anything to report of this model."""
        return type(self).validation_terms is not TrainingSteps.validation_terms

    def validation_terms(self, image, rows, **condition) -> dict:
        """What validation and tests report of images [B, H, W, C] under row seeds int64 [B]: {name: [B]}."""
        return {}

    def prepared(self, image, seed):
        """Training images from images in [0, 1], [B, H, W, C]: augmented, and as the likelihood wants them."""
        if self.augment:
            seed, other = seeds.split(seed, 2)
            image = augmentation.augmented(image, self.augment, other)
        return self.pixels.prepare(image, lambda: replicas.noise(seeds.uniform, tf.shape(image), seed))

    def fit(self, x=None, y=None, *arguments, **options):
        """Keras's `fit`, of images and for conditional models labels; arrays and tensors are checked before it begins.

        Args:
            x: images [N, H, W, C], uint8 in 0..255, bool, or floats in [0, 1]; or a data set of batches of them.
            y: numbers of classes, [N].
            arguments, options: Keras's.

        Returns:
            Keras's History.

        Raises:
            TypeError, ValueError: images or labels are not as above; the message names them.
        """
        if isinstance(x, np.ndarray | tf.Tensor):
            x = inputs.image_array(x, self.image_shape)
            if y is not None:
                y = inputs.labels(np.reshape(y, [-1]), len(x), self.class_names or None, self.entry)
        if self.compiled:
            self.build_optimizers()
        return super().fit(x, y, *arguments, **options)

    def train_step(self, data):
        """A step of `fit(images)` or `fit(images, labels)`, or a block of steps of the loop in use."""
        if self._loop is not None:
            values, weight = self._loop(data)
        else:
            batch, weight = self._batch(data), 1.0
            if self.distribute_strategy.num_replicas_in_sync == 1:
                with tf.init_scope():  # an update that XLA compiles may not create variables
                    self.build_optimizers()
            first, *_ = (self.optimizers or {"": self.optimizer}).values()
            values = self._compiled_update(batch, tf.cast(first.iterations, tf.int32))
        return self.means.update(values, weight)

    def test_step(self, data):
        """A step of `evaluate`: the means of `validation_terms`, row i drawn from the i-th row seed of the seed 0."""
        batch = self._batch(data)
        count = tf.shape(batch["image"])[0]
        terms = self.validation_terms(batch["image"], self.means.next_rows(count), **self.condition(batch))
        values = {name: tf.reduce_mean(term) for name, term in terms.items()}
        return self.means.update(values, tf.cast(count, tf.float32))

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

    def _batch(self, data) -> dict:
        """{"image": float32 [B, H, W, C] in [0, 1], "label": int64 [B]} of an element of Keras's."""
        image, label, _ = keras.utils.unpack_x_y_sample_weight(data)
        if label is None and self.needs_labels:
            raise ValueError(f"this {self.entry} is trained with labels: call fit(images, labels)")
        image = tf.cast(image, tf.float32) / (255.0 if image.dtype == tf.uint8 else 1.0)
        return {"image": image} | ({} if label is None else {"label": tf.cast(tf.reshape(label, [-1]), tf.int64)})

    def _plain_update(self, batch, step):
        pixel_seed, seed = seeds.step_seeds(0, step, 2)
        return self.update(batch | {"image": self.prepared(batch["image"], pixel_seed)}, seed, step)
