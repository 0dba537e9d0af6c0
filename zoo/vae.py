"""The variational autoencoder of Kingma and Welling 2014, "Auto-Encoding Variational Bayes" (arXiv 1312.6114).

    p(z)   = N(0, I)                                        prior
    q(z|x) = N(mu(x), diag(sigma(x)^2))                     posterior, one network for both
    p(x|z) = prod_i Bernoulli(x_i; sigmoid(f_i(z)))         likelihood

    -ELBO(x) = E_q[-log p(x|z)] + KL(q(z|x) || p(z))        distortion + rate, in nats (equation 3)

The expectation is estimated with L samples z = mu + sigma * eps, eps ~ N(0, I) (equation 4), the KL is in closed form
(appendix B). With `covariance="full"` the posterior is N(mu, L L^T), z = mu + L eps, L lower triangular (Kingma and
Welling 2019, section 2.5.1). With `beta` the rate weighs beta (Higgins et al. 2017).

    python -m zoo.train vae                                          test -ELBO 92.96 nats in 321 s
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

import keras

from tfgen import Autoencoding, Model, Variational, checks, distributions, figures, networks

EPOCHS = 65
BATCH_SIZE = 200
LEARNING_RATE = 2e-3


class VAE(Autoencoding, Variational, Model):
    """p(x|z) p(z) with the amortised posterior q(z|x)."""

    entry = "vae"

    def __init__(self, latent_dim, network, hidden_units, beta, warmup, samples, covariance):
        super().__init__(latent_dim)
        self.convolutional = network == "conv"
        self.beta, self.warmup_share, self.samples, self.covariance = beta, warmup, samples, covariance
        spread = latent_dim if covariance == "diagonal" else latent_dim * (latent_dim + 1) // 2
        self.encoder = networks.encoder(network, latent_dim + spread, hidden_units)
        self.decoder = networks.decoder(network, latent_dim, hidden_units)

    def posterior(self, image):
        """q(z|x) of images [B, 28, 28, 1]: batch [B], event [Z]."""
        parameters = self.encoder(image)
        if self.covariance == "full":
            return distributions.full_normal(parameters, self.latent_dim)
        return distributions.diagonal_normal(parameters)

    def likelihood(self, latent):
        """p(x|z) of codes [..., Z]: batch [...], event [28, 28, 1]."""
        return distributions.bernoulli_image(networks.apply(self.decoder, latent))

    def training_loss(self, batch, seed, step):
        """-ELBO with L samples and the rate weighed: {"loss", "distortion", "rate"}, each [B], nats."""
        noise = self.noise(batch, seed, self.samples)  # [L, B, Z]
        distortion, rate = self.elbo_terms(batch["image"], noise)
        weight = self.beta * self.warmup(step)
        return {"loss": distortion + weight * rate, "distortion": distortion, "rate": rate}


def build(
    *,
    latent_dim: int = 25,
    network: networks.Network = "dense",
    hidden_units: tuple[int, ...] = (),
    beta: float = 1.0,
    warmup: float = 0.15,
    samples: int = 1,
    covariance: Literal["diagonal", "full"] = "diagonal",
) -> VAE:
    """Builds the model with fresh weights.

    Args:
        latent_dim: dimensions Z of the code.
        network: fully connected, or residual and convolutional.
        hidden_units: widths of the hidden layers, 500 500 by default, or channels of the two convolutional stages, 32
            64 by default; mirrored in the decoder.
        beta: weight of the rate in the loss; 1 is the ELBO.
        warmup: share of the training over which the rate's weight grows linearly from 0 to beta.
        samples: Monte Carlo samples L of the distortion.
        covariance: of the posterior: diagonal, or full with z = mu + L eps.

    Raises:
        TypeError, ValueError: a hyperparameter out of range; the message names it.
    """
    checks.positive_int("latent_dim", latent_dim)
    hidden_units = networks.check(network, hidden_units)
    checks.in_range("beta", beta, 0)
    checks.in_range("warmup", warmup, 0, 1)
    checks.positive_int("samples", samples)
    checks.one_of("covariance", covariance, ("diagonal", "full"))
    return VAE(latent_dim, network, hidden_units, beta, warmup, samples, covariance)


def compile_model(model: VAE, *, learning_rate: float, steps: int | None) -> None:
    """Gives the model its optimiser: Adam, its step size falling to zero along half a cosine over `steps`, if given."""
    model.anneal(keras.optimizers.Adam, learning_rate, steps)


def draw(model: VAE, dataset) -> dict:
    """The figures of a trained model, by name."""
    return figures.of_autoencoder(model, dataset.test)
