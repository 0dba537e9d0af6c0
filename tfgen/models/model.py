"""The base of every model in the zoo: a Keras model of images that samples by row seed."""

import keras
import numpy as np
import tensorflow as tf

from tfgen import checks, inputs, seeds
from tfgen.distributions import likelihoods, priors
from tfgen.graphs import graph
from tfgen.models import abilities, losses, signatures
from tfgen.models.calling import Calling
from tfgen.models.compiling import Compiling
from tfgen.models.fitting import Fitting
from tfgen.models.saving import Saving
from tfgen.models.signatures import Signature
from tfgen.models.training_steps import TrainingSteps
from tfgen.networks import common
from tfgen.storage import requirements
from tfgen.training import replicas

VARIANCE_DRAWS = 10_000
ADAPTED = 1_000  # images, spread over all, whose mean is the mean image


class Model(Calling, Fitting, TrainingSteps, Compiling, Saving, keras.Model):
    """A generative model of images: a prior over codes and a likelihood of images given a code.

    A subclass defines `likelihood(latent)`, `training_loss(batch, seed, step)`, `compile_recipe`, and a prior if it is
    not N(0, I). Capabilities are added by mixing in `Autoencoding` (encode, reconstruct, interpolate), `Variational`
    (elbo, log_likelihood, and the loss), `Adversarial` (training in phases) and `Autoregressive` (no code, but an exact
    likelihood), named before this class because they replace some of its defaults.

    Attributes:
        entry: the model's name in the zoo.
        to_define: the methods that this class leaves to its subclasses, as each capability says of its own.
        conditional: whether likelihood (and posterior) also take a label.
        convolutional: whether XLA is kept off on a CPU, where it makes convolutions about 30 times slower.
        monitor: the validation metric whose lowest value names the weights to keep; None keeps the last.
        image_shape: (H, W, C).
        latent_dim: dimensions Z of the code; None for a model without one.
        draws_pixels: whether a sample is a draw of pixels, as the likelihood sees images, and not their mean.
        needs_labels: whether training needs labels: a conditional model's does, and one whose prior knows the classes.
        class_names: of the classes that the model is told of, in the order of their numbers; () if of none.
        pixels: the likelihood's view of pixels, a `tfgen.distributions.likelihoods.Pixels`.
        augment: the names of the augmentations of training images (`tfgen.training.augmentation`).
        ema: the share of the old average in the average of the weights that training keeps; None if it keeps none.
        clip_norm: the largest global norm of a gradient, to which a longer one is scaled down; None leaves them all.
    """

    entry = "model"
    to_define = ("likelihood or image_mean", "compile_recipe", "training_loss or update")
    conditional = False
    convolutional = False
    draws_pixels = False
    monitor = None
    ema = None

    def __init_subclass__(cls, **options):
        """A model is made by our settings of Keras, whatever those are that the user gave it."""
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls.__init__ = common.by_settings(cls.__init__)

    def __init__(self, *, latent_dim: int | None, image_shape=(28, 28, 1), classes=(), likelihood: str | None = None):
        super().__init__(name=self.entry, autocast=False)  # images stay float32, whatever the networks compute in
        self.latent_dim = None if latent_dim is None else checks.positive_int("latent_dim", latent_dim)
        self.image_shape = checks.image_shape(image_shape)
        self.class_names = () if classes == () else checks.class_names(classes)
        shape = self.image_shape
        self.pixels = likelihoods.make(likelihood, shape) if likelihood else likelihoods.Pixels(shape)
        self.augment, self.clip_norm = (), None
        self.needs_labels = self.conditional
        self.built = True  # the networks are functional models: their variables exist already
        self.start_training_steps()

    def __getattr__(self, name: str):
        raise AttributeError(abilities.missing(self, name), name=name, obj=self)

    @property
    def prior(self):
        """p(z), event [Z]; N(0, I) unless a model has another one."""
        return priors.standard_normal(self.latent_dim)

    def prior_variance(self):
        """The variance of each dimension of p(z), [Z], beside which codes vary much or little; 1 for N(0, I).

        Of a prior without a closed form, such as a flow, it is that of `VARIANCE_DRAWS` draws.
        """
        prior = self.prior
        try:
            return prior.variance()
        except NotImplementedError:
            return tf.math.reduce_variance(prior.sample(VARIANCE_DRAWS, seed=tf.constant([0, 0])), 0)

    # --- training ---------------------------------------------------------------------------------------------------

    def adapt(self, images) -> None:
        """Sets what the networks know of the training images from the start: their mean, if they are in colour.

        `fit` does it with arrays; call it before a `fit` on batches. Weights that were trained keep their mean.

        Args:
            images: [N, H, W, C], uint8 in 0..255, bool, or float in [0, 1].
        """
        rows = np.linspace(0, len(images) - 1, min(len(images), ADAPTED)).astype(int)
        for network in self.layers:
            inner = network.layers if isinstance(network, keras.Model) and len(rows) else ()
            for layer in (layer for layer in inner if isinstance(layer, common.Centred)):
                blocks = (images[block] for block in np.array_split(rows, -(-len(rows) // 100)))
                layer.adapt(sum(np.sum(self.seen_by(network, self.images(block)), 0) for block in blocks) / len(rows))

    def seen_by(self, network, image):
        """What a network that is given images sees of images [B, H, W, C]."""
        return image

    def train_by(self, *, ema: float | None = None) -> None:
        """Sets what a training may do besides; call it before `compile_recipe`.

        Args:
            ema: the share of the old average in an exponential moving average of the weights, which Keras's optimiser
                keeps; None for no average.

        Raises:
            TypeError, ValueError: it is out of range; the message names it.
        """
        if ema is not None and not 0 < checks.in_range("ema", ema, 0, 1) < 1:
            raise ValueError(f"ema must lie between 0 and 1, got {ema}")
        self.ema = ema

    def adam(self, learning_rate, **options):
        """Adam with a learning rate or a schedule, which keeps the average of the weights if `train_by` asks for it."""
        average = {"use_ema": True, "ema_momentum": self.ema} if self.ema else {}
        return keras.optimizers.Adam(learning_rate, **options, **average)

    def compile_recipe(self, *, learning_rate: float, steps: int | None) -> None:
        """Compiles the model with the optimisers of its recipe, each made by `adam`.

        Args:
            learning_rate: the first learning rate.
            steps: of the whole training; None for one without an end, whose learning rate stays.
        """
        raise NotImplementedError

    def training_loss(self, batch, seed, step) -> dict:
        """The loss of one step and its parts.

        Args:
            batch: {"image": float32 [B, H, W, C], "label": int64 [B]}.
            seed: stateless seed of this step, int32 [2].
            step: steps done before this one, an int32 scalar.

        Returns:
            {"loss": [B], further metrics: [B]}, nats per image.
        """
        raise NotImplementedError

    def update(self, batch, seed, step) -> dict:
        """One optimiser step on the batch mean of `training_loss`, its rows weighted where the batch has weights.

        Returns the means of its parts.
        """
        with tf.GradientTape() as tape:
            terms = requirements.check_terms(self.entry, self.training_loss(batch, seed, step))
            loss = losses.mean(terms["loss"], batch.get("weight"))
        replicas.descend(self.optimizer, tape, loss, self.trainable_variables, clip_norm=self.clip_norm)
        return {name: losses.mean(term, batch.get("weight")) for name, term in terms.items()}

    def noise(self, batch, seed, *samples: int):
        """Standard normal noise [*samples, B, Z] for a batch, one vector a row, from one stateless seed, int32 [2]."""
        shape = [*samples, tf.shape(batch["image"])[0], self.latent_dim]
        return replicas.noise(seeds.normal, shape, seed, axis=len(samples))

    def condition(self, batch) -> dict:
        """What of a batch likelihood and posterior are conditioned on: {"label": [B]}, or {}."""
        return {"label": batch["label"]} if self.conditional else {}

    def finalize(self) -> None:
        """What is left to do before weights are saved; nothing for most models."""

    # --- what users call --------------------------------------------------------------------------------------------

    def sample(self, n: int | None = None, *, label=None, digit=None, seed=None):
        """Draws images: z ~ p(z), then the mean of p(x|z).

        Args:
            n: how many; by default one, or as many as labels are given.
            label: for conditional models: the number or name of a class, or n of them.
            digit: the same, where the classes are the digits.
            seed: an int, n row seeds, or None for fresh ones (`tfgen.row_seeds`).

        Returns:
            float32 [n, H, W, C] in [0, 1].

        Raises:
            TypeError, ValueError: n, label or seed is not as above; the message names it.
        """
        if n is None:
            count = inputs.label_count(self._one_label(label, digit))
            n = 1 if count is None else count
        rows = inputs.row_seeds(seed, n)
        return self.by_row(self._sample, tf.constant(rows), **self._condition(n, label, digit))

    def decode(self, latent, *, label=None, digit=None):
        """The mean of p(x|z): codes [B, Z] -> float32 images [B, H, W, C] in [0, 1]."""
        latent = tf.constant(inputs.latents(latent, self.latent_dim))
        return self._decode(latent, **self._condition(len(latent), label, digit))

    def signatures(self, score_samples: int = 64) -> dict[str, Signature]:
        """What the model can be asked, by name.

        Args:
            score_samples: K, the samples of z behind the log-likelihood that `score` answers.
        """
        served, image, label = {}, signatures.images(self.image_shape), self.label_input()
        if hasattr(self, "sample"):
            sample = Signature(self.serve_sample, {"seed": signatures.SEED, **label}, {"image": image})
            served |= {signatures.DEFAULT: sample, "sample": sample}
        if hasattr(self, "decode"):
            latent = signatures.vectors(self.latent_dim)
            served["decode"] = Signature(self.serve_decode, {"latent": latent, **label}, {"image": image})
        return served

    def seedless_signatures(self) -> dict[str, Signature]:
        """Signatures that take a seed, with what it draws as an input in its place: for programs without our draws."""
        return {}

    def label_input(self) -> dict:
        """The input that a signature of a conditional model has besides: {"label": ...}, or {}."""
        return {"label": signatures.LABEL} if self.conditional else {}

    def serve_sample(self, seed, **condition):
        """The signature `sample`: row seeds [B] -> images."""
        return {"image": self.image_mean(self.draw_prior(seed), **condition)}

    def serve_decode(self, latent, **condition):
        """The signature `decode`: codes [B, Z] -> images."""
        return {"image": self.image_mean(latent, **condition)}

    @graph
    def _sample(self, rows, **condition):
        return self.image_mean(self.draw_prior(rows), **condition)

    @graph
    def _decode(self, latent, **condition):
        return self.image_mean(latent, **condition)

    @graph
    def draw_prior(self, rows):
        """Codes [B, Z], z_i ~ p(z) from row seed i (int64 [B]) alone."""
        return self.prior_draws(rows)

    def prior_draws(self, rows):
        """How `draw_prior` draws: the prior's bijector on standard normal noise. A prior without one replaces this."""
        return self.prior.bijector.forward(seeds.normal_rows([self.latent_dim], rows))

    def image_mean(self, latent, **condition):
        """Images in [0, 1] from codes, [B, Z] -> [B, H, W, C]: the likelihood's mean."""
        return self.likelihood(latent, **condition).mean()

    def images(self, image):
        """A user's images, checked: float32 [B, H, W, C] in [0, 1]. Raises TypeError, ValueError."""
        return tf.constant(inputs.images(image, self.image_shape))

    def by_row(self, function, *tensors, **condition):
        """`function(*tensors, **condition)`, a row per image each; on no rows, where convolutions fail, as well."""
        if len(tensors[0]):
            return function(*tensors, **condition)
        blank = [tf.zeros([1, *tensor.shape[1:]], tensor.dtype) for tensor in tensors]
        answer = function(*blank, **{name: tf.zeros([1], value.dtype) for name, value in condition.items()})
        return tf.nest.map_structure(lambda rows: rows[:0], answer)

    def _condition(self, n: int, label=None, digit=None) -> dict:
        """A user's labels of n rows, checked: {} or {"label": int64 [n]}."""
        label = self._one_label(label, digit)
        if self.conditional:
            return {"label": tf.constant(inputs.labels(label, n, self.class_names, self.entry))}
        if label is not None:
            raise TypeError(f"{self.entry} is not conditional and takes no label, got {label!r}; cvae does")
        return {}

    def _one_label(self, label, digit):
        """The argument that was given of `label` and `digit`, which is the same where the classes are the digits."""
        if digit is None:
            return label
        if label is not None:
            raise TypeError(f"label and digit are the same argument; give one of them, got {label!r} and {digit!r}")
        if self.conditional and self.class_names != inputs.DIGITS:
            names = ", ".join(self.class_names)
            raise TypeError(f"the classes of this {self.entry} are not digits; use label=, one of {names}")
        return digit
