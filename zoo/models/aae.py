"""The adversarial autoencoder of Makhzani, Shlens, Jaitly, Goodfellow and Frey 2015 (arXiv 1511.05644).

    q(z) = E_x[q(z|x)]                       aggregated posterior, to be matched to any prior p(z)

Each minibatch passes three phases, each with its own optimiser (section 2):

    reconstruction   decoder          min  E_q[-log p(x|z)]
    discriminator    discriminator    min -E_p[log D(z)] - E_q[log (1 - D(z))] + gamma R(D)
    generator        encoder          min  E_q[-log p(x|z)] - lambda E_q[log D(z)]

    R(D) = (E_p[|grad l(z)|^2] + E_q[|grad l(z)|^2]) / 2,  D = sigmoid(l)           `losses.gradient_penalty`

In the paper the encoder takes two steps; why it takes one here, down the sum of both losses, and what else was tried:
docs/models/aae.md. The posterior is normal or deterministic (its only noise is the data's); the prior is N(0, I) or one
2-D normal a class, petals around the origin, whose label the discriminator is told (section 2.3, figure 4).

    python -m zoo.train aae                                          Parzen score 336.4 +- 1.9 in 1,411 s
    python -m zoo.train aae --latent-dim 6 --epochs 60 --cycles 3 --gradient-penalty 0.03
                                                                     343.1 +- 2.1 in 5,946 s; these weights ship

on MNIST under 46 bandwidths (under Goodfellow's own ten the second has 339.1 +- 1.7), on one of two CPU cores beside
other work; last lines of the command and of `python -m zoo.evaluate RUN`.
"""

from typing import ClassVar, Literal

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import checks, seeds
from tfgen.distributions import posteriors, priors
from tfgen.distributions.likelihoods import Likelihood
from tfgen.graphs import graph
from tfgen.models import Autoencoding, Matching, Model, losses
from tfgen.networks import dense
from tfgen.networks.common import apply

tfd = tfp.distributions

ABOUT = "adversarial autoencoder: any prior that can be sampled"
PAPERS = {"Makhzani et al. 2015": "https://arxiv.org/abs/1511.05644"}
OTHERS = {
    "parzen": "340 ± 2 in the AAE paper (the same ten bandwidths)",
    "parzen_fine": "345 ± 1.94 for an AAE in PaddlePaddle, 298 ± 1.71 there for the model of PyTorch-GAN (README of "
    "keil555/AAE_paddle; 20 bandwidths from 0.1 to 0.5)",
}

STEPS = 11_000  # 40 epochs of MNIST
BATCH_SIZE = 200
LEARNING_RATE = 2e-3
SMALL = {"latent_dim": 3, "hidden_units": (32,)}
VARIANTS = ({"posterior": "deterministic", "likelihood": "normal"}, {"latent_dim": 2, "prior": "petals"})


