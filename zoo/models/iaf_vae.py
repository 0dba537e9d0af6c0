"""The variational autoencoder with inverse autoregressive flow of Kingma, Salimans, Jozefowicz, Chen, Sutskever and
Welling 2016, "Improving Variational Inference with Inverse Autoregressive Flow" (arXiv 1606.04934).

    z_0 = mu(x) + sigma(x) * eps,  eps ~ N(0, I)                           equation 8
    (m_t, s_t) = MADE_t(z_{t-1}, h(x)),  gate_t = sigmoid(s_t)             equations 11 to 13
    z_t = gate_t * z_{t-1} + (1 - gate_t) * m_t                            equation 14
    log q(z_T|x) = log N(eps; 0, I) - sum log sigma - sum_t sum log gate_t equation 10

The context h(x) is a third output of the encoder and enters every step; the order of the coordinates is reversed
between steps. The rate has no closed form and is estimated with the sample of the distortion. The networks are residual
and convolutional; `flow_steps=0` is the plain VAE with them. With `prior` p(z) is learned as well (docs/priors.md).

    python -m zoo.train iaf_vae --epochs 15                    test -ELBO 88.14 nats in 556 s
    python -m zoo.train iaf_vae --epochs 15 --flow-steps 0     test -ELBO 89.76 nats
    python -m zoo.train iaf_vae --epochs 130 --batch-size 100 --learning-rate 1e-3 --precision mixed_bfloat16 \
        --clip-norm 30 --channels 32 64 --flow-steps 4 --latent-dim 40 --prior flow --ema 0.999
                                                 81.99 nats in 8,283 s on one core, NLL 79.49; these weights ship

on MNIST, protocol mnist-dynamic, two busy CPU cores unless it says one; last lines of the commands and, for the NLL, of
`python -m zoo.evaluate RUN`; docs/models/iaf_vae.md has more.
"""

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import checks, inputs, seeds
from tfgen.distributions import flows, posteriors, priors
from tfgen.distributions.divergence import kl_divergence
from tfgen.distributions.learned_priors import COMPONENTS, COUPLING_STEPS, COUPLING_WIDTH, Prior
from tfgen.distributions.likelihoods import Likelihood
from tfgen.graphs import graph
from tfgen.models import Autoencoding, LearnedPrior, Model, Variational, signatures
from tfgen.networks import convolutional
from tfgen.networks.common import apply
from tfgen.networks.masked import made

tfd = tfp.distributions

ABOUT = "residual convolutional VAE whose posterior is an inverse autoregressive flow"
PAPERS = {"Kingma, Salimans et al. 2016": "https://arxiv.org/abs/1606.04934"}
OTHERS = {
    "test_neg_elbo": "80.93 in the IAF paper with four steps of width 1,920, 80.80 with eight (dynamic); 84.20 in "
    "the Sylvester-flow paper (static binarisation)",
    "test_nll": "79.17 and 79.10 in the IAF paper (dynamic, K = 128); 78.41 for BIVA, 78.01 for NVAE (dynamic); 80.79 "
    "in the Sylvester-flow paper (static binarisation)",
}

STEPS = 51_540  # 60 epochs of MNIST
BATCH_SIZE = 64
LEARNING_RATE = 2e-3
SMALL = {"latent_dim": 4, "channels": (4, 8), "flow_width": 16, "context_dim": 4}
VARIANTS = ({"flow_steps": 0}, {"prior": "flow", "prior_steps": 3, "prior_width": 16})


