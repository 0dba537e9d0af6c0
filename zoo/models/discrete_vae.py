"""The variational autoencoder with categorical codes of Jang, Gu and Poole 2017, "Categorical Reparameterization with
Gumbel-Softmax" (arXiv 1611.01144).

    p(z)   = prod_k Categorical(z_k; softmax(b_k))          prior of K groups of C classes, uniform (b = 0) or learned
    q(z|x) = prod_k Categorical(z_k; softmax(a_k(x)))       posterior
    p(x|z) = prod_i Bernoulli(x_i; sigmoid(f_i(z)))         likelihood of one-hot codes z

    -ELBO(x) = E_q[-log p(x|z)] + sum_k KL(q(z_k|x) || p(z_k))     distortion + rate, in nats

The KL is exact. Only to train is the expectation estimated at relaxed codes, through which gradients flow,

    y_k = softmax((a_k(x) + g_k) / tau),  g Gumbel noise           (equation 2)

or straight through: y rounded to one-hot codes on the way forward, and not on the way back (section 2.2). The
temperature falls as in section 4, tau = max(tau_min, tau_0 exp(-r t)) at step t. What is reported has one-hot codes.

    python -m zoo.train discrete_vae                            test -ELBO 96.11 nats in 1,436 s; these weights ship
    python -m zoo.train discrete_vae --estimator straight-through --prior learned
"""

from typing import Literal

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import checks, figures, seeds
from tfgen.distributions import categorical
from tfgen.distributions.likelihoods import Likelihood
from tfgen.models import Autoencoding, Model, Variational
from tfgen.networks import autoencoder
from tfgen.networks.common import LearnedVector, Network, apply

tfd = tfp.distributions

ABOUT = "VAE with categorical codes, by the Gumbel-softmax or straight through"
PAPERS = {"Jang et al. 2017": "https://arxiv.org/abs/1611.01144"}

STEPS = 55_000  # 200 epochs of MNIST
BATCH_SIZE = 200
LEARNING_RATE = 1e-3
SMALL = {"groups": 6, "categories": 5, "hidden_units": (32,)}
VARIANTS = ({"estimator": "straight-through", "prior": "learned"}, {"network": "conv", "hidden_units": (4, 8)})


