"""The adversarial autoencoder of Makhzani, Shlens, Jaitly, Goodfellow and Frey 2015 (arXiv 1511.05644).

    q(z) = E_x[q(z|x)]                       aggregated posterior, to be matched to any prior p(z)

Each minibatch passes three phases, each with its own optimiser (section 2):

    reconstruction   encoder and decoder    min  E_q[-log p(x|z)]
    discriminator    discriminator          min -E_p[log D(z)] - E_q[log (1 - D(z))]
    generator        encoder                min -E_q[log D(z)]

The posterior is normal or deterministic (its only noise is the data's); the prior is N(0, I) or a mixture of ten 2-D
normals, one a digit, whose label the discriminator is given (section 2.3, figure 4).

    python -m zoo.train aae     457 s; distortion 97.3 nats at test codes, their mean within 0.07 and covariance within
                                0.17 of the prior's; Parzen-window score 312 +- 2

on MNIST, two CPU cores that did other work meanwhile; last lines of the command and of `python -m zoo.evaluate RUN`.
"""

from typing import Literal

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import Autoencoding, Model, adversarial, checks, distributions, figures, networks, schedules, seeds
from tfgen.graphs import graph

tfd = tfp.distributions

EPOCHS = 20
BATCH_SIZE = 200
LEARNING_RATE = 1e-3
GENERATOR_RATE = 0.5  # step size of the generator's phase, as a share of the others'


class AAE(Autoencoding, Model):
    """An autoencoder whose codes an adversary holds to the prior."""

    entry = "aae"

    def __init__(self, latent_dim, hidden_units, posterior_kind, prior_kind, likelihood_kind):
        super().__init__(latent_dim)
        self.posterior_kind, self.prior_kind, self.likelihood_kind = posterior_kind, prior_kind, likelihood_kind
        self.binary = likelihood_kind == "bernoulli"
        self.encoder = networks.dense_encoder(latent_dim * (2 if posterior_kind == "normal" else 1), hidden_units)
        self.decoder = networks.dense_decoder(latent_dim, hidden_units[::-1])
        classes = checks.CLASSES if prior_kind == "mixture" else 0
        self.discriminator = networks.code_discriminator(latent_dim, hidden_units, classes)

    def compile(self, reconstruction, discriminator, generator):
        """Takes an optimiser for each phase."""
        self.compile_phases(
            reconstruction=(reconstruction, self.encoder, self.decoder),
            discriminator=(discriminator, self.discriminator),
            generator=(generator, self.encoder),
        )

    @property
    def prior(self):
        """p(z), event [Z]: standard normal, or the mixture of ten normals."""
        if self.prior_kind == "mixture":
            weights = tfd.Categorical(probs=tf.fill([checks.CLASSES], 1 / checks.CLASSES))
            return tfd.MixtureSameFamily(weights, distributions.digit_petals(tf.range(checks.CLASSES)))
        return super().prior

    def posterior(self, image):
        """q(z|x) of images [B, 28, 28, 1]: batch [B], event [Z]."""
        if self.posterior_kind == "normal":
            return distributions.diagonal_normal(self.encoder(image))
        return tfd.VectorDeterministic(self.encoder(image))

    def likelihood(self, latent):
        """p(x|z) of codes [..., Z]: batch [...], event [28, 28, 1]."""
        logits = networks.apply(self.decoder, latent)
        if self.likelihood_kind == "bernoulli":
            return distributions.bernoulli_image(logits)
        return distributions.normal_image(logits)

    def codes(self, image, noise):
        """z ~ q(z|x) of images [B, 28, 28, 1], reparameterised by noise [B, Z]."""
        posterior = self.posterior(image)
        return posterior.bijector.forward(noise) if self.posterior_kind == "normal" else posterior.mean()

    def centre(self, image):
        """The code that stands for an image, [B, Z]: the posterior's mean."""
        return self.posterior(image).mean()

    def _draw_prior(self, rows):
        if self.prior_kind == "normal":
            return super()._draw_prior(rows)
        draws = seeds.map_rows(distributions.draw_petal, rows)  # [B, 1 + Z]: the digit, the noise
        return distributions.digit_petals(tf.cast(draws[:, 0], tf.int64)).bijector.forward(draws[:, 1:])

    def logit(self, latent, label):
        """The discriminator's logit of codes [B, Z], given their digits [B] where the prior is a mixture: [B, 1]."""
        if self.prior_kind == "normal":
            return self.discriminator(latent)
        return self.discriminator([latent, tf.one_hot(label, checks.CLASSES)])

    def update(self, batch, seed, step):
        """The three phases on one batch. Returns their losses and the discriminator's accuracy."""
        image, label = batch["image"], batch.get("label")
        if label is None and self.prior_kind == "mixture":
            raise ValueError("the prior is a mixture by digit: call fit(images, digits)")
        noise, fresh_noise, prior_noise = (self.noise(batch, part) for part in seeds.split(seed, 3))  # [B, Z] each

        with tf.GradientTape() as tape:  # reconstruction
            distortion = -tf.reduce_mean(self.likelihood(self.codes(image, noise)).log_prob(image))
        self.descend("reconstruction", tape, distortion)

        wanted = self.prior_given(label).bijector.forward(prior_noise)  # z ~ p(z), of the batch's digits
        with tf.GradientTape() as encoder_tape:
            codes = self.codes(image, fresh_noise)
            with tf.GradientTape() as tape:  # discriminator
                real, fake = self.logit(wanted, label), self.logit(tf.stop_gradient(codes), label)
                discriminator_loss = adversarial.discriminator_loss(real, fake)
            self.descend("discriminator", tape, discriminator_loss)
            generator_loss = adversarial.generator_loss(self.logit(codes, label))  # encoder as generator
        self.descend("generator", encoder_tape, generator_loss)
        return {
            "distortion": distortion,
            "discriminator_loss": discriminator_loss,
            "generator_loss": generator_loss,
            "accuracy": adversarial.accuracy(real, fake),
        }

    def prior_given(self, label):
        """p(z|y) of digits [B]: the digit's own component of a mixture, or N(0, I) whatever the digit."""
        return distributions.digit_petals(label) if self.prior_kind == "mixture" else self.prior

    def validation_terms(self, image, rows):
        """{"distortion": [B]} at the posterior's mean, nats; there is no bound on log p(x) here."""
        return {"distortion": self._distortion(image)}

    @graph
    def _distortion(self, image):
        return -self.likelihood(self.centre(image)).log_prob(image)


