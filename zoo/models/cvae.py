"""The conditional variational autoencoder of Kingma, Rezende, Mohamed and Welling 2014, "Semi-supervised Learning with
Deep Generative Models" (arXiv 1406.5298, model M2 with every label seen), after Sohn, Lee and Yan 2015.

    p(z)     = N(0, I)                                      prior, the same for every class
    q(z|x,y) = N(mu(x, y), diag(sigma(x, y)^2))             posterior
    p(x|z,y) = prod_i Bernoulli(x_i; sigmoid(f_i(z, y)))    likelihood

    -ELBO(x|y) = E_q[-log p(x|z,y)] + KL(q(z|x,y) || p(z))  nats, a bound on -log p(x|y)

The label y enters both networks as a one-hot vector, so the code z is left with the style. With `beta` the rate weighs
beta (Higgins et al. 2017). With `prior` p(z) is learned as well, and the KL is estimated with the sample
(docs/priors.md). A flow is told the class, as in Sohn et al.:

    p(z|y): z = f(e; y), e ~ N(0, I)                        and the code is e

    python -m zoo.train cvae                                       test -ELBO given the digit 88.32 nats in 390 s
    python -m zoo.train cvae --network conv --prior flow --warmup 0.15 --batch-size 100 --precision mixed_bfloat16 \
        --ema 0.999 --epochs 34                                    80.14 nats in 1,603 s; these weights ship: 99.5 % of
                                                                   samples are recognised as the digit asked for,
                                                                   where the first's are to 97.1 %

on MNIST, protocol mnist-dynamic, two CPU cores that did other work meanwhile, the second on one of them; last lines of
the commands and of `python -m zoo.evaluate RUN`.
"""

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.distributions import posteriors, priors
from tfgen.distributions.divergence import kl_divergence
from tfgen.distributions.learned_priors import COMPONENTS, COUPLING_STEPS, COUPLING_WIDTH, Prior
from tfgen.distributions.likelihoods import Likelihood
from tfgen.models import Autoencoding, LearnedPrior, Model, Variational
from tfgen.networks import autoencoder
from tfgen.networks.common import Network, apply, one_hot

tfb, tfd = tfp.bijectors, tfp.distributions

ABOUT = "conditional VAE: you choose the digit"
PAPERS = {
    "Kingma et al. 2014": "https://arxiv.org/abs/1406.5298",
    "Sohn et al. 2015": "https://papers.nips.cc/paper/5775",
}
OTHERS = {}

STEPS = 22_000  # 80 epochs of MNIST
BATCH_SIZE = 200
LEARNING_RATE = 2e-3
SMALL = {"latent_dim": 3, "hidden_units": (32,)}
VARIANTS = (
    {"network": "conv", "hidden_units": (4, 8)},
    {"prior": "flow", "prior_steps": 3, "prior_width": 16},
    {"prior": "vamp", "prior_components": 12},
)


