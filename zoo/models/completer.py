"""The conditional variational autoencoder of whole images given damaged ones, after Sohn, Lee and Yan 2015, "Learning
Structured Output Representation using Deep Conditional Generative Models" (NIPS 2015), whose prior is learned.

    p(z|c)   = N(m(c), diag(s(c)^2))                        prior, c the damaged image
    p(x|z,c) = prod_i p(x_i | f_i(z, c))                    likelihood, i over the pixels that c does not tell
    q(z|x,c) = N(m(c) + s(c) mu(x,c), diag(s(c) sigma(x,c))^2)

    -ELBO(x|c) = E_q[-log p(x|z,c)] + KL(q(z|x,c) || p(z|c))          nats, a bound on -log p(x|c)

The posterior is given relative to the prior (Vahdat and Kautz 2020, section 3.2). So with z = m(c) + s(c) e the code of
the model is e, its prior N(0, I), its posterior N(mu, diag(sigma^2)), and the KL is the same. A pixel that is seen has
the probability 1. `--damage` says what is left of an image (`tfgen.distributions.damage`); the likelihood `bernoulli`
is the cross-entropy of grey levels, since a binarised image could not be denoised.

    python -m zoo.train completer --damage quadrants:1              test -ELBO of the missing pixels 71.21 nats in 331 s
    python -m zoo.train completer --damage quadrants:2 --epochs 12                                            48.07 nats
    python -m zoo.train completer --damage quadrants:3 --learning-rate 0.002 --epochs 5                       21.85 nats

on MNIST, protocol mnist-grey, one CPU core beside other work; last lines of the commands.
"""

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.distributions import damage as damages
from tfgen.distributions import likelihoods, posteriors
from tfgen.distributions.divergence import kl_divergence
from tfgen.distributions.likelihoods import Likelihood
from tfgen.evaluation import pictures
from tfgen.models import Completing, Model, Variational
from tfgen.networks import completing
from tfgen.networks.common import Network

tfd = tfp.distributions

ABOUT = "completes, denoises, enlarges or colours images: a conditional VAE of the whole image given the damaged one"
PAPERS = {"Sohn et al. 2015": "https://papers.nips.cc/paper/5775"}
OTHERS = {"test_neg_elbo": "71.8, 51.0, 24.2 with 1, 2, 3 quadrants seen in Pyro's tutorial on conditional VAEs"}

STEPS = 8_800  # 16 epochs of MNIST
BATCH_SIZE = 100
LEARNING_RATE = 1.5e-3
SMALL = {"latent_dim": 3, "hidden_units": (32,)}
VARIANTS = (
    {"damage": "holes", "network": "conv", "hidden_units": (4, 8)},
    {"damage": "gaussian:0.1-0.5"},
    {"damage": "blocks:4", "likelihood": "logistic"},
)