class AAE(Matching, Autoencoding, Model):
    """An autoencoder whose codes an adversary holds to the prior."""

    entry = "aae"
    phases: ClassVar = {
        "reconstruction": ("decoder",),
        "discriminator": ("discriminator",),
        "generator": ("encoder",),
    }
    tracked = ("distortion", "discriminator_loss", "generator_loss", "accuracy")
    reported = ("loss", "distortion")

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        classes: int | tuple[str, ...] = 10,
        likelihood: Likelihood = "bernoulli",
        latent_dim: int = 8,
        hidden_units: tuple[int, ...] = (1000, 1000),
        posterior: Literal["normal", "deterministic"] = "normal",
        smallest_stddev: float = 0.1,
        prior: Literal["normal", "petals"] = "normal",
        adversarial_weight: float = 40.0,
        gradient_penalty: float = 0.1,
    ):
        """Builds the model with fresh weights.

        Args:
            image_shape: height, width and channels of the images.
            classes: the number of classes, or their names; each is one petal of the prior.
            likelihood: the distribution of pixels: bernoulli on binarised images; normal with stddev 0.3, one learned
                stddev, or one for each pixel; logistic on the levels of 8 bits. By default bernoulli for grey images,
                logistic for colour.
            latent_dim: dimensions Z of the code; petals need 2.
            hidden_units: widths of the encoder's and the discriminator's hidden layers, mirrored in the decoder.
            posterior: a diagonal normal, or deterministic: one code per image.
            smallest_stddev: lower bound on the stddev of a normal posterior, which would otherwise shrink to a point
                and leave holes in the code.
            prior: standard normal, or petals: a 2-D normal for each class.
            adversarial_weight: lambda, the weight of the generator's loss against the distortion in the encoder's loss.
            gradient_penalty: gamma, the weight of R(D) in the discriminator's loss.

        Raises:
            TypeError, ValueError: a hyperparameter out of range; the message names it.
        """
        super().__init__(latent_dim=latent_dim, image_shape=image_shape, classes=classes, likelihood=likelihood)
        checks.one_of("posterior", posterior, ("deterministic", "normal"))
        checks.one_of("prior", prior, ("normal", "petals"))
        if prior == "petals" and latent_dim != 2:
            raise ValueError(f"the petals of the prior lie in a plane and need latent_dim 2, got {latent_dim}")
        self.match(smallest_stddev, adversarial_weight, gradient_penalty)
        self.has_petals, self.is_normal = prior == "petals", posterior == "normal"
        self.needs_labels = self.has_petals
        widths = dense.widths(hidden_units)
        self.encoder = dense.encoder(self.image_shape, self.latent_dim * (2 if self.is_normal else 1), widths)
        self.decoder = self.pixels.complete(dense.decoder(self.latent_dim, self.pixels.parameter_shape, widths[::-1]))
        petals = len(self.class_names) if self.has_petals else 0
        self.discriminator = dense.code_discriminator(self.latent_dim, widths, petals)

    @property
    def prior(self):
        """p(z), event [Z]: standard normal, or the mixture of the petals."""
        return priors.petals(len(self.class_names)) if self.has_petals else super().prior

    def prior_of(self, label):
        """p(z|y) of labels [B]: the class's own petal, or N(0, I) whatever the class."""
        return priors.petal(label, len(self.class_names)) if self.has_petals else self.prior

    def prior_draws(self, rows):
        """Codes [B, Z] of the prior, each from its row seed alone."""
        return priors.draw_petals(rows, len(self.class_names)) if self.has_petals else super().prior_draws(rows)

    def posterior(self, image):
        """q(z|x) of images [B, H, W, C]: batch [B], event [Z]."""
        parameters = self.encoder(image)
        if self.is_normal:
            return posteriors.diagonal_normal(parameters, self.smallest_stddev)
        return tfd.MultivariateNormalDiag(parameters, tf.zeros_like(parameters))  # a point

    def likelihood(self, latent):
        """p(x|z) of codes [..., Z]: batch [...], event [H, W, C]."""
        return self.pixels(apply(self.decoder, latent))

    def logit(self, latent, label):
        """The discriminator's logit of codes [B, Z], told their labels [B] where the prior has petals: [B, 1]."""
        return self.discriminator([latent, tf.one_hot(label, len(self.class_names))] if self.has_petals else latent)

    def update(self, batch, seed, step):
        """The three phases on one batch. Returns their losses and the discriminator's accuracy."""
        image, label, weight = batch["image"], batch.get("label"), batch.get("weight")
        noise, prior_noise = (self.noise(batch, part) for part in seeds.split(seed, 2))  # [B, Z] each
        prior_codes = self.prior_of(label).bijector.forward(prior_noise)  # z ~ p(z), of the batch's classes

        with tf.GradientTape() as encoder_tape:
            codes = self.posterior(image).bijector.forward(noise)  # z ~ q(z|x)
            with tf.GradientTape() as tape:  # reconstruction
                distortion = -losses.mean(self.likelihood(codes).log_prob(image), weight)
            self.descend("reconstruction", tape, distortion)

            with tf.GradientTape() as tape:  # discriminator
                fixed_codes, logit = tf.stop_gradient(codes), lambda latent: self.logit(latent, label)
                real, fake = logit(prior_codes), logit(fixed_codes)
                discriminator_loss = losses.discriminator_loss(real, fake, weight=weight)
                penalised_loss = self.smooth(discriminator_loss, logit, prior_codes, fixed_codes, weight)
            self.descend("discriminator", tape, penalised_loss)

            generator_loss = losses.generator_loss(logit(codes), weight)  # encoder as generator
            encoder_loss = distortion + self.adversarial_weight * generator_loss
        self.descend("generator", encoder_tape, encoder_loss)
        accuracy = losses.accuracy(real, fake)
        return dict(zip(self.tracked, (distortion, discriminator_loss, generator_loss, accuracy), strict=True))

    @graph
    def validation_terms(self, image, rows):
        """{"distortion": [B]} at the posterior's mean, nats; there is no bound on log p(x) here."""
        return {"distortion": -self.likelihood(self.code(image)).log_prob(image)}


build = AAE
