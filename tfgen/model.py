"""The base of every model in the zoo: a Keras model that trains on a resident data set and samples by row seed."""

import keras
import numpy as np
import tensorflow as tf

from tfgen import checks, distributions, replicas, seeds, training
from tfgen.graphs import graph


class Model(keras.Model):
    """A generative model of 28 x 28 grey images: a prior over codes and a likelihood of images given a code.

    A subclass defines `likelihood(latent)` and `training_loss(batch, seed, step)`, and a `prior` other than N(0, I); an
    adversarial one defines its own `update` instead of `training_loss`. Capabilities are added by mixing in
    `tfgen.Autoencoding` (encode, reconstruct, interpolate) and `tfgen.Variational` (elbo, log_likelihood), named before
    this class because they replace some of its defaults.

    Attributes:
        entry: the model's name in the zoo.
        conditional: whether likelihood (and posterior) also take a digit.
        convolutional: whether XLA is kept off on a CPU, where it makes convolutions about 30 times slower.
        monitor: the validation metric whose lowest value names the weights to keep; None keeps the last.
        binary: whether training images are binarised afresh, x ~ Bernoulli(grey / 255), or stay grey.
        clip_norm: the largest global norm of a gradient, to which a longer one is scaled down; None leaves them all.
    """

    entry = "model"
    conditional = False
    convolutional = False
    binary = True
    monitor = None

    def __init__(self, latent_dim: int):
        super().__init__(name=self.entry)
        self.latent_dim = checks.positive_int("latent_dim", latent_dim)
        self.built = True  # the networks are functional models: their variables exist already
        self.optimizers = {}  # of adversarial models, by phase; the others have `optimizer`
        self.clip_norm = None
        self._resident_loop = None

    @property
    def prior(self):
        """p(z), event [Z]; N(0, I) unless a model has another one."""
        return distributions.standard_normal(self.latent_dim)

    # --- training ---------------------------------------------------------------------------------------------------

    def compile(self, **options):
        """Keras's, with XLA only where it makes a step of `fit` faster."""
        super().compile(**({"jit_compile": training.uses_xla(self)} | options))

    def training_loss(self, batch, seed, step) -> dict:
        """The loss of one step and its parts.

        Args:
            batch: {"image": float32 [B, 28, 28, 1], "label": int64 [B]}.
            seed: stateless seed of this step, int32 [2].
            step: steps done before this one, an int32 scalar.

        Returns:
            {"loss": [B], further metrics: [B]}, nats per image.
        """
        raise NotImplementedError

    def update(self, batch, seed, step) -> dict:
        """One optimiser step on the batch mean of `training_loss`. Returns the means of its parts."""
        with tf.GradientTape() as tape:
            terms = self.training_loss(batch, seed, step)
            loss = tf.reduce_mean(terms["loss"])
        replicas.descend(self.optimizer, tape, loss, self.trainable_variables, clip_norm=self.clip_norm)
        return {name: tf.reduce_mean(term) for name, term in terms.items()}

    def noise(self, batch, seed, *samples: int):
        """Standard normal noise [*samples, B, Z] for a batch, one vector a row, from one stateless seed, int32 [2]."""
        shape = [*samples, tf.shape(batch["image"])[0], self.latent_dim]
        return replicas.noise(seeds.normal, shape, seed, axis=len(samples))

    def compile_phases(self, **phases) -> None:
        """Compiles an adversarial model: for each of its phases, by name, an optimiser and the networks that it moves.

        Like Keras for a model's one optimiser, has each scale its loss where the networks run in float16.
        """
        Model.compile(self, optimizer=None)
        scaled = (
            keras.optimizers.LossScaleOptimizer if self.dtype_policy.name == "mixed_float16" else lambda plain: plain
        )
        self.optimizers = {phase: scaled(optimizer) for phase, (optimizer, *_) in phases.items()}
        self._moved = {phase: networks for phase, (_, *networks) in phases.items()}

    def descend(self, phase: str, tape, loss, when=True) -> None:
        """One optimiser step of a phase on its networks' variables; none where the tensor `when` is false."""
        optimizer, variables = self.optimizers[phase], self.variables_of(phase)
        replicas.descend(optimizer, tape, loss, variables, clip_norm=self.clip_norm, when=when)

    def variables_of(self, phase: str) -> list:
        """The trainable variables that a phase moves."""
        return [variable for network in self._moved[phase] for variable in network.trainable_variables]

    def build_optimizers(self) -> None:
        """Makes the state of every optimiser, as its first step would."""
        with self.distribute_strategy.scope():
            variables = {phase: self.variables_of(phase) for phase in self.optimizers} or {"": self.trainable_variables}
            for phase, optimizer in (self.optimizers or {"": self.optimizer}).items():
                if not optimizer.built:
                    optimizer.build(variables[phase])

    def validation_terms(self, image, rows, **given) -> dict:
        """What validation and tests report of images [B, 28, 28, 1] under row seeds int64 [B]: {name: [B]}."""
        return {}

    def settle(self) -> None:
        """What is left to do before weights are saved; nothing for most models."""

    def fit(self, x=None, y=None, *arguments, **options):
        """Keras's `fit`, of images and for conditional models digits; arrays and tensors are checked before it begins.

        Args:
            x: images [N, 28, 28, 1], uint8 in 0..255, bool, or floats in [0, 1]; or a data set of batches of them.
            y: digits in 0..9, [N].
            arguments, options: Keras's.

        Returns:
            Keras's History.

        Raises:
            TypeError, ValueError: images or digits are not as above; the message names them.
        """
        if isinstance(x, np.ndarray | tf.Tensor):
            x = checks.image_array(x)
            if y is not None:
                y = checks.digits(np.reshape(y, [-1]), len(x), self.entry).numpy()
        return super().fit(x, y, *arguments, **options)

    def train_step(self, data):
        """A step of plain `fit(images)` or `fit(images, digits)`."""
        image, label, _ = keras.utils.unpack_x_y_sample_weight(data)
        if label is None and self.conditional:
            raise ValueError(f"{self.entry} is conditional: call fit(images, digits)")
        grey = tf.cast(image, tf.float32) / (255.0 if image.dtype == tf.uint8 else 1.0)
        first, *_ = (self.optimizers or {"": self.optimizer}).values()
        step = tf.cast(first.iterations, tf.int32)
        pixel_seed, seed = seeds.step_seeds(0, step, 2)
        batch = {"image": self.pixels(grey, pixel_seed)}
        if label is not None:
            batch["label"] = tf.cast(tf.reshape(label, [-1]), tf.int64)
        return self.update(batch, seed, step)

    def pixels(self, grey, seed):
        """Training images from grey levels in [0, 1], [B, 28, 28, 1]: x ~ Bernoulli(grey) if the model is binary."""
        if not self.binary:
            return grey
        return tf.cast(replicas.noise(seeds.uniform, tf.shape(grey), seed) < grey, tf.float32)

    def make_train_function(self, force=False):
        """Keras's hook: `tfgen.training.fit` installs its compiled loop here, otherwise `fit` is Keras's own."""
        if self._resident_loop is None:
            return super().make_train_function(force)
        self.train_function = self._resident_loop
        return self.train_function

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Keras's hook before `fit`: networks are built already, optimisers are not, and neither needs any data."""
        self.build_optimizers()

    # --- what users call --------------------------------------------------------------------------------------------

    def sample(self, n: int = 1, *, digit=None, seed=None):
        """Draws n images: z ~ p(z), then the mean of p(x|z).

        Args:
            n: how many.
            digit: for conditional models, an int in 0..9 or n of them.
            seed: an int, n row seeds, or None for fresh ones (`tfgen.row_seeds`).

        Returns:
            float32 [n, 28, 28, 1] in [0, 1].

        Raises:
            TypeError, ValueError: n, digit or seed is not as above; the message names it.
        """
        rows = seeds.row_seeds(seed, n)
        return self._sample(tf.constant(rows), **self._given(digit, n))

    def decode(self, latent, *, digit=None):
        """The mean of p(x|z): codes [B, Z] -> float32 images [B, 28, 28, 1] in [0, 1]."""
        latent = checks.latents(latent, self.latent_dim)
        return self._decode(latent, **self._given(digit, len(latent)))

    @graph
    def _sample(self, rows, **given):
        return self.image_mean(self.draw_prior(rows), **given)

    @graph
    def _decode(self, latent, **given):
        return self.image_mean(latent, **given)

    @graph
    def draw_prior(self, rows):
        """Codes [B, Z], z_i ~ p(z) from row seed i (int64 [B]) alone."""
        return self._draw_prior(rows)

    def _draw_prior(self, rows):
        return self.prior.bijector.forward(seeds.normal_rows([self.latent_dim], rows))

    def image_mean(self, latent, **given):
        """Images in [0, 1] from codes, [B, Z] -> [B, 28, 28, 1]: the likelihood's mean."""
        return self.likelihood(latent, **given).mean()

    def _by_row(self, function, *tensors, **given):
        """`function(*tensors, **given)`, tensors with a row an image each; on no rows, where convolutions fail, too."""
        if len(tensors[0]):
            return function(*tensors, **given)
        blank = [tf.zeros([1, *tensor.shape[1:]], tensor.dtype) for tensor in tensors]
        answer = function(*blank, **{name: tf.zeros([1], value.dtype) for name, value in given.items()})
        return tf.nest.map_structure(lambda rows: rows[:0], answer)

    def _given(self, digit, n: int) -> dict:
        """What the model is conditioned on, checked: {} or {"digit": int64 [n]}."""
        if self.conditional:
            return {"digit": checks.digits(digit, n, self.entry)}
        if digit is not None:
            raise TypeError(f"{self.entry} is not conditional and takes no digit, got digit={digit!r}; cvae does")
        return {}

    def parameter_count(self) -> int:
        """The number of trainable parameters."""
        return int(sum(np.prod(variable.shape) for variable in self.trainable_variables))