class Completer(Completing, Variational, Model):
    """p(x|z,c) p(z|c) with the amortised posterior q(z|x,c)."""

    entry = "completer"

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        likelihood: Likelihood = "bernoulli",
        damage: str = "quadrants:1",
        latent_dim: int = 50,
        network: Network = "dense",
        hidden_units: tuple[int, ...] = (),
        beta: float = 1.0,
        warmup: float = 0.5,
        samples: int = 1,
        free_bits: float = 0.0,
    ):
        """Builds the model with fresh weights.

        Args:
            image_shape: height, width and channels of the images.
            likelihood: of pixels: bernoulli, the cross-entropy of levels; normal with stddev 0.3, one learned stddev,
                or one for each pixel; logistic on the levels of 8 bits. By default bernoulli for grey images, logistic
                for colour.
            damage: what is left of an image: quadrants:1, 2 or 3, half, random:P, holes, gaussian:S, salt:P, blocks:K
                or grey; P and S may be a range such as 0.1-0.5.
            latent_dim: dimensions Z of the code.
            network: fully connected, or residual and convolutional with feature maps of the damaged image at every
                resolution.
            hidden_units: widths of the hidden layers, 500 500 by default, or channels of the convolutional stages, 32
                64 by default; further stages have the last number. Mirrored in the decoder.
            beta: weight of the rate in the loss; 1 is the ELBO.
            warmup: share of the training over which the rate's weight grows linearly from 0 to beta. Without it the
                decoder learns to use only the damaged image.
            samples: the number L of samples of the code in the estimate of the distortion.
            free_bits: an image's rate is not pushed below this number of nats.

        Raises:
            TypeError, ValueError: a hyperparameter out of range; the message names it.
        """
        super().__init__(latent_dim=latent_dim, image_shape=image_shape, likelihood=likelihood)
        if likelihood == "bernoulli":
            self.pixels = likelihoods.BernoulliLevels(self.image_shape)
        self.choose_damage(damage)
        self.weigh(beta=beta, warmup=warmup, samples=samples, free_bits=free_bits)
        self.convolutional = network == "conv"
        seen = self.damage.shape[-1] + self.damage.hides
        self.context, self.encoder, self.decoder = completing.make(
            network, hidden_units, self.latent_dim, self.image_shape, seen, self.pixels
        )

    def posterior(self, image, damaged):
        """q(e|x,c) of images [B, H, W, C] and damaged ones [B, *damage.shape]: batch [B], event [Z]."""
        return posteriors.diagonal_normal(self.encoder(tf.concat([image, self.damage.view(damaged)], -1)))

    def parameters(self, latent, damaged):
        """Raw parameters of pixels [..., B, H, W, P] from codes e [..., B, Z] and damaged images [B, *damage.shape]."""
        raw, *features = self.context(self.damage.view(damaged))
        prior = posteriors.diagonal_normal(raw)
        latent = prior.mean() + prior.stddev() * latent  # z = m(c) + s(c) e
        leading = tf.shape(latent)[:-2]
        copies = [tf.broadcast_to(each, tf.concat([leading, tf.shape(each)], 0)) for each in features]
        flat = [tf.reshape(each, [-1, *shape.shape[1:]]) for each, shape in zip(copies, features, strict=True)]
        outputs = self.decoder([tf.reshape(latent, [-1, self.latent_dim]), *flat])
        raw = tf.reshape(outputs, tf.concat([tf.shape(latent)[:-1], tf.shape(outputs)[1:]], 0))
        # Colours are told relative to the grey level, which no network then has to copy.
        return self.pixels.around(raw, damaged) if self.damage.kind == "grey" else raw

    def likelihood(self, latent, damaged):
        """p(x|z,c) of codes e [..., B, Z]: batch [..., B], event [H, W, C]; pixels that are seen are certain."""
        pixels = self.pixels(self.parameters(latent, damaged))
        if not self.damage.hides:
            return pixels
        blank = lambda pixels: tf.zeros(pixels.batch_shape_tensor())  # noqa: E731 (in place of draws, which would be idle)
        return tfd.Independent(tfd.Masked(pixels.distribution, self.damage.missing(damaged) > 0, blank), 3)

    def restored(self, latent, damaged):
        """The mean of p(x|z,c), [B, H, W, C], of codes e [B, Z] and damaged images."""
        return self.pixels(self.parameters(latent, damaged)).mean()

    def elbo_terms(self, image, noise, damaged):
        """Distortion and rate of images [B, H, W, C] under noise [L, B, Z]; both [B], nats."""
        posterior = self.posterior(image, damaged)
        latent = posterior.bijector.forward(noise)  # e = mu + sigma * eps, [L, B, Z]
        distortion = -tf.reduce_mean(self.likelihood(latent, damaged).log_prob(image), 0)
        rate = kl_divergence(posterior, self.prior, latent)
        return distortion, rate


def draw(model, dataset) -> dict:
    """Test images, what is left of them, and four completions of each."""
    images = pictures.shown(model, dataset)
    if not len(images):
        return {}
    damaged = model.damaged(images, seed=0)
    seen = model.damage.enlarged(tf.constant(damaged)) if damaged.shape[1] != images.shape[1] else damaged
    seen = tf.broadcast_to(tf.where(seen == damages.MISSING, 0.5, seen), images.shape)
    rows = [images, seen, *(model.complete(damaged, seed=seed) for seed in range(4))]
    return {"completions": pictures.columns(rows, f"{pictures.title(model, dataset)}: test images, damaged, completed")}


build = Completer