class DiscreteVAE(Autoencoding, Variational, Model):
    """p(x|z) p(z) with categorical z and the amortised posterior q(z|x)."""

    entry = "discrete_vae"
    encoding = ("logits",)

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        likelihood: Likelihood = "bernoulli",
        groups: int = 20,
        categories: int = 10,
        prior: Literal["uniform", "learned"] = "uniform",
        estimator: Literal["gumbel", "straight-through"] = "gumbel",
        temperature: float = 1.0,
        smallest_temperature: float = 0.5,
        cooling: float = 3e-5,
        network: Network = "dense",
        hidden_units: tuple[int, ...] = (),
        beta: float = 1.0,
        warmup: float = 0.15,
    ):
        """Builds the model with fresh weights.

        Args:
            image_shape: height, width and channels of the images.
            likelihood: the distribution of pixels: bernoulli on binarised images; normal with stddev 0.3, one learned
                stddev, or one for each pixel; logistic on the levels of 8 bits. By default bernoulli for grey images,
                logistic for colour.
            groups: the number K of categorical variables in the code.
            categories: the number C of classes of each variable, at least 2.
            prior: of the code: uniform, or learned with the rest.
            estimator: of the distortion's gradient: gumbel uses relaxed codes, straight-through uses one-hot codes with
                the gradient of the relaxed ones.
            temperature: tau_0, the first temperature of the relaxed codes.
            smallest_temperature: tau_min, the last temperature, at most tau_0.
            cooling: the rate r per step at which the temperature falls.
            network: fully connected, or residual and convolutional.
            hidden_units: widths of the hidden layers, 500 500 by default, or channels of the convolutional stages, 32
                64 by default; further stages have the last number. Mirrored in the decoder.
            beta: weight of the rate in the loss; 1 is the ELBO.
            warmup: share of the training over which the rate's weight grows linearly from 0 to beta.

        Raises:
            TypeError, ValueError: a hyperparameter out of range; the message names it.
        """
        self.sizes = checks.positive_int("groups", groups), checks.positive_int("categories", categories, 2)
        super().__init__(latent_dim=groups * categories, image_shape=image_shape, likelihood=likelihood)
        checks.one_of("prior", prior, ("uniform", "learned"))
        checks.one_of("estimator", estimator, ("gumbel", "straight-through"))
        self.weigh(beta=beta, warmup=warmup)
        self.straight_through = estimator == "straight-through"
        self.temperature = checks.above_zero("temperature", temperature)
        self.smallest_temperature = checks.in_range("smallest_temperature", smallest_temperature, 1e-3, temperature)
        self.cooling = checks.in_range("cooling", cooling, 0)
        self.convolutional = network == "conv"
        self.encoder, self.decoder = autoencoder.make(network, hidden_units, self, self.latent_dim)
        self.prior_logits = LearnedVector(self.latent_dim, name="prior") if prior == "learned" else None

    @property
    def prior(self):
        """p(z), event [K * C]: uniform, or with the logits that were learned."""
        return categorical.codes(self._prior_logits())

    def prior_draws(self, rows):
        """One-hot codes [B, K * C] of the prior, each from its row seed alone."""
        return categorical.drawn(self._prior_logits(), seeds.normal_rows([self.latent_dim], rows))

    def logits(self, image):
        """a(x) of images [B, H, W, C]: [B, K, C]."""
        return tf.reshape(self.encoder(image), [-1, *self.sizes])

    def posterior(self, image):
        """q(z|x) of images [B, H, W, C]: batch [B], event [K * C]."""
        return categorical.codes(self.logits(image))

    def likelihood(self, latent):
        """p(x|z) of codes [..., K * C]: batch [...], event [H, W, C]."""
        return self.pixels(apply(self.decoder, latent))

    def elbo_terms(self, image, noise):
        """Distortion, at one-hot codes, and rate of images [B, H, W, C] under noise [L, B, K * C]; both [B], nats."""
        posterior = self.posterior(image)
        latent = self.reparameterised(posterior, noise)
        distortion = -tf.reduce_mean(self.likelihood(latent).log_prob(image), 0)
        return distortion, tfd.kl_divergence(posterior, self.prior)

    def training_loss(self, batch, seed, step):
        """As `Variational.training_loss`, the distortion at codes that gradients pass: {name: [B]}, nats."""
        image, noise = batch["image"], self.noise(batch, seed)  # [B, K * C]
        logits, tau = self.logits(image), self.temperature_at(step)
        latent = categorical.relaxed(logits, noise, tau)
        if self.straight_through:
            latent += tf.stop_gradient(categorical.drawn(logits, noise) - latent)
        distortion = -self.likelihood(latent).log_prob(image)
        rate = tfd.kl_divergence(categorical.codes(logits), self.prior)
        return {"loss": distortion + self.rate_weight(step) * rate, "distortion": distortion, "rate": rate}

    def temperature_at(self, step):
        """tau at a step."""
        falling = self.temperature * tf.exp(-self.cooling * tf.cast(step, tf.float32))
        return tf.maximum(self.smallest_temperature, falling)

    def reparameterised(self, posterior, noise):
        """One-hot codes of q(z|x) under standard normal noise [..., K * C]."""
        return categorical.drawn(posterior.distribution.distribution.logits, noise)

    def code(self, image):
        """The likeliest code of an image, [B, K * C]."""
        return categorical.one_hot(self.logits(image))

    def serve_encode(self, image):
        """The signature `encode`: images -> the posterior's logits, the groups behind one another."""
        return {"logits": self.encoder(image)}

    def _prior_logits(self):
        return tf.zeros(self.sizes) if self.prior_logits is None else tf.reshape(self.prior_logits.value, self.sizes)


def draw(model, dataset) -> dict:
    """A test image's code, each of the first ten groups swept through its classes in a row of its own."""
    if not len(dataset.test.images):
        return {}
    (groups, categories), image = model.sizes, model.pixels.held_out(dataset.test.images[:1])
    rows, code = min(10, groups), model.code(tf.constant(image, tf.float32)).numpy()
    codes = np.tile(code.reshape(groups, categories), (rows, categories, 1, 1))
    for row in range(rows):
        codes[row, :, row] = np.eye(categories)
    images = model.decode(codes.reshape(rows * categories, -1))
    title = f"{model.entry} on {dataset.name}: the code of a test image, a group a row, swept through its classes"
    return {"classes": figures.grid(images, categories, title, [f"group {row + 1}" for row in range(rows)])}


build = DiscreteVAE