class CVAE(LearnedPrior, Autoencoding, Variational, Model):
    """p(x|z,y) p(z) with the amortised posterior q(z|x,y)."""

    entry = "cvae"
    conditional = told_flow = posterior_density = True

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        classes: int | tuple[str, ...] = 10,
        likelihood: Likelihood = "bernoulli",
        latent_dim: int = 35,
        network: Network = "dense",
        hidden_units: tuple[int, ...] = (),
        beta: float = 1.0,
        warmup: float = 0.0,
        free_bits: float = 0.0,
        prior: Prior = "normal",
        prior_steps: int = COUPLING_STEPS,
        prior_width: int = COUPLING_WIDTH,
        prior_components: int = COMPONENTS,
    ):
        """Builds the model with fresh weights.

        Args:
            image_shape: height, width and channels of the images.
            classes: the number of classes, or their names.
            likelihood: the distribution of pixels: bernoulli on binarised images; normal with stddev 0.3, one learned
                stddev, or one for each pixel; logistic on the levels of 8 bits. By default bernoulli for grey images,
                logistic for colour.
            latent_dim: dimensions Z of the code.
            network: fully connected, or residual and convolutional.
            hidden_units: widths of the hidden layers, 500 500 by default, or channels of the convolutional stages, 32
                64 by default; further stages have the last number. Mirrored in the decoder.
            beta: weight of the rate in the loss; 1 is the ELBO.
            warmup: share of the training over which the rate's weight grows linearly from 0 to beta.
            free_bits: an image's rate is not pushed below this number of nats.
            prior: the distribution of the code: normal, or learned with the model: mixture (of normals), vamp (a
                mixture of the posteriors of pseudo-inputs) or flow (RealNVP, which is told the class).
            prior_steps: coupling steps of a flow.
            prior_width: width of the two hidden layers of each coupling step.
            prior_components: the number of normals of a mixture, or of pseudo-inputs of vamp.

        Raises:
            TypeError, ValueError: a hyperparameter out of range; the message names it.
        """
        super().__init__(latent_dim=latent_dim, image_shape=image_shape, classes=classes, likelihood=likelihood)
        self.weigh(beta=beta, warmup=warmup, free_bits=free_bits)
        self.convolutional = network == "conv"
        self.encoder, self.decoder = autoencoder.make(network, hidden_units, self, 2 * self.latent_dim, labelled=True)
        self.choose_prior(prior, steps=prior_steps, width=prior_width, components=prior_components)
        self.has_flow = self.told_flow and prior == "flow"
        if self.has_flow:
            self.encoding = ("latent",)  # the posterior of e has no mean and stddev in closed form

    def encoded(self, image, label):
        """q(z|x,y) of images [B, H, W, C] and labels [B]: batch [B], event [Z]."""
        return posteriors.diagonal_normal(self.encoder([image, tf.one_hot(label, len(self.class_names))]))

    def decoded(self, latent, label):
        """p(x|z,y) of z [..., B, Z] and labels [B]: batch [..., B], event [H, W, C]."""
        vectors = one_hot(label, tf.shape(latent)[:-1], len(self.class_names))
        return self.pixels(apply(self.decoder, latent, vectors))

    def elbo_terms(self, image, noise, label):
        """Distortion and rate of images [B, H, W, C] and labels [B] under noise [L, B, Z]; both [B], nats."""
        posterior, prior, likelihood = self.joint(image, label)
        latent = posterior.bijector.forward(noise)  # z = mu + sigma * eps, [L, B, Z]
        distortion = -tf.reduce_mean(likelihood(latent).log_prob(image), 0)
        rate = kl_divergence(posterior, prior, latent)
        return distortion, rate

    def joint(self, image, label):
        """q(z|x,y), p(z) or under a flow p(z|y), and p(x|z,y) as a function of z [..., B, Z]."""
        prior = self.learned_prior.given(label) if self.has_flow else self.prior
        return self.encoded(image, label), prior, lambda latent: self.decoded(latent, label)

    # What users call a code is z, or under a flow, z = f(e; y), the noise e: it says nothing of the class.

    def posterior(self, image, label):
        """q of the code of images [B, H, W, C] and labels [B]: batch [B], event [Z]."""
        encoded = self.encoded(image, label)
        if not self.has_flow:
            return encoded
        to_code = tfb.Chain([tfb.Invert(self.learned_prior.flow(label)), encoded.bijector])
        return tfd.TransformedDistribution(priors.standard_normal(self.latent_dim), to_code)

    def likelihood(self, latent, label):
        """p(x|code,y) of codes [..., B, Z] and labels [B]: batch [..., B], event [H, W, C]."""
        return self.decoded(self.learned_prior.flow(label).forward(latent) if self.has_flow else latent, label)

    def serve_encode(self, image, **condition):
        """The signature `encode`: mean and stddev of the code's posterior, or under a flow the code of its mean."""
        if not self.has_flow:
            return super().serve_encode(image, **condition)
        return {"latent": self.code(image, **condition)}


build = CVAE