class IAFVAE(LearnedPrior, Autoencoding, Variational, Model):
    """p(x|z) p(z) with a posterior that is a flow over a diagonal normal."""

    entry = "iaf_vae"
    convolutional = True

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        likelihood: Likelihood = "bernoulli",
        latent_dim: int = 32,
        channels: tuple[int, ...] = (16, 48),
        flow_steps: int = 2,
        flow_width: int = 640,
        context_dim: int = 64,
        warmup: float = 0.125,
        free_bits: float = 0.0,
        prior: Prior = "normal",
        prior_steps: int = COUPLING_STEPS,
        prior_width: int = COUPLING_WIDTH,
        prior_components: int = COMPONENTS,
    ):
        """Builds the model with fresh weights.

        Args:
            image_shape: height, width and channels of the images.
            likelihood: the distribution of pixels: bernoulli on binarised images; normal with stddev 0.3, one learned
                stddev, or one for each pixel; logistic on the levels of 8 bits. By default bernoulli for grey images,
                logistic for colour.
            latent_dim: dimensions Z of the code.
            channels: of the encoder's stages; further stages have the last number. Mirrored in the decoder.
            flow_steps: steps of the flow; 0 is the plain diagonal posterior.
            flow_width: width of each step's hidden layer.
            context_dim: width of the context h(x) that enters every step.
            warmup: share of the training over which the rate's weight grows linearly from 0 to 1.
            free_bits: an image's rate is not pushed below this number of nats.
            prior: the distribution of the code: normal, or learned with the model: mixture (of normals), vamp (a
                mixture of the posteriors of pseudo-inputs) or flow (RealNVP).
            prior_steps: coupling steps of a flow.
            prior_width: width of the two hidden layers of each coupling step.
            prior_components: the number of normals of a mixture, or of pseudo-inputs of vamp.

        Raises:
            TypeError, ValueError: a hyperparameter out of range; the message names it.
        """
        super().__init__(latent_dim=latent_dim, image_shape=image_shape, likelihood=likelihood)
        channels = convolutional.stage_channels("channels", channels, self.image_shape)
        checks.positive_int("flow_steps", flow_steps, 0, checks.MOST_LAYERS)
        checks.positive_int("flow_width", flow_width)
        checks.positive_int("context_dim", context_dim)
        if prior == "vamp" and flow_steps:
            raise ValueError(
                "prior vamp needs flow_steps 0: the density of a code under each pseudo-input's posterior would take "
                f"{self.latent_dim} passes through the flow; got {flow_steps}"
            )
        self.weigh(warmup=warmup, free_bits=free_bits)
        self.context_dim = context_dim if flow_steps else 0
        self.encoder = convolutional.encoder(self.image_shape, 2 * self.latent_dim + self.context_dim, channels)
        decoder = convolutional.decoder(self.latent_dim, self.pixels.parameter_shape, channels)
        self.decoder = self.pixels.complete(decoder)
        self.flow = [made(self.latent_dim, flow_width, 2, context_dim) for _ in range(flow_steps)]
        self.choose_prior(prior, steps=prior_steps, width=prior_width, components=prior_components)

    @property
    def posterior_density(self) -> bool:
        """A code that the flow did not make itself costs a pass for each of its dimensions."""
        return not self.flow

    def posterior(self, image):
        """q(z|x) of images [B, H, W, C], event [Z]; normal without a flow."""
        parameters, context = tf.split(self.encoder(image), [2 * self.latent_dim, self.context_dim], axis=-1)
        start = posteriors.diagonal_normal(parameters)
        if not self.flow:
            return start
        flow = flows.inverse_autoregressive_flow(start.mean(), start.stddev(), self.flow, context)
        return tfd.TransformedDistribution(priors.standard_normal(self.latent_dim), flow)

    def likelihood(self, latent):
        """p(x|z) of codes [..., Z]: batch [...], event [H, W, C]."""
        return self.pixels(apply(self.decoder, latent))

    def elbo_terms(self, image, noise):
        """Distortion and rate of images [B, H, W, C] under noise [L, B, Z]; both [B], nats."""
        posterior = self.posterior(image)
        latent = posterior.bijector.forward(noise)  # z_T, [L, B, Z]
        distortion = -tf.reduce_mean(self.likelihood(latent).log_prob(image), 0)
        rate = kl_divergence(posterior, self.prior, latent)
        return distortion, rate

    def encode(self, image, *, seed=None):
        """A sample of q(z|x) and its log-density, which has no mean and stddev in closed form under a flow.

        Args:
            image: [B, H, W, C], uint8 in 0..255, bool, or float in [0, 1].
            seed: an int, B row seeds, or None for fresh ones.

        Returns:
            (latent [B, Z], log_density [B], nats).
        """
        image = self.images(image)
        answer = self.by_row(self._draw_posterior, image, tf.constant(inputs.row_seeds(seed, len(image))))
        return answer["latent"], answer["log_density"]

    def serve_encode(self, image, seed):
        """The signature `encode`: z_i ~ q(z|x_i) from row seed i (int64 [B]) alone, and log q(z_i|x_i)."""
        return self.serve_encode_noise(image, seeds.normal_rows([self.latent_dim], seed))

    def serve_encode_noise(self, image, noise):
        """The same from the noise [B, Z] that a seed draws."""
        posterior = self.posterior(image)
        latent = posterior.bijector.forward(noise)
        return {"latent": latent, "log_density": posterior.log_prob(latent)}

    def signatures(self, score_samples: int = 64):
        """As `Variational.signatures`, where `encode` draws from the posterior."""
        served = super().signatures(score_samples)
        drawn = {"latent": signatures.vectors(self.latent_dim), "log_density": signatures.NUMBER}
        asked = {**served["encode"].inputs, "seed": signatures.SEED}
        return served | {"encode": signatures.Signature(self.serve_encode, asked, drawn)}

    def seedless_signatures(self):
        """As `Model.seedless_signatures`: `encode` of images and noise."""
        encode = self.signatures()["encode"]
        asked = {"image": encode.inputs["image"], "noise": signatures.vectors(self.latent_dim)}
        return {"encode": signatures.Signature(self.serve_encode_noise, asked, encode.outputs)}

    @graph
    def _draw_posterior(self, image, seed):
        return self.serve_encode(image, seed)


build = IAFVAE