def build(
    *,
    latent_dim: int = 8,
    hidden_units: tuple[int, ...] = (1000, 1000),
    posterior: Literal["normal", "deterministic"] = "normal",
    prior: Literal["normal", "mixture"] = "normal",
    likelihood: Literal["bernoulli", "normal"] = "bernoulli",
) -> AAE:
    """Builds the model with fresh weights.

    Args:
        latent_dim: dimensions Z of the code; 2 for the mixture prior.
        hidden_units: widths of the encoder's and the discriminator's hidden layers, mirrored in the decoder.
        posterior: a diagonal normal, or deterministic: one code an image.
        prior: standard normal, or a 2-D mixture of ten normals, one a digit.
        likelihood: of pixels: Bernoulli on binarised images, or normal with a fixed stddev on grey ones.

    Raises:
        TypeError, ValueError: a hyperparameter out of range; the message names it.
    """
    checks.positive_int("latent_dim", latent_dim)
    hidden_units = networks.check("dense", hidden_units)
    checks.one_of("posterior", posterior, ("deterministic", "normal"))
    checks.one_of("prior", prior, ("normal", "mixture"))
    checks.one_of("likelihood", likelihood, ("bernoulli", "normal"))
    if prior == "mixture" and latent_dim != 2:
        raise ValueError(f"prior mixture lies in a plane and needs latent_dim 2, got {latent_dim}")
    return AAE(latent_dim, hidden_units, posterior, prior, likelihood)


def compile_model(model: AAE, *, learning_rate: float, steps: int | None) -> None:
    """Gives each phase its Adam; over `steps` step sizes fall to zero along half a cosine, the generator's lower."""
    step_size = schedules.falling(learning_rate, steps)
    lower = schedules.falling(learning_rate * GENERATOR_RATE, steps)
    model.compile(
        reconstruction=keras.optimizers.Adam(step_size),
        discriminator=keras.optimizers.Adam(step_size, beta_1=0.5),
        generator=keras.optimizers.Adam(lower, beta_1=0.5),
    )


def draw(model: AAE, dataset) -> dict:
    """The figures of a trained model, by name; `latent` shows test codes beside samples of the prior."""
    wanted = model.draw_prior(seeds.row_seeds(1, len(dataset.test.images)))
    beside = figures.latent(model, dataset.test, prior_samples=wanted)
    return figures.of_autoencoder(model, dataset.test) | {"latent": beside}
