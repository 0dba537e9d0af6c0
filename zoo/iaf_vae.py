"""The variational autoencoder with inverse autoregressive flow of Kingma, Salimans, Jozefowicz, Chen, Sutskever and
Welling 2016, "Improving Variational Inference with Inverse Autoregressive Flow" (arXiv 1606.04934).

    z_0 = mu(x) + sigma(x) * eps,  eps ~ N(0, I)                           equation 8
    (m_t, s_t) = MADE_t(z_{t-1}, h(x)),  gate_t = sigmoid(s_t)             equations 11 to 13
    z_t = gate_t * z_{t-1} + (1 - gate_t) * m_t                            equation 14
    log q(z_T|x) = log N(eps; 0, I) - sum log sigma - sum_t sum log gate_t equation 10

The context h(x) is a third output of the encoder and enters every step; the order of the coordinates is reversed
between steps. The rate has no closed form and is estimated with the same sample as the distortion. The networks are
residual and convolutional; `flow_steps=0` is the plain VAE with the same networks.

    python -m zoo.train iaf_vae --epochs 15                    test -ELBO 88.14 nats in 556 s
    python -m zoo.train iaf_vae --epochs 15 --flow-steps 0     test -ELBO 89.76 nats
    python -m zoo.train iaf_vae --epochs 70 --batch-size 100 --learning-rate 1e-3 --precision mixed_bfloat16 \
        --clip-norm 30 --cycles 4 --channels 32 64 --flow-steps 4 --flow-width 1920
                                                               test -ELBO 83.28 nats in 14,974 s; these weights ship,
                                                               NLL 80.45 (python -m zoo.evaluate iaf_vae)

on MNIST, protocol mnist-dynamic, two CPU cores that did other work meanwhile, three quarters of the last on one of
them; last lines of the commands. One cycle of the last ends at 84.25 after 3,871 s, two at 83.54, three at 83.32. A
wide flow wants clipped gradients and a smaller step size: with the recipe's and none clipped it diverged in epoch 13.
"""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import Autoencoding, Model, Variational, checks, distributions, figures, flows, networks, seeds
from tfgen.graphs import graph

EPOCHS = 60
BATCH_SIZE = 64
LEARNING_RATE = 2e-3


class IAFVAE(Autoencoding, Variational, Model):
    """p(x|z) p(z) with a posterior that is a flow over a diagonal normal."""

    entry = "iaf_vae"
    convolutional = True

    def __init__(self, latent_dim, channels, flow_steps, flow_width, context_dim, warmup, free_bits):
        super().__init__(latent_dim)
        self.warmup_share, self.free_bits = warmup, free_bits
        self.context_dim = context_dim if flow_steps else 0
        self.encoder = networks.conv_encoder(2 * latent_dim + self.context_dim, channels)
        self.decoder = networks.conv_decoder(latent_dim, channels[::-1])
        self.flow = [flows.made(latent_dim, flow_width, 2, context_dim) for _ in range(flow_steps)]

    def posterior(self, image):
        """q(z|x) of images [B, 28, 28, 1], event [Z]; normal without a flow."""
        parameters, context = tf.split(self.encoder(image), [2 * self.latent_dim, self.context_dim], axis=-1)
        start = distributions.diagonal_normal(parameters)
        if not self.flow:
            return start
        flow = flows.inverse_autoregressive_flow(start.mean(), start.stddev(), self.flow, context)
        return tfp.distributions.TransformedDistribution(self.prior, flow)

    def encode(self, image, *, seed=None):
        """A sample of q(z|x) and its log-density, which has no mean and stddev in closed form under a flow.

        Args:
            image: [B, 28, 28, 1], uint8 in 0..255, bool, or float in [0, 1].
            seed: an int, B row seeds, or None for fresh ones.

        Returns:
            (latent [B, Z], log_density [B], nats).
        """
        image = checks.images(image)
        return self._by_row(self._draw_posterior, image, tf.constant(seeds.row_seeds(seed, len(image))))

    def draw_posterior(self, image, rows):
        """z_i ~ q(z|x_i) from row seed i (int64 [B]) alone, [B, Z], and log q(z_i|x_i), [B]; images in [0, 1]."""
        posterior = self.posterior(image)
        latent = posterior.bijector.forward(seeds.normal_rows([self.latent_dim], rows))
        return latent, posterior.log_prob(latent)

    @graph
    def _draw_posterior(self, image, rows):
        return self.draw_posterior(image, rows)

    def likelihood(self, latent):
        """p(x|z) of codes [..., Z]: batch [...], event [28, 28, 1]."""
        return distributions.bernoulli_image(networks.apply(self.decoder, latent))

    def rate(self, posterior, latent):
        """KL(q(z|x) || p(z)) [B], nats: log q(z|x) - log p(z) at the flow's own sample; in closed form without flow."""
        if not self.flow:
            return super().rate(posterior, latent)
        return tf.reduce_mean(posterior.log_prob(latent) - self.prior.log_prob(latent), 0)

    def training_loss(self, batch, seed, step):
        """-ELBO with one sample, the rate warmed up and held above the free bits: each [B], nats."""
        noise = self.noise(batch, seed, 1)  # [1, B, Z]
        distortion, rate = self.elbo_terms(batch["image"], noise)
        weighed = tf.maximum(rate, self.free_bits) if self.free_bits else rate
        return {"loss": distortion + self.warmup(step) * weighed, "distortion": distortion, "rate": rate}


def build(
    *,
    latent_dim: int = 32,
    channels: tuple[int, int] = (16, 48),
    flow_steps: int = 2,
    flow_width: int = 640,
    context_dim: int = 64,
    warmup: float = 0.125,
    free_bits: float = 0.0,
) -> IAFVAE:
    """Builds the model with fresh weights.

    Args:
        latent_dim: dimensions Z of the code.
        channels: of the encoder's two stages, mirrored in the decoder.
        flow_steps: steps of the flow; 0 is the plain diagonal posterior.
        flow_width: width of each step's hidden layer.
        context_dim: width of the context h(x) that enters every step.
        warmup: share of the training over which the rate's weight grows linearly from 0 to 1.
        free_bits: nats below which an image's rate is not pushed.

    Raises:
        TypeError, ValueError: a hyperparameter out of range; the message names it.
    """
    checks.positive_int("latent_dim", latent_dim)
    channels = checks.positive_ints("channels", channels, count=2)
    checks.positive_int("flow_steps", flow_steps, 0)
    checks.positive_int("flow_width", flow_width)
    checks.positive_int("context_dim", context_dim)
    checks.in_range("warmup", warmup, 0, 1)
    checks.in_range("free_bits", free_bits, 0)
    return IAFVAE(latent_dim, channels, flow_steps, flow_width, context_dim, warmup, free_bits)


def compile_model(model: IAFVAE, *, learning_rate: float, steps: int | None) -> None:
    """Gives the model its optimiser: Adam, its step size falling to zero along half a cosine over `steps`, if given."""
    model.anneal(keras.optimizers.Adam, learning_rate, steps)


def draw(model: IAFVAE, dataset) -> dict:
    """The figures of a trained model, by name."""
    return figures.of_autoencoder(model, dataset.test)
