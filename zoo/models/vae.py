"""The variational autoencoder of Kingma and Welling 2014, "Auto-Encoding Variational Bayes" (arXiv 1312.6114).

    p(z)   = N(0, I)                                        prior
    q(z|x) = N(mu(x), diag(sigma(x)^2))                     posterior, one network for both
    p(x|z) = prod_i Bernoulli(x_i; sigmoid(f_i(z)))         likelihood

    -ELBO(x) = E_q[-log p(x|z)] + KL(q(z|x) || p(z))        distortion + rate, in nats (equation 3)

The expectation is estimated with L samples z = mu + sigma * eps, eps ~ N(0, I) (equation 4), the KL is in closed form
(appendix B). With `covariance="full"` the posterior is N(mu, L L^T), z = mu + L eps, L lower triangular (Kingma and
Welling 2019, section 2.5.1). With `beta` the rate weighs beta (Higgins et al. 2017). With `prior` p(z) is learned as
well, and the KL is estimated with the sample (docs/priors.md).

    python -m zoo.train vae                                          test -ELBO 92.95 nats in 395 s
    python -m zoo.train vae --latent-dim 2                           test -ELBO 135.83 nats
    python -m zoo.train vae --latent-dim 2 --hidden-units 500 500 500 --epochs 80
                                                                     test -ELBO 134.34 nats in 566 s
    python -m zoo.train vae --hidden-units 300 300 --epochs 300      test -ELBO 91.33 nats in 661 s; these weights ship,
                                                                     NLL 86.86 (python -m zoo.evaluate vae)
    python -m zoo.train vae --network conv --epochs 90 --batch-size 100 --precision mixed_bfloat16
                                                                     test -ELBO 86.38 nats in 5,792 s, NLL 82.33

on MNIST, protocol mnist-dynamic, two CPU cores; those whose command fills its line on one of them, beside other work.
Last lines of the commands and of `python -m zoo.evaluate RUN`.
"""

from typing import Literal

import tensorflow as tf

from tfgen import checks
from tfgen.distributions import posteriors
from tfgen.distributions.divergence import kl_divergence
from tfgen.distributions.learned_priors import COMPONENTS, COUPLING_STEPS, COUPLING_WIDTH, Prior
from tfgen.distributions.likelihoods import Likelihood
from tfgen.models import Autoencoding, LearnedPrior, Model, Variational
from tfgen.networks import autoencoder
from tfgen.networks.common import Network, apply

ABOUT = "variational autoencoder; diagonal or full-covariance posterior, beta, dense or convolutional"
PAPERS = {"Kingma and Welling 2014": "https://arxiv.org/abs/1312.6114"}
OTHERS = {
    "test_neg_elbo": "84.62 for a convolutional VAE, 80.34 with a RealNVP prior (arXiv 1905.13452, latent 40, dynamic)",
    "test_nll": "84.45 for a VAE of two layers of 300, 82.43 with a VampPrior, 82.09 for the Exemplar VAE "
    "(arXiv 2004.04795, dynamic, K = 5000); 86.76 in the IWAE paper (dynamic, K = 5000)",
}

STEPS = 17_875  # 65 epochs of MNIST
BATCH_SIZE = 200
LEARNING_RATE = 2e-3
SMALL = {"latent_dim": 3, "hidden_units": (32,)}
VARIANTS = (
    {"network": "conv", "hidden_units": (4, 8)},
    {"covariance": "full", "samples": 2},
    {"prior": "flow", "prior_steps": 3, "prior_width": 16},
    {"prior": "mixture", "prior_components": 5},
    {"prior": "vamp", "prior_components": 5, "covariance": "full"},
)


class VAE(LearnedPrior, Autoencoding, Variational, Model):
    """p(x|z) p(z) with the amortised posterior q(z|x)."""

    entry = "vae"

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        likelihood: Likelihood = "bernoulli",
        latent_dim: int = 25,
        network: Network = "dense",
        hidden_units: tuple[int, ...] = (),
        beta: float = 1.0,
        warmup: float = 0.15,
        samples: int = 1,
        covariance: Literal["diagonal", "full"] = "diagonal",
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
            network: fully connected, or residual and convolutional.
            hidden_units: widths of the hidden layers, 500 500 by default, or channels of the convolutional stages, 32
                64 by default; further stages have the last number. Mirrored in the decoder.
            beta: weight of the rate in the loss; 1 is the ELBO.
            warmup: share of the training over which the rate's weight grows linearly from 0 to beta.
            samples: the number L of samples of the code in the estimate of the distortion.
            covariance: of the posterior: diagonal, or full with z = mu + L eps.
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
        checks.one_of("covariance", covariance, ("diagonal", "full"))
        self.weigh(beta=beta, warmup=warmup, samples=samples, free_bits=free_bits)
        self.convolutional, self.covariance = network == "conv", covariance
        self.encoder, self.decoder = autoencoder.make(
            network, hidden_units, self, posteriors.outputs(self.latent_dim, covariance)
        )
        self.choose_prior(prior, steps=prior_steps, width=prior_width, components=prior_components)

    def posterior(self, image):
        """q(z|x) of images [B, H, W, C]: batch [B], event [Z]."""
        parameters = self.encoder(image)
        if self.covariance == "full":
            return posteriors.full_normal(parameters, self.latent_dim)
        return posteriors.diagonal_normal(parameters)

    def likelihood(self, latent):
        """p(x|z) of codes [..., Z]: batch [...], event [H, W, C]."""
        return self.pixels(apply(self.decoder, latent))

    def elbo_terms(self, image, noise):
        """Distortion and rate of images [B, H, W, C] under noise [L, B, Z]; both [B], nats."""
        posterior = self.posterior(image)
        latent = posterior.bijector.forward(noise)  # z = mu + sigma * eps, [L, B, Z]
        distortion = -tf.reduce_mean(self.likelihood(latent).log_prob(image), 0)
        rate = kl_divergence(posterior, self.prior, latent)
        return distortion, rate


build = VAE
